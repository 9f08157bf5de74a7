"""Groups of people who behave alike, with names."""
