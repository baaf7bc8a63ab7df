"""Handoff from earlier steps of a job to its export: the trace context and machine samples."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow_telemetry.files import is_own_folder, make_own_folder, replace_file
from flow_telemetry.process.samples import was_sampled

if TYPE_CHECKING:
    from flow_telemetry.model.measurements import MachineSamples

_FILE_NAME = "context.json"
_MOST_BYTES = 20_000
_MOST_REFERENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextNote:
    """The trace context that a context step set for later steps of the job, by flow references.

    ``path`` lists the ancestors of the run in its trace, nearest first. ``outer`` is the
    `traceparent` that the job had before and that was kept, or empty.
    """

    run: str
    job: str
    path: tuple[str, ...]
    outer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """The note of the context step, and the samples of the machine.

    ``sampled`` is whether a sampler was started; it may have written no ``samples``.
    """

    note: ContextNote | None = None
    sampled: bool = False
    samples: MachineSamples | None = None

    @property
    def empty(self) -> bool:
        """Whether there was no context step and no sampler."""
        return not self.sampled and self.note is None


def take_handoff(folder: Path | None) -> Handoff:
    """Read the folder of a job, stop the job's sampler and delete the sampler's files."""
    # What a link leads to is not ours to read, stop or delete.
    if folder is None or not is_own_folder(folder):
        return Handoff()
    note = read_note(folder)
    if not was_sampled(folder):
        return Handoff(note=note)
    from flow_telemetry.process.sampling import stop_sampler  # noqa: PLC0415 - loads psutil

    return Handoff(note=note, sampled=True, samples=stop_sampler(folder))


def write_note(folder: Path, note: ContextNote) -> None:
    """Write the note of the context step into the folder of a job.

    Raises:
        OSError: the folder cannot be written, or is a link.
    """
    make_own_folder(folder)
    replace_file(folder / _FILE_NAME, json.dumps(asdict(note)).encode())


def read_note(folder: Path) -> ContextNote | None:
    """Return the note of the context step; None if it is missing or damaged.

    Every step of the job can write this file, so it is parsed as untrusted text. The export uses
    only references that it has read from GitHub itself.
    """
    path = folder / _FILE_NAME
    try:
        if not path.is_file():  # Reading a pipe would block for ever.
            return None
        with path.open(encoding="utf-8") as file:
            payload = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(payload, dict):
        return None
    run, job, outer, ancestors = (payload.get(name) for name in ("run", "job", "outer", "path"))
    texts = (run, job, outer, *(ancestors if isinstance(ancestors, list) else (None,)))
    if not all(isinstance(text, str) for text in texts) or len(texts) > _MOST_REFERENCES:
        return None
    path_above = tuple(map(str, ancestors or ()))
    return ContextNote(run=str(run), job=str(job), outer=str(outer), path=path_above)
