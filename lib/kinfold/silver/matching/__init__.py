"""Fuzzy matching: records of the same person, by Fellegi-Sunter weights learnt without labels.

Reading order: `settings` (configuration and the map of columns), `model.kinds` (normalised values),
`records`, `blocking` (candidate pairs), `model.comparisons` (agreement levels), `scoring`
(agreement patterns), `model.em` and `model.parameters` (the model), `clustering` (profiles),
`estimates`, `engine` (all steps), `files` (the job `match_people`).
"""
