"""HTTP: one session, one retry policy, one cache."""
