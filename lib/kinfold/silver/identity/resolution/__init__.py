"""Incremental identity resolution: from changed links to changed profiles."""
