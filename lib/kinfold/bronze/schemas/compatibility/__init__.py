"""Compatibility of two versions of a schema: their changes, and the version number these need."""
