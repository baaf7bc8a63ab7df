"""The logs of runs as GitHub keeps them: an archive of an attempt's, and a text of each job's."""

from __future__ import annotations

from tests.fakes.artifacts import packed
from tests.fakes.listing import Values
from tests.fakes.plans import LogsPlan, RepositoryPlan
from tests.fakes.storage import Stored
from tests.fakes.world import World


class ExpiredError(Exception):
    """GitHub's 410 for logs that are no longer kept."""


def archive(world: World, home: RepositoryPlan, values: Values, _: Values) -> Stored:
    """Return the archive of an attempt that has ended (KeyError: there is none)."""
    run, attempt = int(values["id"]), int(values["attempt"])
    ended = {
        (each.id, each.attempt): each.status == "completed"
        for each in world.attempts_of(home.full_name, run)
    }
    if not ended[run, attempt]:
        raise KeyError(attempt)
    return Stored(packed(_kept(world, run, attempt).content))


def of_job(world: World, home: RepositoryPlan, values: Values, _: Values) -> Stored:
    """Return the log of a job that has ended (KeyError: there is none)."""
    for attempt in world.attempts:
        if (attempt.plan.repository or world.default) != home.full_name:
            continue
        for job in attempt.jobs:
            if str(job.id) == values["job"] and job.status == "completed":
                return Stored(_of_job(_kept(world, attempt.id, attempt.attempt), job.name))
    raise KeyError(values["job"])


def _kept(world: World, run: int, attempt: int) -> LogsPlan:
    """What was kept last counts."""
    for kept in reversed(world.kept_logs):
        if (kept.run, kept.attempt) == (run, attempt):
            if kept.expired:
                raise ExpiredError
            return kept
    raise KeyError(run)


def _of_job(kept: LogsPlan, name: str) -> bytes:
    found = kept.jobs.get(name)
    if found is None and not isinstance(kept.content, bytes):
        paths = (path for path in kept.content if path.partition("_")[2] == f"{name}.txt")
        found = kept.content[next(paths, "")]
    if found is None:
        raise KeyError(name)
    return found.encode() if isinstance(found, str) else found
