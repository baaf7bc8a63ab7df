"""What the earlier steps of a job left to its export, in the runner's folder: looked for once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow_telemetry.inside.handed_on import HandedOn, read_handed_on
from flow_telemetry.inside.sampled import was_sampled

if TYPE_CHECKING:
    from flow_telemetry.model.measured import MachineSamples


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBySteps:
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


def take_what_steps_left(folder: Path | None) -> LeftBySteps:
    """Return what lies in the folder of a job; this ends its sampler, whose files go."""
    if folder is None:
        return LeftBySteps()
    note = read_handed_on(folder)
    if not was_sampled(folder):
        return LeftBySteps(note=note)
    from flow_telemetry.inside.sampling import stop_sampler  # noqa: PLC0415 - loads psutil

    return LeftBySteps(note=note, sampled=True, samples=stop_sampler(folder))
