"""Gold: features of people, the segments they form and how likely they are to act."""
