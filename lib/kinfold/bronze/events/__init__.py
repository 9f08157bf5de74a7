"""Events: from a source into bronze.events, each with its verdict."""
