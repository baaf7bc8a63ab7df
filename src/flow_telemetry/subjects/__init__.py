"""What an export is about."""
