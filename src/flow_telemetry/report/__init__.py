"""Reports for users: job summary, terminal and HTML page."""
