"""A random history of a repository and a Jira project: what happens when, and what is expected.

Everything follows from the seed. All ids are given here, so that both sides of the simulation's
worlds have the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.fakes.jira_world import Issue as JiraIssue
from tests.fakes.jira_world import JiraWorld
from tests.fakes.world import deployment_status, happened, job, sha_of
from tests.simulation.things import EventExport, Expected, Kind, Thing
from tests.simulation.worlds import NO_LAG, REPOSITORY, Mutation, Side

OWN_FILE = ".github/workflows/flow-telemetry.yml"
OWN_NAME = "Flow telemetry"
PROJECT = "ACME"

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Lists show runs and deployments that were created earlier than this only once a day.
LISTED_ALWAYS = 3 * DAY
# Nothing ends later than this after its creation, which is as far back as lists are read.
_LONGEST = 33 * DAY
_FINAL = ("success", "failure", "error")
_HOLD = 30 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What can happen in a history; all of it by default.

    ``lag`` is the longest time after which a list shows a change. With ``odd`` there are re-runs,
    long waits, reopenings, later updates, late statuses, and things that can never be read. With
    ``events`` runs of our own workflow export some things at their time.
    """

    runs_per_day: float = 3.0
    changes_per_day: float = 1.8
    issues_per_day: float = 1.0
    items_per_day: float = 1.0
    deployments_per_day: float = 1.0
    lag: timedelta = 45 * MINUTE
    odd: bool = True
    events: bool = True


@dataclass(slots=True)
class History:
    """What happens, and what is to be exported because of it.

    ``unreadable_paths`` are paths of single things with the status that answers for ever.
    """

    start: datetime
    end: datetime
    mutations: list[Mutation] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    event_exports: list[EventExport] = field(default_factory=list)
    unreadable_paths: dict[str, int] = field(default_factory=dict)


def write_history(
    seed: int,
    start: datetime,
    end: datetime,
    habits: Habits,
    busy: tuple[datetime, datetime] | None = None,
) -> History:
    """Return the history of a seed; in the ``busy`` time three times as much begins."""
    writer = _Writer(Random(f"history {seed}"), start, end, habits)
    return writer.write([(start, end), *([busy] * 2 if busy else [])])


