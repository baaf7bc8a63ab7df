"""Fakes with behaviour: a GitHub and an OTLP backend on loopback, for the tests and the demo."""
