"""The files that a sampler and the steps of its job share, known without loading psutil."""

from __future__ import annotations

from pathlib import Path

SAMPLES, NOTE = "samples.jsonl", "sampler.json"


def was_sampled(folder: Path) -> bool:
    """Whether a sampler was started in the folder and is not stopped yet."""
    return any((folder / name).exists() for name in (NOTE, SAMPLES))
