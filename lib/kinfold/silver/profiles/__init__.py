"""One row per person, over all their identifiers."""
