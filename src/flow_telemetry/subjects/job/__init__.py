"""The inside of a job."""
