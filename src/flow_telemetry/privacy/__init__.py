"""Redaction of credentials, people and private data before export and display."""
