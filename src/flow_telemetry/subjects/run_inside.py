"""What the steps of a job leave to its export: the context that was told, samples, and reports."""

from __future__ import annotations

from flow_telemetry.inside.handed_on import read_handed_on
from flow_telemetry.inside.sampled import was_sampled
from flow_telemetry.parts import Parts
from flow_telemetry.settings import Settings
from flow_telemetry.signals.placement import Placement
from flow_telemetry.subjects.inside.found import Inside
from flow_telemetry.subjects.run_read import RunRead


def told_path(settings: Settings, found: RunRead) -> tuple[str, ...] | None:
    """Return what the context step of this job told that stands above the run; None without one.

    It is believed where it names nothing but what the run belongs to, or not all of that could
    be read now: any step of the job could have written it.
    """
    own, run = found.part.own_job, found.part.run
    note = read_handed_on(settings.runner.own_folder) if own is not None else None
    if own is None or note is None:
        return None
    if (note.run, note.job) != (run.reference, run.job_reference(own)):
        return None
    changes = (found.parentage.change, *found.parentage.others)
    known = {change.reference for change in changes if change is not None}
    known |= {item.reference for item in (*found.lineage.items, *found.lineage.others)}
    return note.path if found.unread or known.issuperset(note.path) else None


def inside_of(settings: Settings, found: RunRead, placement: Placement, parts: Parts) -> Inside:
    """Return what is read of the inside of its jobs; loaded only where something is asked for."""
    handed = settings.runner.own_folder
    left_by_a_step = found.part.partial and handed is not None and handed.is_dir()
    if not settings.inside.asked and not left_by_a_step:
        return Inside()
    from flow_telemetry.subjects.inside.read import read_inside  # noqa: PLC0415

    above = found.parentage
    return read_inside(
        settings,
        found.part,
        placement,
        parts,
        default_branch=found.branch_by_default,
        change=None if above.after_merge else above.change,
    )


def end_sampler(settings: Settings) -> None:
    """Stop the sampler of this job, if one still runs."""
    folder = settings.runner.own_folder
    if folder is not None and was_sampled(folder):
        from flow_telemetry.inside.sampling import stop_sampler  # noqa: PLC0415 - loads psutil

        stop_sampler(folder)
