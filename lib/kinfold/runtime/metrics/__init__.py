"""Prometheus metrics of jobs and of streaming queries."""
