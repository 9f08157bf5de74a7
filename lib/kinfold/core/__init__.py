"""Errors, settings and progress messages for every layer. No Spark, no customer data."""
