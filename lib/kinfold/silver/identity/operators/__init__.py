"""What operators use: link, unlink, release, explain, what-if."""
