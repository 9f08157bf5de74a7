"""What was known of a person at a moment."""
