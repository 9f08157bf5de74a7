"""Matching of one file of person records: the parts of the job `match_people`."""
