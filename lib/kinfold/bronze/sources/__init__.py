"""Sources: what source files declare, and readers of files and Kafka topics."""
