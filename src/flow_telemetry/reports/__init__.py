"""Files that a job writes: tests, coverage, logs."""
