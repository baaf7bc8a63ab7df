"""Lists of workflow runs as the fake GitHub filters them: the latest attempt of each run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from tests.fakes import answers
from tests.fakes.accounts import number_of
from tests.fakes.listing import Found, Listing, Values
from tests.fakes.plans import RepositoryPlan
from tests.fakes.records import Run
from tests.fakes.world import World, moment

# "This endpoint will return up to 1,000 results for each search", by GitHub's documentation.
MOST_FOUND = 1000
FILTERS = ("actor", "branch", "created", "event", "head_sha", "status")


def runs(world: World, home: RepositoryPlan, _: Values, query: Values) -> Found:
    """Return the runs of a repository, newest first."""
    return _listing(world, _latest(world, home), query)


def workflow_runs(world: World, home: RepositoryPlan, values: Values, query: Values) -> Found:
    """Return the runs of a workflow, named by its number or its file (KeyError: none has it)."""

    def of_workflow(run: Run) -> bool:
        path = answers.workflow_path(run)
        return values["workflow"] in (str(number_of(path)), path.rpartition("/")[2])

    found = [run for run in _latest(world, home) if of_workflow(run)]
    if not found:
        raise KeyError(values["workflow"])
    return _listing(world, found, query)


def _latest(world: World, home: RepositoryPlan) -> list[Run]:
    here = [a for a in world.attempts if (a.plan.repository or world.default) == home.full_name]
    latest = {run.id: run for run in sorted(here, key=lambda run: run.attempt)}
    return sorted(latest.values(), key=lambda run: (run.created_at, run.id), reverse=True)


def _listing(world: World, found: list[Run], query: Values) -> Listing:
    if any(name in query for name in FILTERS):
        found = [run for run in found if _fits(world, run, query)]
        most: int | None = MOST_FOUND
    else:
        most = None
    return Listing(
        length=len(found),
        key="workflow_runs",
        most=most,
        items=lambda part: [answers.run(world, run) for run in found[part]],
        encoded=lambda part: [answers.encoded_run(world, run) for run in found[part]],
    )


def _fits(world: World, run: Run, query: Values) -> bool:
    if "created" in query and not created_fits(run.created_at, query["created"]):
        return False
    asked = [name for name in FILTERS if name in query and name != "created"]
    return not asked or all(query[name] in _facts(world, run)[name] for name in asked)


def _facts(world: World, run: Run) -> Mapping[str, set[str | None]]:
    branch = run.plan.branch
    default = world.find_repository(run.plan.repository or world.default).default_branch
    return {
        "actor": {run.plan.actor},
        "branch": {branch if branch is None or isinstance(branch, str) else default},
        "event": {run.plan.event},
        "head_sha": {run.sha},
        "status": {run.status, run.conclusion},
    }


def created_fits(created: datetime, asked: str) -> bool:
    """Whether an instant, to the second, is in a range of GitHub's search syntax."""
    instant = created.replace(microsecond=0)
    for sign, holds in _COMPARISONS.items():
        if asked.startswith(sign):
            return holds(instant, moment(asked.removeprefix(sign)))
    begin, dots, end = asked.partition("..")
    if not dots:
        return instant == moment(asked)
    after_begin = begin == "*" or moment(begin) <= instant
    return after_begin and (end == "*" or instant <= moment(end))


_COMPARISONS: Mapping[str, Callable[[datetime, datetime], bool]] = {
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
}
