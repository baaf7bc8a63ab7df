"""The plan of an organization's sweep: its active repositories, in shards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.organization import (
    ListedRepository,
    NewThings,
    count_new_things,
    list_repositories,
    read_present_name,
)
from flow_telemetry.github.rate_limit import RESERVED_RATE_LIMIT
from flow_telemetry.identity import fold, repository_reference
from flow_telemetry.model import Repository
from flow_telemetry.model.api_usage import Api
from flow_telemetry.rules.ledger import (
    LONGEST,
    OVERLAP,
    Ledger,
    SourceLedger,
    full_window_of,
)
from flow_telemetry.rules.selection import matches_patterns
from flow_telemetry.rules.shards import Activity, Shard, plan_shards
from flow_telemetry.settings import Settings
from flow_telemetry.sweep.sources import WITH_FULL_LIST, sources_of
from flow_telemetry.sweep.start import Start
from flow_telemetry.text import counted

_WILDCARDS = frozenset("*?[!")
_MOST_NAMED = 5
# Each is a request; in most organizations few repositories are renamed in a day.
_MOST_RENAMED = 100
# "Outputs are Unicode strings, and can be a maximum of 1 MB", counted in two bytes a character.
_MOST_CHARACTERS = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The shards of a sweep, and the ledger with which they begin.

    ``unplanned`` counts active repositories beyond the size of a matrix. The notices say which
    repositories are left out, and why.
    """

    shards: tuple[Shard, ...]
    ledger: Ledger
    repositories: int
    quiet: int
    unplanned: int = 0
    notices: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def active(self) -> int:
        """The number of repositories in the shards."""
        return sum(len(shard.repositories) for shard in self.shards)

    def matrix(self) -> str:
        """Return the JSON for `strategy.matrix`."""
        rows = [_row(shard) for shard in self.shards]
        return json.dumps({"include": rows}, separators=(",", ":"))


def _row(shard: Shard) -> dict[str, Any]:
    return {
        "shard": shard.number,
        "repositories": ",".join(name.partition("/")[2] for name in shard.repositories),
        "max-requests": shard.budget,
    }


def names_only(patterns: Sequence[str]) -> bool:
    """Whether patterns are names, so that no list of repositories is needed."""
    return bool(patterns) and not any(_WILDCARDS.intersection(each) for each in patterns)


def sources_of_repository(settings: Settings) -> Settings:
    """Return the settings without the projects of Jira, which belong to no repository."""
    return replace(settings, sweep=replace(settings.sweep, jira_projects=frozenset()))


def make_plan(
    context: ExportContext, organization: str, start: Start, *, public_only: bool = False
) -> Plan:
    """Return the plan of a sweep that begins with the ledger of ``start``.

    With ``public_only`` private repositories are left out: everybody can read the plan.

    Raises:
        FlowTelemetryError: the repositories cannot be listed.
    """
    github = context.github.required
    context.log.info(f"listing the repositories of {organization}")
    listed = list_repositories(github, organization)
    choice = _Choice(context.settings.sweep.repositories, start.ledger, public_only=public_only)
    chosen = choice.apply(
        replace(each, repository=context.with_aliases(each.repository)) for each in listed.items
    )
    planning = _Planning(context=context, start=start, chosen=chosen, ledger=start.ledger)
    planning.follow_renames(listed.items, organization)
    planning.add_unknown()
    activities = planning.read_activity()
    limit = github.limits.of(Api.REST)
    requests_left = None if limit is None else max(0, limit.left - RESERVED_RATE_LIMIT)
    if context.settings.sweep.jira_projects and not any(a.is_active for a in activities):
        # The first shard exports the items of Jira, so there is one in a quiet hour, too.
        activities = [replace(each, is_due=True) for each in activities[:1]]
    activities, unplanned = _within_output(activities)
    shards = plan_shards(
        activities, most_shards=context.settings.sweep.shards, requests_left=requests_left
    )
    active = sum(len(shard.repositories) for shard in shards)
    problems = list(planning.problems)
    if not chosen and not choice.left_out:
        problems.append(
            f"`sweep-repositories` chooses none of the {counted(len(listed.items), 'repository')} "
            f"that the token sees in {organization}: give names without the owner, or patterns of "
            "them, such as shop-*"
        )
    if not listed.complete:
        problems.append(f"the list of the repositories of {organization} could not be read whole")
    return Plan(
        shards=shards,
        ledger=planning.ledger,
        repositories=len(chosen),
        quiet=len(chosen) - active - unplanned,
        unplanned=unplanned,
        notices=(*choice.notices(), *planning.notices, *_describe_budget(shards)),
        problems=tuple(problems),
    )


