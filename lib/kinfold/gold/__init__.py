"""Gold: features of people, their segments and their purchase propensity."""
