"""What a run did, for people: a summary in the terminal and a page with pictures."""
