"""Matching of one file of person records, as the job `match_people` does it."""
