"""How likely a person is to act within a horizon."""