class _Writer:
    def __init__(self, random: Random, start: datetime, end: datetime, habits: Habits) -> None:
        self._random = random
        self._habits = habits
        self._history = History(start, end)
        self._runs = itertools.count(1000)
        self._jobs = itertools.count(31000)
        self._numbers = itertools.count(1)
        self._deployments = itertools.count(5000)
        self._statuses = itertools.count(90000)
        self._events = itertools.count(400000)
        self._keys = itertools.count(1)
        # The issues that pull requests can close, with the times of their opening.
        self._issues: list[tuple[datetime, int]] = []

    def write(self, times: Sequence[tuple[datetime, datetime]]) -> History:
        """Let things begin in each of the times."""
        habits = self._habits
        self._add_beginning()
        for number, make in (
            (habits.issues_per_day, self._issue),
            (habits.items_per_day, self._item),
            (habits.changes_per_day, self._change),
            (habits.runs_per_day, self._run),
            (habits.deployments_per_day, self._deployment),
        ):
            for begin in sorted(time for each in times for time in self._instants(number, *each)):
                make(begin)
        return self._history

    def _add_beginning(self) -> None:
        """Let the workflow and the project of Jira be known before the first sweep."""
        at = self._history.start - 40 * DAY
        run_id = next(self._runs)
        self._own_run(run_id, "workflow_dispatch", OWN_NAME, at, lag=NO_LAG)
        name = f"{PROJECT}-{next(self._keys)}"
        self._add(at, name, _put_item(JiraWorld().issue(name, type="Epic", created=at)), NO_LAG)

    def _instants(self, per_day: float, begin: datetime, end: datetime) -> list[datetime]:
        seconds = (end - begin).total_seconds()
        return [
            begin + timedelta(seconds=round(self._random.uniform(0, seconds)))
            for _ in range(round(per_day * seconds / 86400))
        ]

    # Chance.

    def _chance(self, share: float, *, odd: bool = True) -> bool:
        drawn = self._random.random() < share
        return drawn and (self._habits.odd or not odd)

    def _between(self, least: timedelta, most: timedelta) -> timedelta:
        """Return a time, shorter ones more often."""
        seconds = (most - least).total_seconds() * self._random.random() ** 2
        return least + timedelta(seconds=round(seconds))

    def _lag(self, most: timedelta | None = None) -> timedelta:
        if self._random.random() < 0.7:
            return NO_LAG
        longest = self._habits.lag if most is None else min(most, self._habits.lag)
        return timedelta(seconds=round(self._random.uniform(0, longest.total_seconds())))

    def _add(
        self, at: datetime, key: str, apply: Callable[[Side], object], lag: timedelta | None = None
    ) -> None:
        """Plan a mutation, unless it is after the end of the history."""
        lag = self._lag() if lag is None else lag
        self._history.mutations.append(Mutation(at=at, key=key, apply=apply, lag=lag))

    def _expect(
        self,
        thing: Thing,
        ended_at: datetime,
        name: str,
        settled: datetime | None = None,
        **facts: bool,
    ) -> None:
        self._history.expected.append(
            Expected(
                thing=thing, ended_at=ended_at, settled_at=settled or ended_at, name=name, **facts
            )
        )

    # Runs.

    def _run(self, created: datetime) -> None:
        run_id, event = next(self._runs), self._random.choice(("push", "push", "pull_request"))
        facts: dict[str, Any] = {
            "id": run_id,
            "run_number": run_id - 999,
            "workflow": self._random.choice(("CI", "Lint", "Release")),
            "event": event,
            "branch": "main" if event == "push" else f"branch-{run_id % 50}",
            "sha": sha_of(f"run {run_id}"),
            "created_at": created,
        }
        if self._chance(0.06):
            self._cancel_in_queue(facts, created)
            return
        long = self._chance(0.05)
        wait = self._between(6 * HOUR, 20 * DAY) if long else self._between(MINUTE / 12, 9 * MINUTE)
        started, attempt = created, 1
        while True:
            ended, jobs = self._attempt(facts, attempt, started, wait, can_break=not long)
            rerun = self._chance(0.15 if attempt < 3 else 0)
            far = self._random.random() < 0.3
            started = ended + self._between(MINUTE, 28 * DAY if far else 2 * DAY)
            if not rerun or started - created > _LONGEST - 3 * DAY:
                break
            attempt, wait = attempt + 1, self._between(MINUTE / 12, 9 * MINUTE)
        if attempt == 1 and event == "push" and self._chance(0.2, odd=False):
            self._deploy_in_run(facts, jobs[0], slow=wait > LISTED_ALWAYS - HOUR)

    def _cancel_in_queue(self, run: dict[str, Any], created: datetime) -> None:
        """Let a run wait for its concurrency group, and be cancelled before it has a job."""
        key, ended = f"run {run['id']} attempt 1", created + self._between(2 * HOUR, 3 * DAY)
        facts = {**run, "attempt": 1, "run_started_at": created, "jobs": []}
        waiting = {**facts, "status": "pending", "conclusion": None, "updated_at": created}
        over = {**facts, "status": "completed", "conclusion": "cancelled", "updated_at": ended}
        self._add(created, key, _put_run(waiting))
        self._add(ended, key, _put_run(over))
        self._expect(Thing(Kind.ATTEMPT, f"{run['id']}/1"), ended, f"run {run['id']}")

    def _attempt(
        self,
        run: dict[str, Any],
        attempt: int,
        started: datetime,
        wait: timedelta,
        *,
        can_break: bool,
    ) -> tuple[datetime, list[Any]]:
        """Let an attempt run; return its end and its jobs."""
        facts = {**run, "attempt": attempt, "run_started_at": started}
        key = f"run {run['id']} attempt {attempt}"
        begins = started + wait
        ends = [begins + self._between(MINUTE / 2, 40 * MINUTE) for _ in range(1 + attempt % 2)]
        jobs = [self._job(f"job {n}", started, begins, end) for n, end in enumerate(ends)]
        ended = max(ends)
        waiting = [replace(plan, conclusion=None, status="queued") for plan in jobs]
        waiting = [replace(p, started_at=started, completed_at=None) for p in waiting]
        stuck = can_break and self._chance(0.02)
        if stuck:
            jobs.append(
                job(
                    "stuck",
                    None,
                    status="queued",
                    id=next(self._jobs),
                    created_at=started,
                    started_at=started,
                    completed_at=None,
                )
            )
        conclusion = self._random.choice(("success", "success", "failure"))
        going_on = {**facts, "status": "queued", "conclusion": None, "jobs": waiting}
        over = {**facts, "status": "completed", "conclusion": conclusion, "jobs": jobs}
        updated = ended + timedelta(seconds=self._random.randint(0, 5))
        self._add(started, key, _put_run({**going_on, "updated_at": started}))
        self._add(ended, key, _put_run({**over, "updated_at": updated}))
        if self._chance(0.08):
            updated = ended + self._between(HOUR, 20 * DAY)
            self._add(updated, key, _put_run({**over, "updated_at": updated}))
        thing = Thing(Kind.ATTEMPT, f"{run['id']}/{attempt}")
        title = f"workflow_run {run['id']} attempt {attempt}"
        settled = ended if stuck else self._by_event("workflow_run", title, ended, thing)
        slow = ended - run["created_at"] > LISTED_ALWAYS - HOUR
        name = f"run {run['id']}"
        self._expect(thing, ended, name, settled=settled, unreadable=stuck, slow=slow)
        return ended, jobs

    def _job(self, name: str, created: datetime, begins: datetime, ends: datetime) -> Any:
        conclusion = self._random.choice(("success", "success", "success", "failure"))
        return job(
            name,
            conclusion,
            id=next(self._jobs),
            created_at=created,
            started_at=begins,
            completed_at=ends,
        )

    def _by_event(self, event: str, title: str, at: datetime, thing: Thing) -> datetime:
        """Let a run of our own workflow export a thing, or fail to; return when that is over."""
        if not self._habits.events or self._random.random() > 0.3:
            return at
        run_id = next(self._runs)
        created = at + self._between(MINUTE / 12, MINUTE)
        late = self._random.random() < 0.25
        ended = created + (
            self._between(HOUR, 7 * HOUR) if late else self._between(MINUTE, _HOLD / 6)
        )
        conclusion = "success" if self._random.random() < 0.75 else "failure"
        # The longest lag is shorter than the time for which sweeps leave things to events.
        self._own_run(run_id, event, title, created, lag=self._lag(_HOLD * 0.75))
        self._own_run(run_id, event, title, created, ended=ended, conclusion=conclusion)
        if conclusion == "success":
            export = EventExport(things=(thing,), at=ended, run_id=run_id)
            self._history.event_exports.append(export)
        return ended

    def _own_run(
        self,
        run_id: int,
        event: str,
        title: str,
        created: datetime,
        *,
        ended: datetime | None = None,
        conclusion: str | None = None,
        lag: timedelta | None = None,
    ) -> None:
        mutation = own_run(run_id, event, title, created, ended=ended, conclusion=conclusion)
        self._add(mutation.at, mutation.key, mutation.apply, lag)

    # Deployments.

    def _deploy_in_run(self, run: dict[str, Any], made_by: Any, *, slow: bool) -> None:
        """Let the job of a run deploy; an event exports both together."""
        run_id, sha, ended = run["id"], run["sha"], made_by.completed_at
        link = f"https://github.com/{REPOSITORY}/actions/runs/{run_id}/job/{made_by.id}"
        created = ended - MINUTE / 4
        states = [("in_progress", created), ("success", ended + MINUTE / 30)]
        self._deployment_with(sha, created, states, log_url=link, slow=slow)
        of_run, thing = Thing(Kind.ATTEMPT, f"{run_id}/1"), Thing(Kind.DEPLOYMENT, sha)
        self._history.event_exports = [
            replace(export, things=(of_run, thing)) if of_run in export.things else export
            for export in self._history.event_exports
        ]
        # The run may end later than this job, and messages and ledgers name the run.
        both = {
            each.thing: each for each in self._history.expected if each.thing in (of_run, thing)
        }
        later = replace(
            both[thing],
            ended_at=both[of_run].ended_at,
            settled_at=both[of_run].settled_at,
            name=both[of_run].name,
        )
        self._history.expected[self._history.expected.index(both[thing])] = later

    def _deployment(self, created: datetime) -> None:
        late = self._chance(0.15)
        ended = created + (self._between(DAY, 25 * DAY) if late else self._between(MINUTE, HOUR))
        states = [("in_progress", created + MINUTE / 6)]
        states.append((self._random.choice(("success", "success", "failure", "error")), ended))
        while self._chance(0.15):
            last = states[-1][1]
            again = last + self._between(10 * MINUTE, 6 * DAY)
            if again - created < _LONGEST:
                states.append((self._random.choice(("success", "failure", "inactive")), again))
        sha = sha_of(f"deployment of {created}")
        self._deployment_with(sha, created, states)

    def _deployment_with(
        self,
        sha: str,
        created: datetime,
        states: Sequence[tuple[str, datetime]],
        *,
        log_url: str = "",
        slow: bool = False,
    ) -> None:
        number = next(self._deployments)
        facts: dict[str, Any] = {
            "environment": self._random.choice(("production", "staging")),
            "sha": sha,
            "id": number,
            "created_at": created,
        }
        self._add(created, f"commit {sha}", lambda side: _commit(side, sha))
        statuses: list[Any] = []
        finals: list[tuple[int, datetime]] = []
        key = f"deployment {number}"
        self._add(created, key, _put_deployment(facts, statuses))
        for state, at in states:
            status_id = next(self._statuses)
            statuses.append(deployment_status(state, id=status_id, created_at=at, log_url=log_url))
            self._add(at, key, _put_deployment(facts, statuses))
            finals += [(status_id, at)] if state in _FINAL else []
        name, soon = f"deployment {number}", created + LISTED_ALWAYS - HOUR
        ended = finals[0][1]
        self._expect(Thing(Kind.DEPLOYMENT, sha), ended, name, slow=slow or ended > soon)
        for status_id, at in finals[1:]:
            self._expect(Thing(Kind.STATUS, str(status_id)), at, name, slow=at > soon)

    # Pull requests and issues.

    def _periods(self, opened: datetime, longest: timedelta) -> list[tuple[str, datetime]]:
        """Return closings and reopenings in order, the last one usually a closing."""
        steps = [("closed", opened + self._between(10 * MINUTE, longest))]
        while self._chance(0.2):
            soon = self._random.random() < 0.4
            reopened = steps[-1][1] + self._between(MINUTE, HOUR if soon else 5 * DAY)
            steps.append(("reopened", reopened))
            if self._chance(0.15):
                break
            steps.append(("closed", reopened + self._between(MINUTE, HOUR if soon else 9 * DAY)))
        return steps

    def _change(self, opened: datetime) -> None:
        number = next(self._numbers)
        steps = self._periods(opened, 6 * DAY)
        if steps[-1][0] == "closed" and self._random.random() < 0.8:
            steps[-1] = ("merged", steps[-1][1])
        earlier = [issue for at, issue in self._issues if opened - 5 * DAY < at < opened]
        facts: dict[str, Any] = {
            "number": number,
            "branch": f"branch-{number}",
            "opened_at": opened,
            "closes": [self._random.choice(earlier)] if earlier and number % 3 == 0 else [],
        }
        key = f"pull request {number}"
        self._add(opened, key, _put_change({**facts, "updated_at": opened}))
        unreadable = self._chance(0.02)
        if unreadable:
            status = self._random.choice((404, 410))
            for path in (f"pulls/{number}", f"issues/{number}/timeline"):
                self._history.unreadable_paths[f"/repos/{REPOSITORY}/{path}"] = status
        timeline: list[Any] = []
        for kind, at in steps:
            kinds = ("merged", "closed") if kind == "merged" else (kind,)
            timeline += [happened(each, at=at, id=next(self._events)) for each in kinds]
            facts |= {
                "closed_at": None if kind == "reopened" else at,
                "merged_at": at if kind == "merged" else None,
                "merge_commit_sha": sha_of(f"merge of {number}") if kind == "merged" else None,
                "timeline": tuple(timeline),
                "updated_at": at,
            }
            self._add(at, key, _put_change(facts))
        if self._chance(0.2):
            at = steps[-1][1] + self._between(HOUR, 20 * DAY)
            comment = happened("commented", at=at, id=next(self._events))
            later = {"updated_at": at, "timeline": (*timeline, comment)}
            self._add(at, key, _put_change({**facts, **later}))
        self._closings(Kind.CHANGE, str(number), f"#{number}", steps, unreadable=unreadable)

    def _issue(self, opened: datetime) -> None:
        number = next(self._numbers)
        self._issues.append((opened, number))
        steps = self._periods(opened, 9 * DAY)
        facts: dict[str, Any] = {
            "number": number,
            "type": self._random.choice(("Bug", "Task")),
            "opened_at": opened,
        }
        key = f"issue {number}"
        self._add(opened, key, _put_issue(facts))
        timeline: list[Any] = []
        for kind, at in steps:
            timeline.append(happened(kind, at=at, id=next(self._events)))
            facts |= {
                "closed_at": None if kind == "reopened" else at,
                "timeline": tuple(timeline),
            }
            self._add(at, key, _put_issue(facts))
        if self._chance(0.2):
            at = steps[-1][1] + self._between(HOUR, 20 * DAY)
            comment = happened("commented", at=at, id=next(self._events))
            self._add(at, key, _put_issue({**facts, "timeline": (*timeline, comment)}))
        self._closings(Kind.ITEM, f"{REPOSITORY}#{number}", f"#{number}", steps)

    def _closings(
        self,
        kind: Kind,
        key: str,
        name: str,
        steps: Iterable[tuple[str, datetime]],
        *,
        unreadable: bool = False,
    ) -> None:
        """Expect the closings, some of which events export."""
        steps = list(steps)
        # A step after the end of the history does not happen.
        happens = [step for step in steps if step[1] <= self._history.end]
        for step, at in happens:
            if step == "reopened":
                continue
            thing, settled = Thing(kind, key, at), at
            number = key.rpartition("#")[2]
            if not unreadable and "/" in key:
                settled = self._by_event("issues", f"issues {number} {_text(at)}", at, thing)
            elif not unreadable and kind is Kind.CHANGE:
                title = f"pull_request_target {number} {_text(at)}"
                settled = self._by_event("pull_request_target", title, at, thing)
            reopened = happens[-1][0] == "reopened"
            self._expect(thing, at, name, settled, unreadable=unreadable, reopened=reopened)

    # Items of Jira.

    def _item(self, opened: datetime) -> None:
        name = f"{PROJECT}-{next(self._keys)}"
        # The ids of changelogs are those of a world of the issue's own, and far from all others.
        draft = JiraWorld()
        draft._ids = itertools.count(1_000_000 + 1000 * int(name.partition("-")[2]))
        issue = draft.issue(name, type=self._random.choice(("Story", "Bug")), created=opened)
        self._add(opened, name, _put_item(issue))
        steps = self._periods(opened + 2 * HOUR, 9 * DAY)
        issue.move("In Progress", at=opened + HOUR)
        self._add(opened + HOUR, name, _put_item(issue))
        for kind, at in steps:
            if kind == "reopened":
                issue.move("In Progress", at=at, resolution="")
            else:
                issue.move("Done", at=at, resolution="Done")
            self._add(at, name, _put_item(issue))
        if self._chance(0.2):
            at = steps[-1][1] + self._between(HOUR, 20 * DAY)
            issue.comment(at=at)
            self._add(at, name, _put_item(issue))
        unreadable = self._chance(0.03)
        if unreadable:
            self._history.unreadable_paths[f"/rest/api/3/issue/{name}/comment"] = 403
        self._closings(Kind.ITEM, name, name, steps, unreadable=unreadable)