def _describe_budget(shards: Sequence[Shard]) -> Iterator[str]:
    needed = sum(shard.requests for shard in shards)
    given = sum(shard.budget for shard in shards)
    if given < needed:
        yield (
            f"the sweep needs some {needed:,} requests and queries, and the rate limit of the "
            f"token leaves {given:,}: the next sweep goes on with the rest"
        )


def _within_output(activities: Sequence[Activity]) -> tuple[list[Activity], int]:
    """Return those whose names fit into an output of a job, the oldest marks first."""

    def order(each: Activity) -> tuple[bool, str, str]:
        return each.mark is None, each.mark.isoformat() if each.mark else "", each.repository

    fitting: list[Activity] = []
    characters = unplanned = 0
    for each in sorted((a for a in activities if a.is_active), key=order):
        characters += len(each.repository) + 1
        if characters <= _MOST_CHARACTERS:
            fitting.append(each)
        else:
            unplanned += 1
    return fitting, unplanned


@dataclass(slots=True)
class _Choice:
    """The choice of an organization's repositories, and what it left out."""

    patterns: tuple[str, ...]
    ledger: Ledger
    public_only: bool = field(kw_only=True)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def apply(self, listed: Iterable[ListedRepository]) -> list[ListedRepository]:
        """Return the repositories to sweep."""
        known = {reference for reference, _ in self.ledger.sources}
        patterns = [fold(each) for each in self.patterns]
        exact = {each for each in patterns if not _WILDCARDS.intersection(each)}
        chosen = []
        for each in listed:
            name = fold(each.repository.name)
            if not matches_patterns(name, patterns):
                continue
            reason = ""
            if each.disabled:
                reason = "disabled"
            elif each.fork and name not in exact:
                reason = "fork"
            elif each.archived and each.repository.reference not in known:
                reason = "archived"
            elif self.public_only and each.private:
                reason = "private"
            if reason:
                self.left_out.setdefault(reason, []).append(each.repository.name)
            else:
                chosen.append(each)
        return chosen

    def notices(self) -> Iterator[str]:
        """Yield a notice for each reason."""
        for reason, names in self.left_out.items():
            if reason == "private":
                # Everybody can read this notice.
                yield (
                    f"{counted(len(names), 'private repository', 'is', 'are')} left out, because "
                    "everybody can read the runs of this repository: sweep from a private one"
                )
            else:
                yield f"{_named(names)} left out ({reason})"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{shown}{more}" + (" is" if len(names) == 1 else " are")


