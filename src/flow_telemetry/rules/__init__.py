"""The decisions, pure: what belongs to what, what leaves, when things began and ended."""
