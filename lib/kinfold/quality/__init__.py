"""Declared expectations, judged by Great Expectations before a table is published."""
