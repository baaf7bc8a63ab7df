"""What the inside of a job adds to its export: the context that was told, samples, and reports."""

from __future__ import annotations

from flow_telemetry.model import Lineage, Parentage
from flow_telemetry.parts import Parts
from flow_telemetry.settings import Settings
from flow_telemetry.signals.placement import Placement
from flow_telemetry.subjects.inside.found import Inside
from flow_telemetry.subjects.run_read import RunRead


def told_path(found: RunRead) -> tuple[str, ...] | None:
    """Return what the context step of this job told that stands above the run; None without one.

    It is believed where it names nothing but what the run belongs to, or not all of that could
    be read now: any step of the job could have written it.
    """
    own, run, note = found.part.own_job, found.part.run, found.left.note
    if own is None or note is None:
        return None
    if (note.run, note.job) != (run.reference, run.job_reference(own)):
        return None
    return note.path if may_stand_above(note.path, found.parentage, found.lineage) else None


def may_stand_above(path: tuple[str, ...], parentage: Parentage, lineage: Lineage) -> bool:
    """Return whether all of a path is of what a run belongs to, as far as that could be read."""
    changes = (parentage.change, *parentage.others)
    known = {change.reference for change in changes if change is not None}
    known |= {item.reference for item in (*lineage.items, *lineage.others)}
    return bool(parentage.unread or lineage.unread) or known.issuperset(path)


def inside_of(settings: Settings, found: RunRead, placement: Placement, parts: Parts) -> Inside:
    """Return what is read of the inside of its jobs; loaded only where something is asked for."""
    if not settings.inside.asked and not found.left.anything:
        return Inside()
    from flow_telemetry.subjects.inside.read import read_inside  # noqa: PLC0415

    above = found.parentage
    return read_inside(
        settings,
        found.part,
        placement,
        parts,
        left=found.left,
        default_branch=found.branch_by_default,
        change=None if above.after_merge else above.change,
    )