def own_run(
    run_id: int,
    event: str,
    title: str,
    created: datetime,
    *,
    ended: datetime | None = None,
    conclusion: str | None = None,
    lag: timedelta = NO_LAG,
) -> Mutation:
    """Return the start of a run of our own workflow or, if it has ``ended``, its end."""
    one = job(
        "telemetry",
        conclusion,
        id=50_000_000 + run_id,
        created_at=created,
        started_at=created,
        completed_at=ended,
    )
    facts: dict[str, Any] = {
        "id": run_id,
        "run_number": run_id,
        "workflow": OWN_NAME,
        "path": OWN_FILE,
        "event": event,
        "branch": "main",
        "title": title,
        "sha": sha_of(f"run {run_id}"),
        "created_at": created,
        "updated_at": ended or created,
        "jobs": [one],
    }
    return Mutation(at=ended or created, key=f"run {run_id}", apply=_put_run(facts), lag=lag)


def _commit(side: Side, sha: str) -> None:
    """Put a commit on top of the last one."""
    known = side.github.commits.get(REPOSITORY, {})
    side.github.history(sha, after=next(reversed(known), None))


def _put_run(facts: dict[str, Any]) -> Callable[[Side], object]:
    return lambda side: side.github.put_run(**facts)


def _put_change(facts: dict[str, Any]) -> Callable[[Side], object]:
    kept = {**facts}
    return lambda side: side.github.pull_request(**kept)


def _put_issue(facts: dict[str, Any]) -> Callable[[Side], object]:
    kept = {**facts}
    return lambda side: side.github.issue(**kept)


def _put_deployment(facts: dict[str, Any], statuses: Sequence[Any]) -> Callable[[Side], object]:
    kept = tuple(statuses)
    return lambda side: side.github.deployment(**facts, statuses=kept)


def _put_item(issue: JiraIssue) -> Callable[[Side], object]:
    kept = issue.as_of_now()
    return lambda side: side.jira.put(kept.as_of_now())


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
