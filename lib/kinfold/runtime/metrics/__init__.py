"""Prometheus metrics: a scrape endpoint for streams, a file or a push for jobs.

Publishing never fails or delays the measured work.
"""
