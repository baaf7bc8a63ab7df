"""Sweeps of an organization: one repository after the other, with one ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, NotFoundError
from flow_telemetry.github.runs import read_repository
from flow_telemetry.identity import host_of, repository_reference
from flow_telemetry.model import Repository
from flow_telemetry.model.sweeps import SweepState, SweptRepository
from flow_telemetry.outcome import Outcome, Status, merge_outcomes
from flow_telemetry.rules.ledger import of_places
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.own_runs import OwnRuns
from flow_telemetry.sweep.parts import restore_shard, write_results
from flow_telemetry.sweep.plan import (
    make_plan,
    names_only,
    repository_of,
    sources_of_repository,
)
from flow_telemetry.sweep.sources import Source, sources_of
from flow_telemetry.sweep.start import Start, start_sweep
from flow_telemetry.sweep.sweep import Sweep, end_reason
from flow_telemetry.sweep.things import CHANGES, ISSUES, RUNS, count_things
from flow_telemetry.text import counted

# GitHub shows ten warnings of a step; the summary has more.
_MOST_PROBLEMS = 20
_MOST_LISTED = 200
_FIRST_SHARD = 1


def export_organization(
    context: ExportContext, organization: str, file: LedgerFile, *, at_once: bool = False
) -> Outcome:
    """Export what ended in the repositories of an organization since the last sweep.

    A shard sweeps the repositories that its plan gives it, by their names. ``at_once`` is as in
    `export_sweep`. It is a failure if no repository could be swept.
    """
    errors = context.settings.errors
    # Reported once, not for each repository.
    context = replace(context, settings=replace(context.settings, errors=()))
    try:
        sweeps = _begin(context, organization, file, at_once=at_once)
    except FlowTelemetryError as error:
        return Outcome(status=Status.SKIPPED, errors=errors, problems=(str(error),), failed=True)
    sweeps.run()
    return replace(sweeps.build_outcome(), errors=errors)


def _begin(
    context: ExportContext, organization: str, file: LedgerFile, *, at_once: bool
) -> _Sweeps:
    settings = context.settings
    runs = OwnRuns.of(context)
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    if settings.sweep.shard is not None:
        restore_shard(context, file, settings.sweep.shard)
    start = start_sweep(context, file, runs)
    if names_only(settings.sweep.repositories):
        names = [f"{organization}/{name}" for name in settings.sweep.repositories]
        if settings.sweep.shard is not None:
            # The part of a shard has its own repositories, so that parts can be merged.
            start = replace(start, ledger=of_places(start.ledger, _places(context, names)))
    else:
        one = replace(settings.sweep, shards=1)
        plan = make_plan(
            replace(context, settings=replace(settings, sweep=one)), organization, start
        )
        names = [name for shard in plan.shards for name in shard.repositories]
        start = replace(start, ledger=plan.ledger)
        problems, notices = plan.problems, plan.notices
    return _Sweeps(
        context=context,
        organization=organization,
        names=names,
        file=file,
        start=start,
        runs=runs,
        at_once=at_once,
        problems=[*problems],
        notices=[*notices],
    )


def _places(context: ExportContext, names: Iterable[str]) -> frozenset[str]:
    """Return the keys in a ledger of repositories, and that of Jira's items."""
    host = host_of(context.settings.github.server_url)
    places = set()
    for full_name in names:
        owner, _, name = full_name.partition("/")
        home = context.with_aliases(Repository(host=host, owner=owner, name=name, url=""))
        places |= {home.reference, repository_reference(host, owner)}
    return frozenset(places)


