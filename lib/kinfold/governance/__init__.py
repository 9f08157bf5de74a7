"""What must be true of the whole lake, and the proof that it is."""
