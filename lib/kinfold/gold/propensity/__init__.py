"""Purchase propensity: the probability that a person buys within a horizon."""
