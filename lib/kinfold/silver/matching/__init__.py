"""Fuzzy matching: which records are the same person, by Fellegi-Sunter weights learnt unlabelled.

Read in this order: `settings` (what a person says), `kinds` (comparable values), `records`,
`blocking` (candidate pairs), `comparisons` (agreement levels), `scoring`, `em` (the model's
numbers), `model`, `clustering` (people out of links), `estimates`, `truth`, and `engine`, which
runs all of it.
"""
