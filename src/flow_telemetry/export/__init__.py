"""Sending over OTLP/HTTP, and keeping on disk what was not delivered."""
