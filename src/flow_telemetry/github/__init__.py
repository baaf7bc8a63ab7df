"""GitHub's API and webhooks."""
