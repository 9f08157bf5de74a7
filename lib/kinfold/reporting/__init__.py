"""Reports on a lake: a summary for the terminal and an HTML page with charts."""
