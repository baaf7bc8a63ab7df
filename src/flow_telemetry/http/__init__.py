"""HTTP: one session, one retry policy."""
