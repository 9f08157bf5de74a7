"""Spark session, jobs, and reading and writing of tables. No other package does these."""
