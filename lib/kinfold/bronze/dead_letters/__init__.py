"""Rejected events: fixes that a person declares, and the replay of what they repair."""
