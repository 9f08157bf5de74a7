"""Segments: clusters of people with similar behaviour, with names."""
