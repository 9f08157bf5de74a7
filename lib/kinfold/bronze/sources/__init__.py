"""Where records come from: source files, and readers of files and Kafka topics."""
