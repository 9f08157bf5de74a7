"""Profiles: one row per person, over all their identifiers."""
