"""What spans mean to a reader: kinds, titles, causes of failures, waits and critical paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from flow_telemetry.report.terminal import Node, entity_type, is_wait, walk
from flow_telemetry.rules.intervals import SUCCESSION, find_chain
from flow_telemetry.telemetry import OPENING, Span

_SECOND = 1_000_000_000
_SUCCESSION = round(SUCCESSION.total_seconds()) * _SECOND
_TITLES = ("vcs.change.title", "flow.work_item.title", "github.run.title")
_CHANGE_ID = "vcs.change.id"


class Meaning(Enum):
    """What a span is, with the word in the legend; each has a colour."""

    EPIC = "epic"
    STORY = "story"
    CHANGE = "pull request"
    PHASE = "phase, status"
    RUN = "run"
    JOB = "job"
    STEP = "step"
    WAIT = "waiting"
    BLOCKED = "blocked"
    DEPLOYMENT = "deployment"
    OTHER = "other"


_MEANINGS = {
    "change": Meaning.CHANGE,
    "phase": Meaning.PHASE,
    "status": Meaning.PHASE,
    "run": Meaning.RUN,
    "linked_run": Meaning.RUN,
    "job": Meaning.JOB,
    "step": Meaning.STEP,
    "command": Meaning.STEP,
    "blocked": Meaning.BLOCKED,
    "deployment": Meaning.DEPLOYMENT,
}
_ITEMS = ("work_item", OPENING[1], "life")


def meaning_of(node: Node, parent: Node | None) -> Meaning:
    """Return what a span is. A work item is an epic if it is the root and has items below it."""
    span = node.span
    if is_wait(span):
        return Meaning.WAIT
    entity = entity_type(span)
    if entity not in _ITEMS:
        return _MEANINGS.get(entity, Meaning.OTHER)
    if entity != "work_item" and _CHANGE_ID in span.attributes:
        return Meaning.CHANGE
    if entity == "life" and parent is not None:
        return meaning_of(parent, None)
    has_items = any(
        entity_type(child.span) in ("work_item", OPENING[1])
        and _CHANGE_ID not in child.span.attributes
        for child in node.children
    )
    key = span.attributes.get("flow.feature.key")
    is_feature = key is not None and key == span.attributes.get("flow.work_item.key")
    return Meaning.EPIC if is_feature or (parent is None and has_items) else Meaning.STORY


def title_of(node: Node) -> str:
    """Return the title of what a span is about; an opening has that of its first life."""
    spans = [node.span]
    if entity_type(node.span) == OPENING[1]:
        spans = [child.span for child in node.children if entity_type(child.span) == "life"]
    titles = (span.attributes.get(name) for span in spans for name in _TITLES)
    return next((title for title in titles if isinstance(title, str) and title), "")


def find_causes(roots: Iterable[Node]) -> list[Node]:
    """Return the failed spans without a failed span below them, in order of the tree.

    The others failed because these did. A deployment failed because a job did that ended with it:
    its end and result are those of its job.
    """
    roots = list(roots)
    # Both were read off GitHub's times in seconds; the order of spans is kept by microseconds.
    job_ends = {
        node.span.end // _SECOND
        for node, _, _ in walk(roots)
        if node.span.error is not None and entity_type(node.span) == "job"
    }
    # From the bottom up, so that each span is looked at once.
    failed_below: set[int] = set()
    causes: list[Node] = []
    for node, _, _ in reversed(list(walk(roots))):
        below = any(id(child) in failed_below for child in node.children)
        of_job = entity_type(node.span) == "deployment" and node.span.end // _SECOND in job_ends
        if node.span.error is not None and not below and not of_job:
            causes.append(node)
        if below or node.span.error is not None:
            failed_below.add(id(node))
    causes.reverse()
    return causes


def longest_waits(roots: Iterable[Node]) -> list[Node]:
    """Return the waits and blocked times, the longest first."""
    waits = [
        node
        for node, _, _ in walk(roots)
        if node.span.end > node.span.start
        and (is_wait(node.span) or entity_type(node.span) == "blocked")
    ]
    return sorted(waits, key=lambda node: node.span.start - node.span.end)


# Critical paths


def find_critical_path(roots: Iterable[Node]) -> Iterator[Node]:
    """Yield the runs' jobs that decided when their run ended, with the spans below them.

    The last job is one of them, and before each job the last one that had ended when it was
    created. A shorter job elsewhere would not have made the run shorter.
    """
    for node, _, _ in walk(roots):
        if entity_type(node.span) not in ("run", "linked_run"):
            continue
        jobs = [child for child in node.children if entity_type(child.span) == "job"]
        chain = find_chain([(job.span.start, job.span.end) for job in jobs], _SUCCESSION)
        if chain:
            yield node
            yield from (below for below, _, _ in walk([jobs[index] for index in chain]))


# Where the time of runs went


@dataclass(frozen=True, slots=True)
class Shares:
    """The seconds of each state, by its name, in the order of the bar."""

    seconds: Mapping[str, float]


def run_shares(roots: Iterable[Node]) -> Shares:
    """Divide the time of runs into running and waiting.

    Each second of a run belongs to the first state that holds: a job runs, a job waits for an
    approval or a runner, the run waits to start.
    """
    states: dict[str, list[tuple[int, int]]] = {
        name: []
        for name in ("running", "waiting for approval", "waiting for a runner", "waiting to start")
    }
    runs: list[tuple[int, int]] = []
    names = {
        "approval": "waiting for approval",
        "queued": "waiting for a runner",
        "start_wait": "waiting to start",
    }
    for node, _, _ in walk(roots):
        entity = entity_type(node.span)
        if entity in names:
            states[names[entity]].append(_interval(node.span))
        elif entity == "run":
            runs.append(_interval(node.span))
        elif entity == "job":
            waits = [_interval(c.span) for c in node.children if is_wait(c.span)]
            states["running"] += _without(_interval(node.span), waits)
    seconds, taken = {}, [*_gaps(runs)]
    for name, intervals in states.items():
        before = _length(taken)
        taken = _union([*taken, *intervals])
        seconds[name] = (_length(taken) - before) / _SECOND
    rest = _length(_union([*taken, *runs])) - _length(taken)
    return Shares(seconds={**seconds, "between jobs": rest / _SECOND})


def total_length(roots: Iterable[Node], meaning: Meaning) -> float:
    """Return the seconds in which at least one span of a meaning lasted."""
    spans = [node.span for node, _, _ in walk(roots) if meaning_of(node, None) is meaning]
    return _length(_union(map(_interval, spans))) / _SECOND


def _interval(span: Span) -> tuple[int, int]:
    return span.start, max(span.start, span.end)


def _union(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1]:
            result[-1] = result[-1][0], max(result[-1][1], end)
        else:
            result.append((start, end))
    return result


def _length(intervals: Iterable[tuple[int, int]]) -> int:
    return sum(end - start for start, end in intervals)


def _without(whole: tuple[int, int], parts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start, end = whole
    for part_start, part_end in _union(parts):
        if start < min(part_start, end):
            yield start, min(part_start, end)
        start = max(start, part_end)
    if start < end:
        yield start, end


def _gaps(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the times between runs, which belong to no run."""
    union = _union(runs)
    yield from ((one[1], other[0]) for one, other in pairwise(union))
