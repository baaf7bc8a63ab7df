"""What earlier steps left for the export."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow_telemetry.process.samples import was_sampled

if TYPE_CHECKING:
    from flow_telemetry.model.measurements import MachineSamples

# What the context step of a job hands on to the export in the same job: where the job's span is.
#
# The note lies in the runner's temporary folder, where every step of the job can write. So it is
# read as an untrusted text, and the export believes of it only what it could have found itself.

_NOTE = "context.json"
_MOST_BYTES = 20_000
_MOST_REFERENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """The context that later steps got, by flow references.

    ``path`` is what stands above the run in its trace, nearest first. ``outer`` is the
    `traceparent` that was there already and was kept, else empty.
    """

    run: str
    job: str
    path: tuple[str, ...]
    outer: str = ""


def hand_on(folder: Path, context: HandedOn) -> None:
    """Leave the note for the export.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / _NOTE).write_text(json.dumps(asdict(context)), encoding="utf-8")


def read_handed_on(folder: Path) -> HandedOn | None:
    """Return the note of the context step; None where there is none, or it is damaged."""
    path = folder / _NOTE
    try:
        if not path.is_file():  # Whoever put a pipe there would have us wait for ever.
            return None
        with path.open(encoding="utf-8") as file:
            return _parsed(json.loads(file.read(_MOST_BYTES)))
    except (OSError, ValueError, RecursionError):
        return None


def _parsed(note: object) -> HandedOn | None:
    if not isinstance(note, dict):
        return None
    run, job, outer, path = (note.get(name) for name in ("run", "job", "outer", "path"))
    texts = (run, job, outer, *(path if isinstance(path, list) else (None,)))
    if not all(isinstance(each, str) for each in texts) or len(texts) > _MOST_REFERENCES:
        return None
    return HandedOn(run=str(run), job=str(job), outer=str(outer), path=tuple(map(str, path or ())))


# What the earlier steps of a job left to its export, in the runner's folder: looked for once.


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """The note of the context step, and what its sampler saw.

    ``sampled`` is whether one was started; where it is, there may be no ``samples`` all the same.
    """

    note: HandedOn | None = None
    sampled: bool = False
    samples: MachineSamples | None = None

    @property
    def anything(self) -> bool:
        """Whether a step left something."""
        return self.sampled or self.note is not None


def take_handoff(folder: Path | None) -> Handoff:
    """Return what lies in the folder of a job; this ends its sampler, whose files go."""
    if folder is None:
        return Handoff()
    note = read_handed_on(folder)
    if not was_sampled(folder):
        return Handoff(note=note)
    from flow_telemetry.process.sampling import stop_sampler  # noqa: PLC0415 - loads psutil

    return Handoff(note=note, sampled=True, samples=stop_sampler(folder))
