"""Rejected events: declared fixes, and the replay of the events that they repair."""
