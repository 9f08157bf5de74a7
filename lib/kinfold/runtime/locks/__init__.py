"""Write locks of tables: one writing process at a time, in a folder or in S3.

Delta has no lock between processes in folders and in S3: two processes can write the same version
of a table, and both take it for committed.
"""
