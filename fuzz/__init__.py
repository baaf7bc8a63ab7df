"""Mutated answers, reports and settings, by chance or by coverage: docs/contributing/fuzzing.md."""
