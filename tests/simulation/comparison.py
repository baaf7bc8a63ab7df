"""What was exported, compared with what was to be: once each, or within the documented bound."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from tests.simulation.plan import LedgerFate
from tests.simulation.simulation import Forgotten, Result, SweepResult
from tests.simulation.things import CLOSINGS, Expected, Kind, Thing

# A sweep leaves to the next one what ended this shortly before it, and lists lag.
SETTLES_IN = timedelta(hours=2)
# Things that only the daily long list shows.
SETTLES_SLOWLY_IN = timedelta(hours=34)
# Five tries, of which those count in which other things of the source could be read.
GIVEN_UP_IN = timedelta(days=5)
# What a killed sweep exported after its last checkpoint.
MOST_REPEATED = 50
# A lost ledger is replaced by a time before the last successful sweep.
FALLBACK_MARGIN = timedelta(hours=2)

# Of each source, and the longest time for which one cannot be read: the outage of three days.
OVERLAP = timedelta(hours=1)
LONGEST_BEHIND = timedelta(days=4)

# How the program reports what is not exported once.
GIVEN_UP = re.compile(r"g[ai]ven? up", re.IGNORECASE)
PENDING = re.compile(r"pending", re.IGNORECASE)
REPEATED = re.compile(r"twice|a second time|again", re.IGNORECASE)
LEDGER = re.compile(r"ledger", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """An export of a thing: the sweep that made it, None if it was a run by an event."""

    at: datetime
    sweep: int | None
    unsaved: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """Something outside of the bound; ``rule`` is which part of it."""

    rule: str
    text: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.rule}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The numbers of a simulation, for people."""

    due: int
    once: int
    repeated: int
    given_up: int
    lost: int
    requests: int


def find_violations(result: Result) -> tuple[list[Violation], Summary]:
    """Return everything that is outside of the bound."""
    comparison = _Comparison(result)
    return list(comparison.violations()), comparison.summary()


class _Comparison:
    def __init__(self, result: Result) -> None:
        self._result = result
        self._sweeps = result.sweeps
        self._expected = {expected.thing: expected for expected in result.history.expected}
        self._counts = self._count()
        # The messages of all sweeps by pattern: there are many, and few match.
        self._known: dict[re.Pattern[str], list[str]] = {}
        self._once = self._repeated = self._given_up = self._lost = self._due = 0

    def summary(self) -> Summary:
        """Return the numbers, after the violations were searched."""
        return Summary(
            due=self._due,
            once=self._once,
            repeated=self._repeated,
            given_up=self._given_up,
            lost=self._lost,
            requests=sum(sweep.requests for sweep in self._sweeps),
        )

    def violations(self) -> Iterator[Violation]:
        for problem in self._result.problems:
            yield Violation("harness", problem)
        for thing in self._counts.keys() - self._expected.keys():
            # The first final status is a part of the deployment.
            if thing.kind is not Kind.STATUS:
                yield Violation("unexpected", f"{thing} was exported and never ended")
        for expected in self._result.history.expected:
            yield from self._compare(expected)
        yield from self._check_bound_of_kills()
        yield from self._check_reports_of_ledger()

    def _count(self) -> dict[Thing, list[Count]]:
        counts: defaultdict[Thing, list[Count]] = defaultdict(list)
        for sweep in self._sweeps:
            for export in sweep.exports:
                unsaved = sweep.killed and export.ledger == sweep.ledger
                count = Count(at=export.at, sweep=export.sweep, unsaved=unsaved)
                counts[self._with_instant(export.thing, export.at)].append(count)
        for by_event in self._result.history.event_exports:
            if by_event.at <= self._result.ended_at:
                for thing in by_event.things:
                    counts[thing].append(Count(at=by_event.at, sweep=None))
        for found in counts.values():
            found.sort(key=lambda count: count.at)
        return counts

    def _with_instant(self, thing: Thing, exported_at: datetime) -> Thing:
        """Return a closing that was counted without its event: the last one before."""
        if thing.kind not in CLOSINGS or thing.closed_at is not None:
            return thing
        closings = [
            each
            for each in self._expected
            if (each.kind, each.key) == (thing.kind, thing.key)
            and each.closed_at is not None
            and each.closed_at <= exported_at
        ]
        return max(closings, key=lambda each: str(each.closed_at), default=thing)

    def _compare(self, expected: Expected) -> Iterator[Violation]:
        counts = self._counts.get(expected.thing, [])
        if any(count.at < expected.ended_at for count in counts):
            yield Violation("early", f"{expected.thing} was exported before it ended")
        is_due = self._is_due(expected)
        self._due += is_due
        self._once += is_due and len(counts) == 1
        if not counts and is_due:
            yield from self._explain_missing(expected)
        if len(counts) == 1 and not expected.unreadable:
            reports = self._reports(GIVEN_UP, expected.name)
            if reports and not self._has_unreadable_sibling(expected):
                yield Violation("given up", f"{expected.thing} is readable: {reports[0]}")
        for earlier, later in pairwise(counts):
            self._repeated += 1
            if not self._may_repeat(earlier, later):
                yield Violation(
                    "twice",
                    f"{expected.thing}, {_describe(expected)}, was exported by "
                    f"{_describe_count(earlier)} and by {_describe_count(later)}",
                )

    def _has_unreadable_sibling(self, expected: Expected) -> bool:
        return any(
            each.unreadable and each.name == expected.name for each in self._expected.values()
        )

    def _is_due(self, expected: Expected) -> bool:
        margin = SETTLES_SLOWLY_IN if expected.slow else SETTLES_IN
        if expected.unreadable:
            margin = max(margin, GIVEN_UP_IN)
        return expected.settled_at < self._sweeps[-1].started_at - margin

    # Not exported.

    def _explain_missing(self, expected: Expected) -> Iterator[Violation]:
        reports = self._reports(GIVEN_UP, expected.name)
        if expected.unreadable and reports:
            self._given_up += 1
            closings = sum(each.name == expected.name for each in self._expected.values())
            if len(reports) > closings:
                yield Violation(
                    "reported", f"{expected.thing} was given up {len(reports)} times: {reports[0]}"
                )
        elif any(_was_known(sweep.forgotten, expected) for sweep in self._sweeps):
            self._lost += 1
        elif expected.unreadable:
            # Tries count slowly if little else of the source is read.
            if not self._reports(PENDING, expected.name, self._sweeps[-1:]):
                yield Violation("reported", f"{expected.thing} was given up without a report")
        else:
            yield Violation("missing", f"{expected.thing}, {_describe(expected)}")

    def _without_ledger(self) -> list[SweepResult]:
        return [sweep for sweep in self._sweeps if sweep.plan.ledger is not LedgerFate.KEPT]

    def _fallback(self, sweep: SweepResult) -> datetime:
        """Return the start of the last successful sweep before a sweep."""
        before = (each for each in self._sweeps[: sweep.plan.number] if each.succeeded)
        return max((each.started_at for each in before), default=self._sweeps[0].started_at)

    # Exported twice.

    def _may_repeat(self, earlier: Count, later: Count) -> bool:
        if earlier.unsaved and earlier.sweep is not None:
            return True
        return any(
            earlier.at < sweep.started_at <= later.at
            and earlier.at >= self._fallback(sweep) - FALLBACK_MARGIN
            for sweep in self._without_ledger()
        )

    def _check_bound_of_kills(self) -> Iterator[Violation]:
        repeated: defaultdict[int, int] = defaultdict(int)
        for counts in self._counts.values():
            for count in counts[:-1]:
                if count.unsaved and count.sweep is not None:
                    repeated[count.sweep] += 1
        for number, things in repeated.items():
            if things > MOST_REPEATED:
                yield Violation(
                    "bound", f"{things} things of sweep {number}, which was killed, were repeated"
                )
            if not self._is_reported(REPEATED, number + 1):
                yield Violation(
                    "reported", f"{things} things that sweep {number}, which was killed, exported"
                )

    def _check_reports_of_ledger(self) -> Iterator[Violation]:
        for lost in self._without_ledger():
            if not self._is_reported(LEDGER, lost.plan.number):
                number, fate = lost.plan.number, lost.plan.ledger.value
                yield Violation("reported", f"before sweep {number} the ledger was {fate}")

    def _is_reported(self, pattern: re.Pattern[str], first: int) -> bool:
        """Return whether a sweep reports something, up to the next one that saves its ledger.

        A sweep that could read nothing saves none, and leaves that to the next one. A killed sweep
        may have saved its ledger, and reports nothing.
        """
        for sweep in self._sweeps[first:]:
            if any(pattern.search(text) for text in sweep.texts):
                return True
            if sweep.ledger not in (sweep.ledger_before, None):
                return sweep.killed
        return False

    def _reports(
        self, pattern: re.Pattern[str], name: str, sweeps: Sequence[SweepResult] | None = None
    ) -> list[str]:
        """Return the messages of sweeps, else of all, that match and name a thing."""
        named = re.compile(rf"{re.escape(name)}(?![0-9])")
        texts = self._all_matching(pattern) if sweeps is None else _matching(pattern, sweeps)
        return [text for text in texts if named.search(text)]

    def _all_matching(self, pattern: re.Pattern[str]) -> list[str]:
        if pattern not in self._known:
            self._known[pattern] = _matching(pattern, self._sweeps)
        return self._known[pattern]


