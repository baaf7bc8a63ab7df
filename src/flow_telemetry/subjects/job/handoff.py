"""Handoff from earlier steps of a job to its export: the trace context and machine samples."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow_telemetry.process.samples import was_sampled

if TYPE_CHECKING:
    from flow_telemetry.model.measurements import MachineSamples

_NOTE = "context.json"
_MOST_BYTES = 20_000
_MOST_REFERENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """The trace context that later steps of the job got, by flow references.

    ``path`` holds the ancestors of the run in its trace, nearest first. ``outer`` is the
    `traceparent` that the job had before and that was kept, or empty.
    """

    run: str
    job: str
    path: tuple[str, ...]
    outer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """The note of the context step, and the samples of the machine.

    ``sampled`` is whether a sampler was started; it may have left no ``samples``.
    """

    note: HandedOn | None = None
    sampled: bool = False
    samples: MachineSamples | None = None

    @property
    def anything(self) -> bool:
        """Whether a step left something."""
        return self.sampled or self.note is not None


def take_handoff(folder: Path | None) -> Handoff:
    """Read the folder of a job, stop the job's sampler and delete the sampler's files."""
    if folder is None:
        return Handoff()
    note = read_handed_on(folder)
    if not was_sampled(folder):
        return Handoff(note=note)
    from flow_telemetry.process.sampling import stop_sampler  # noqa: PLC0415 - loads psutil

    return Handoff(note=note, sampled=True, samples=stop_sampler(folder))


def hand_on(folder: Path, context: HandedOn) -> None:
    """Write the note of the context step.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / _NOTE).write_text(json.dumps(asdict(context)), encoding="utf-8")


def read_handed_on(folder: Path) -> HandedOn | None:
    """Return the note of the context step; None if it is missing or damaged.

    Every step of the job can write this file, so it is parsed as untrusted text. The export uses
    only references that it could have found itself.
    """
    path = folder / _NOTE
    try:
        if not path.is_file():  # Reading a pipe would block for ever.
            return None
        with path.open(encoding="utf-8") as file:
            note = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(note, dict):
        return None
    run, job, outer, path_above = (note.get(name) for name in ("run", "job", "outer", "path"))
    texts = (run, job, outer, *(path_above if isinstance(path_above, list) else (None,)))
    if not all(isinstance(text, str) for text in texts) or len(texts) > _MOST_REFERENCES:
        return None
    above = tuple(map(str, path_above or ()))
    return HandedOn(run=str(run), job=str(job), outer=str(outer), path=above)
