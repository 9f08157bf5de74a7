"""Checks of the whole lake: conservation laws of the ledger, and freshness of the sources."""
