"""A pull request to measurements, each time that it ends.

What happened is counted since its last end, so that a reopened change counts nothing twice; its
size, and the times that count from its opening, are as of now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Change, Event, EventKind
from flow_telemetry.rules.flow import Flow, change_flows
from flow_telemetry.rules.lives import happened
from flow_telemetry.rules.phases import phases
from flow_telemetry.rules.reviewing import PhaseKind
from flow_telemetry.rules.reviews import first_approval, first_review, review_rounds
from flow_telemetry.signals import instruments as table
from flow_telemetry.signals import metric_semconv as names
from flow_telemetry.signals import semconv
from flow_telemetry.signals.metrics.points import Points, branch, points_of, seconds_between
from flow_telemetry.signals.spans import Facts
from flow_telemetry.telemetry import Instrument, Measurement, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """A change at the end of its last life; ``before`` is its end before, None for the first."""

    change: Change
    flow: Flow
    before: datetime | None
    events: Sequence[Event]
    points: Points

    def is_new(self, time: datetime | None) -> bool:
        """Whether something happened since its end before."""
        return time is not None and (self.before is None or time > self.before)

    @property
    def new(self) -> Sequence[Event]:
        """What happened since its end before."""
        return [event for event in self.events if self.is_new(event.time)]


def change_measurements(
    change: Change, resource: Resource, extra: tuple[str, ...] = (), *, keys: Facts = ()
) -> Iterator[Measurement]:
    """Return the measurements of a change that ended; none of one that is open.

    Where not all of its timeline could be read, only what needs none of it is measured. ``extra``
    are attributes that the user adds, ``keys`` what those may name of the things above.
    """
    flows = change_flows(change)
    if change.created_at is None or not flows:
        return
    end = flows[-1].life.interval.end
    ended = _Ended(
        change=change,
        flow=flows[-1],
        before=flows[-2].life.interval.end if len(flows) > 1 else None,
        events=happened(change.timeline, change.created_at, end),
        points=points_of(resource, (*_facts(change), *keys), extra),
    )
    yield from _end_and_size(ended)
    if change.timeline_complete:
        yield from _told(ended)
        if semconv.VCS_REF_HEAD_NAME in extra:
            yield from _conventions(ended)


def _facts(change: Change) -> Facts:
    return (
        (names.REPOSITORY, change.repository.full_name),
        (names.REPOSITORY_URL, change.repository.url),
        (names.BRANCH, branch(change.base_branch, change.default_branch)),
        (names.AUTHOR_KIND, change.author.kind.value if change.author else None),
        (names.CHANGE_STATE, "closed" if change.merged_at is None else "merged"),
        (semconv.VCS_CHANGE_ID, str(change.number)),
        (semconv.VCS_REF_HEAD_NAME, change.head_branch),
    )


def _end_and_size(ended: _Ended) -> Iterator[Measurement]:
    change, points = ended.change, ended.points
    yield from points.of(table.CHANGE_COUNT, 1)
    to_merge = seconds_between(change.created_at, change.merged_at)
    yield from points.of(table.CHANGE_TIME_TO_MERGE, to_merge)
    yield from points.of(table.CHANGE_COMMITS, change.commits)
    yield from points.of(table.CHANGE_LINES, change.additions, (names.LINE_CHANGE, "added"))
    yield from points.of(table.CHANGE_LINES, change.deletions, (names.LINE_CHANGE, "removed"))
    yield from points.of(table.CHANGE_FILES, change.changed_files)


def _told(ended: _Ended) -> Iterator[Measurement]:
    """What the timeline tells."""
    change, points, flow = ended.change, ended.points, ended.flow
    if flow.life.number > 1:
        yield from points.of(table.CHANGE_REOPENED, 1)
    yield from points.of(table.CHANGE_DURATION, flow.duration)
    yield from points.of(table.CHANGE_ACTIVE_TIME, flow.active_time)
    yield from points.of(table.CHANGE_EFFICIENCY, flow.efficiency)
    for kind, spent in _time_in_phases(change, flow.life.number).items():
        yield from points.of(table.CHANGE_PHASE_DURATION, spent, (names.PHASE, kind.value))
    for instrument, first in (
        (table.CHANGE_TIME_TO_FIRST_REVIEW, first_review(change, ended.events)),
        (table.CHANGE_TIME_TO_APPROVAL, first_approval(change, ended.events)),
    ):
        if ended.is_new(first):
            yield from points.of(instrument, seconds_between(change.created_at, first))
    for instrument, kind_of_event in _COUNTED:
        yield from points.of(instrument, sum(e.kind is kind_of_event for e in ended.new))
    yield from points.of(table.CHANGE_REVIEW_ROUNDS, review_rounds(change, ended.new))


_COUNTED: tuple[tuple[Instrument, EventKind], ...] = (
    (table.CHANGE_COMMENTS, EventKind.COMMENTED),
    (table.CHANGE_REVIEWS, EventKind.REVIEWED),
)


def _time_in_phases(change: Change, life: int | None = None) -> dict[PhaseKind, float]:
    """Return the seconds in each phase that there was, of one life or of all."""
    found: dict[PhaseKind, float] = {}
    for phase in phases(change):
        if life is None or phase.life == life:
            found[phase.kind] = found.get(phase.kind, 0) + phase.interval.seconds
    return found


def _conventions(ended: _Ended) -> Iterator[Measurement]:
    """The conventions' gauges, which require the branch; a draft is work in progress."""
    change, points = ended.change, ended.points
    spent = _time_in_phases(change)
    drafted = spent.pop(PhaseKind.DRAFT, 0)
    for state, value in (("wip", drafted), ("open", sum(spent.values()))):
        yield from points.of(table.VCS_CHANGE_DURATION, value, (names.CHANGE_STATE, state))
    approved = first_approval(change, ended.events)
    to_approval = seconds_between(change.created_at, approved)
    yield from points.of(table.VCS_CHANGE_TIME_TO_APPROVAL, to_approval)
    to_merge = seconds_between(change.created_at, change.merged_at)
    yield from points.of(table.VCS_CHANGE_TIME_TO_MERGE, to_merge)
