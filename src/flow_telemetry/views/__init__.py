"""Outcomes and traces as text for people: pure, nobody here prints."""
