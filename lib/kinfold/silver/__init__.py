"""One truth per person: typed events, identifiers, profiles."""
