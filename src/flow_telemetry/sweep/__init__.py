"""Sweeps: exports of everything that ended since the last one, each thing once."""
