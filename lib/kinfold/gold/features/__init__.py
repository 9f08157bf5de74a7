"""Features of people as of a moment."""
