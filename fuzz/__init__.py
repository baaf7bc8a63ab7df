"""Mutated answers, reports and settings, by chance or guided by coverage: see docs/fuzzing.md."""