@dataclass(slots=True, kw_only=True)
class _Planning:
    """The reading for a plan; ``ledger`` gets the names of today, and repositories that are new."""

    context: ExportContext
    start: Start
    chosen: list[ListedRepository]
    ledger: Ledger
    new: set[str] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def follow_renames(self, listed: Sequence[ListedRepository], organization: str) -> None:
        """Move what the ledger has under former names, and say what is not found any more."""
        present = {each.repository.reference: each.repository for each in listed}
        present |= {each.repository.reference: each.repository for each in self.chosen}
        if not present:
            return
        host = next(iter(present.values())).host
        beginning = repository_reference(host, f"{organization}/")
        missing = sorted(
            {
                place
                for place, _ in self.ledger.sources
                if place.startswith(beginning) and place not in present
            }
        )
        gone = []
        for place in missing[:_MOST_RENAMED]:
            former = place.removeprefix(f"{fold(host)}/")
            try:
                name = read_present_name(self.context.github.required, former)
            except FlowTelemetryError as error:
                self.problems.append(f"whether {former} was renamed is not known: {error}")
                return
            reference = repository_reference(host, name) if name else place
            if reference != place and not any(p == reference for p, _ in self.ledger.sources):
                self._move(place, reference)
                self.notices.append(
                    f"{former} is {name} now, and its sweeps go on; to keep the ids of its traces "
                    f"add `{name}={former}` to `identity-aliases`"
                )
            elif name is None:
                gone.append(former.partition("/")[2])
        if gone:
            self.notices.append(
                f"{_named(gone)} not swept any more: GitHub shows no such repository to the token"
            )
            self._forget({repository_reference(host, f"{organization}/{name}") for name in gone})

    def _move(self, place: str, reference: str) -> None:
        self.ledger = replace(
            self.ledger,
            sources={
                (reference if old == place else old, name): source
                for (old, name), source in self.ledger.sources.items()
            },
        )

    def _forget(self, places: set[str]) -> None:
        """Leave repositories out of the ledger, so that each is reported once."""
        sources = {key: each for key, each in self.ledger.sources.items() if key[0] not in places}
        self.ledger = replace(self.ledger, sources=sources)

    def add_unknown(self) -> None:
        """Give new repositories a mark, from which later sweeps count if it is quiet until then."""
        names = sources_of(sources_of_repository(self.context.settings))
        since = self.start.since
        known = {place for place, _ in self.ledger.sources}
        for each in self.chosen:
            place = each.repository.reference
            if place not in known:
                self.new.add(place)
            for name in names:
                if (place, name) not in self.ledger.sources:
                    full_mark = since if name in WITH_FULL_LIST else None
                    source = SourceLedger(start=since, mark=since, full_mark=full_mark)
                    self.ledger = self.ledger.with_source(place, name, source)

    def read_activity(self) -> list[Activity]:
        """Return what happened in each repository since its mark."""
        sources = self._sources_by_place()
        since = {
            each.repository.full_name: self._since(sources[each.repository.reference])
            for each in self.chosen
        }
        settings = self.context.settings
        self.context.log.info(f"reading what happened in {counted(len(since), 'repository')}")
        new_things = count_new_things(
            self.context.github.required, since, with_runs=settings.sweep.runs
        )
        unread: dict[tuple[str, ...], list[str]] = {}
        for name, found in new_things.items():
            if found.unread:
                unread.setdefault(found.unread, []).append(name)
        for lists, names_of_same in unread.items():
            self.problems.append(
                f"{_named([name.partition('/')[2] for name in names_of_same])} not readable in "
                f"full: no {', no '.join(lists)} ({new_things[names_of_same[0]].reason})"
            )
        uncounted = len(since) - len(new_things)
        if uncounted:
            ended = self.context.github.ended
            self.problems.append(
                f"{counted(uncounted, 'repository', 'is', 'are')} left to the next sweep, because "
                f"what happened there could not be read{f': {ended}' if ended else ''}"
            )
        return [
            self._activity(each, sources[each.repository.reference], things)
            for each in self.chosen
            if (things := new_things.get(each.repository.full_name)) is not None
        ]

    def _sources_by_place(self) -> Mapping[str, list[SourceLedger]]:
        sources: dict[str, list[SourceLedger]] = {}
        for (place, _), source in self.ledger.sources.items():
            sources.setdefault(place, []).append(source)
        return sources

    def _since(self, sources: Sequence[SourceLedger]) -> datetime:
        since = min(source.mark for source in sources) - OVERLAP
        asked = self.start.asked_since
        # A user may ask for the time before the first sweep.
        earlier = asked is not None and asked < min(source.start for source in sources)
        return min(since, asked) if asked is not None and earlier else since

    def _activity(
        self, listed: ListedRepository, sources: Sequence[SourceLedger], things: NewThings
    ) -> Activity:
        # Of a new repository the list of its activity reaches as far back.
        known = listed.repository.reference not in self.new
        due = known and any(full_window_of(source, self.start.end) for source in sources)
        is_due = due and not listed.archived
        # The sources without a full list have the longer time.
        days = min(each.recent_runs for each in sources)
        time = max(self.start.end - self._since(sources), OVERLAP)
        return Activity(
            repository=listed.repository.full_name,
            mark=min(source.mark for source in sources),
            runs=things.runs,
            closings=things.closings,
            deployments=things.deployments,
            remaining=sum(len(each.pending) + len(each.unfinished) for each in sources),
            is_due=is_due,
            runs_a_day=things.runs * (timedelta(days=1) / time),
            listed_days=(days + LONGEST if is_due else days).days,
        )


def repository_of(host: str, organization: str) -> Repository:
    """Return what stands for the organization where a sweep needs a repository: Jira has none."""
    return Repository(host=host, owner=organization, name="", url="")