def _matching(pattern: re.Pattern[str], sweeps: Iterable[SweepResult]) -> list[str]:
    return [text for sweep in sweeps for text in sweep.texts if pattern.search(text)]


def _source_of(thing: Thing) -> str:
    """Return the name of a thing's source in the ledger."""
    if thing.kind is Kind.ITEM:
        project, dash, _ = thing.key.partition("-")
        return f"jira {project}" if dash else "issues"
    names = {Kind.ATTEMPT: "runs", Kind.CHANGE: "pull requests"}
    return names.get(thing.kind, "deployments")


def _was_known(lost: Forgotten | None, expected: Expected) -> bool:
    """Whether a lost ledger alone knew that a thing was still to be exported.

    The thing was pending, or its source was behind: no list of it could be read for a while.
    """
    if lost is None:
        return False
    named = re.compile(rf"{re.escape(expected.name)}(?![0-9])")
    # A deployment of a run has the run's name: it is exported with it.
    kind = Kind.ATTEMPT if expected.name.startswith("run ") else expected.thing.kind
    source = _source_of(replace(expected.thing, kind=kind))
    mark, latest = lost.marks[source], max(lost.marks.values())
    behind = max(mark - OVERLAP, latest - LONGEST_BEHIND) <= expected.ended_at < latest
    return behind or any(map(named.search, lost.names))


def _describe(expected: Expected) -> str:
    kinds = [name for name in ("unreadable", "slow", "reopened") if getattr(expected, name)]
    in_brackets = f" ({', '.join(kinds)})" if kinds else ""
    by_event = "" if expected.settled_at == expected.ended_at else ", by an event too"
    return f"which ended at {expected.ended_at:%Y-%m-%dT%H:%M:%SZ}{by_event}{in_brackets}"


def _describe_count(count: Count) -> str:
    by = "an event" if count.sweep is None else f"sweep {count.sweep}"
    return f"{by} at {count.at:%Y-%m-%dT%H:%M:%SZ}"
