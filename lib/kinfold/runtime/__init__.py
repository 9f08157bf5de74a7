"""The only code that opens a session and reads or writes tables."""
