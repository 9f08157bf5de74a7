"""Quality gate: declared expectations, checked before a table is published."""
