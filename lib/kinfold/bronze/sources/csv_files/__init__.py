"""CSV files: how they are written, their parser, and their records as columns."""
