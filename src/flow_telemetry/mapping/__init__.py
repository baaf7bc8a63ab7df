"""Records to spans, log records and metrics."""