@dataclass(slots=True, kw_only=True)
class _Sweeps:
    """The sweeps of repositories, each of which goes on with the ledger of the one before."""

    context: ExportContext
    organization: str
    names: Sequence[str]
    file: LedgerFile
    start: Start
    runs: OwnRuns
    at_once: bool
    problems: list[str]
    notices: list[str]
    outcomes: list[Outcome] = field(default_factory=list)
    results: list[SweptRepository] = field(default_factory=list)
    swept: int = 0
    stopped: bool = False

    def run(self) -> None:
        """Sweep the repositories, and then the items of Jira, which belong to none of them."""
        settings = self.context.settings
        of_repository = sources_of(sources_of_repository(settings))
        of_jira = settings.sweep.jira_projects and settings.sweep.shard in (None, _FIRST_SHARD)
        first = True
        for position, name in enumerate(self.names, start=1):
            self.context.log.progress(f"repository {position} of {len(self.names)}, {name}")
            home = None if self.stopped or end_reason(self.context) else self._read(name)
            if home is None:
                if len(self.results) < position:
                    self.results.append(SweptRepository(name=name, state=SweepState.LEFT))
                continue
            place = self.context.with_aliases(home).reference
            self._sweep(name, home, place, of_repository, first=first)
            first = False
        if of_jira:
            host = host_of(settings.github.server_url)
            home = repository_of(host, self.organization)
            sources = {
                source: each
                for source, each in sources_of(settings).items()
                if source not in of_repository
            }
            place = repository_reference(host, self.organization)
            self._sweep("Jira", home, place, sources, first=first, of_jira=True)

    def _read(self, name: str) -> Repository | None:
        """Return a repository with the name that GitHub gives it; None if it cannot be read."""
        try:
            return self.context.with_aliases(read_repository(self.context.github.required, name))
        except (AccessDeniedError, NotFoundError) as error:
            self.problems.append(f"{name} is not swept: {error}")
            self.results.append(SweptRepository(name=name, state=SweepState.UNREADABLE))
        except FlowTelemetryError as error:
            self.problems.append(f"{name} is left to the next sweep: {error}")
        return None

    def _sweep(
        self,
        name: str,
        home: Repository,
        place: str,
        sources: dict[str, Source],
        *,
        first: bool,
        of_jira: bool = False,
    ) -> None:
        before = self.context.github.requests
        context = self.context
        if not of_jira:
            context = replace(context, settings=sources_of_repository(context.settings))
        sweep = Sweep(
            context=context,
            # Open work is counted of what a sweep lists, and Jira is in none of the repositories.
            unlisted={CHANGES, ISSUES, RUNS} if of_jira else set(),
            home=home,
            place=place,
            sources=sources,
            file=self.file,
            start=self.start,
            runs=self.runs,
            sent_before=self.context.github.limits.usage(),
        )
        if first:
            sweep.begin()
        outcome = sweep.run(at_once=self.at_once)
        # The next one goes on with this ledger, and reports no problem of the start again.
        self.start = replace(self.start, ledger=sweep.ledger, is_damaged=False, problems=())
        self.stopped = bool(sweep.unsaved or sweep.is_lost)
        self.swept += not outcome.failed
        left = outcome.status is Status.PARTIAL
        self.results.append(
            SweptRepository(
                name=name,
                state=SweepState.PARTIAL if left else SweepState.SWEPT,
                exported=sweep.exported,
                exported_before=sweep.exported_before,
                pending=sweep.pending,
                requests=self.context.github.requests - before,
            )
        )
        self.problems += [f"{name}: {text}" for text in outcome.problems]
        # What was exported is not kept: there may be any number of subjects.
        # The first notice is about this repository alone; the results have its numbers.
        notices = outcome.notices[1:]
        self.outcomes.append(
            replace(outcome, exported=None, further=(), problems=(), notices=notices)
        )

    def build_outcome(self) -> Outcome:
        """Return the outcome of all sweeps, and save their results beside the ledger."""
        left = sum(each.state is SweepState.LEFT for each in self.results)
        reason = end_reason(self.context)
        problems: list[str] = []
        if left:
            why = reason or "the ledger could not be saved, or something was lost"
            problems.append(f"{why}: {left} of {counted(len(self.names), 'repository')} not swept")
        problems += self.problems[:_MOST_PROBLEMS]
        merged = merge_outcomes(self.outcomes)
        status = merged.status
        if left and status in (Status.EXPORTED, Status.SKIPPED):
            status = Status.PARTIAL
        failed = bool(self.results) and not self.swept
        # The last job of a sweep reads the results of shards.
        if self.file.path is not None and self.context.settings.sweep.shard is not None:
            try:
                write_results(
                    self.file.path.parent,
                    self.results,
                    requests=self.context.github.requests,
                    problems=len(self.problems),
                )
            except OSError as error:
                problems.append(f"the results could not be saved: {error.strerror}")
        exported = sum(each.exported for each in self.results)
        swept = sum(each.is_swept for each in self.results)
        return replace(
            merged,
            status=status,
            problems=tuple(dict.fromkeys(problems)),
            notices=(
                f"sweep of {counted(swept, 'repository')} of "
                f"{self.organization} up to {self.start.end:%Y-%m-%dT%H:%M:%SZ}: "
                f"{count_things(exported, 'was', 'were')} exported, "
                f"{sum(each.exported_before for each in self.results)} had been exported before",
                *self.notices,
                *merged.notices[:_MOST_PROBLEMS],
            ),
            left_out=(*self.problems[_MOST_PROBLEMS:][:_MOST_LISTED], *merged.left_out),
            failed=failed,
            swept=tuple(self.results),
        )


def merge_rounds(outcomes: Sequence[Outcome]) -> Outcome:
    """Return one outcome of several sweeps that went on with each other's ledger.

    Whether it failed, and what is left, is that of the last one.
    """
    if len(outcomes) == 1:
        return outcomes[0]
    results: dict[str, SweptRepository] = {}
    for each in (each for outcome in outcomes for each in outcome.swept):
        before = results.get(each.name, SweptRepository(name=each.name, state=each.state))
        results[each.name] = replace(
            each,
            exported=before.exported + each.exported,
            exported_before=max(before.exported_before, each.exported_before),
            requests=before.requests + each.requests,
        )
    last = outcomes[-1]
    merged = merge_outcomes(outcomes)
    return replace(
        merged,
        problems=last.problems,
        left_out=last.left_out,
        failed=last.failed,
        swept=tuple(results.values()),
    )
