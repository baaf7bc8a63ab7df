"""GitHub: a thin client, pure parsing, and what is read for a run."""
