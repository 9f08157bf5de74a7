"""Writes without Spark: Parquet files by Python workers, committed by the driver; optional."""
