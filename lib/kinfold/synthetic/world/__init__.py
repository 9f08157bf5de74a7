"""A generated world on disk: its files, the truth beside them, and the code that writes both."""
