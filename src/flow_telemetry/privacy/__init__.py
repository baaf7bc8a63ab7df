"""What may be sent and shown."""
