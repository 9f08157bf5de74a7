"""The people of a generated world: what they are like, what identifies them, what they share."""
