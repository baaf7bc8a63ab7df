"""GitHub Actions runs as OpenTelemetry traces, under ids derived from the things' own keys."""

__version__ = "0.1.0"
