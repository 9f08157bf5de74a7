"""Checkpoints of streams: whether they are intact, and where a stream continues."""
