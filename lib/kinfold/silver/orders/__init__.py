"""Orders: what each is worth by all events about it, and whose it is."""
