"""Records become typed, comparable events."""
