"""Links of the identity graph: from events, records, fuzzy matches and operators."""
