"""Bronze: land every record as it came, with a verdict, and lose none."""
