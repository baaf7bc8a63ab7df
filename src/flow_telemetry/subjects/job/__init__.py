"""Telemetry from the inside of a job: tests, coverage, measurements, logs and tools."""
