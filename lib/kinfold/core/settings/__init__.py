"""Settings: their types, the files they are read from, and the command line of a job."""
