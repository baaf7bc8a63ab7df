"""Inside a job: its trace context, a command measured, and the machine sampled."""
