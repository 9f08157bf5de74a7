"""Which identifiers are one person."""
