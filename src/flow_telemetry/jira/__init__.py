"""Jira's API."""
