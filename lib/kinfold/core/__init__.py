"""What every layer stands on: errors, settings, progress. No Spark, no customer data."""
