"""What only a job's own machine knows, or its logs: read and mapped beside the run's spans."""
