"""Write locks of tables: one writing process at a time, in a folder or in S3."""
