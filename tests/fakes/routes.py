"""Which paths the fake GitHub knows, and what each finds in the world."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from tests.fakes import (
    answers,
    artifacts,
    comments,
    contents,
    history,
    issue_lists,
    issues,
    pulls,
    run_lists,
    run_logs,
)
from tests.fakes.accounts import (
    Json,
    full_repository,
    repository,
    time_text,
    whole_repository,
)
from tests.fakes.listing import Found, Listing, Values
from tests.fakes.plans import Moment, RepositoryPlan
from tests.fakes.records import Deployment, PullRequest, Run
from tests.fakes.storage import Stored
from tests.fakes.world import World

Find = Callable[[World, RepositoryPlan, Values, Mapping[str, str]], Found | Stored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path below a repository, the permission it takes, its chapter in GitHub's reference."""

    pattern: re.Pattern[str]
    find: Find
    permission: str
    docs: str


Write = Callable[[World, RepositoryPlan, Values, bytes, str], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRoute:
    """A path below a repository that takes a change: `success` is the status of its answer.

    `write` gets the body of the request and the login of the token's user.
    """

    method: str
    pattern: re.Pattern[str]
    write: Write
    success: int
    permission: str
    docs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteMatch:
    """A route for a change, as `Match`."""

    route: WriteRoute
    repository_name: str
    rest: str
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A route found for a path; `rest` is the path below the repository."""

    route: Route
    repository_name: str
    rest: str
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryList:
    """A list of repositories that stands below no repository; `token` begins those that it takes.

    GitHub gives the second list to tokens of installations only, in a form of its own.
    """

    pattern: re.Pattern[str]
    find: Callable[[World, Values], Listing]
    docs: str
    token: str = ""


class NoSuchCommitError(Exception):
    """GitHub's 422 for a commit that the repository does not hold."""


def match(path: str) -> Match | None:
    """Return the route for a path such as /repos/acme/shop/pulls or /repositories/700/pulls."""
    below = re.fullmatch(r"/(?:repos/([^/]+/[^/]+)|repositories/(\d+))(/.*)?", path)
    if below is None:
        return None
    rest = below[3] or ""
    for route in ROUTES:
        found = route.pattern.fullmatch(rest)
        if found:
            return Match(
                route=route,
                repository_name=unquote(below[1] or below[2]),
                rest=rest,
                values=found.groupdict(),
            )
    return None


def match_list(path: str) -> tuple[RepositoryList, Values] | None:
    """Return the list of repositories of a path such as /orgs/acme/repos."""
    for route in REPOSITORY_LISTS:
        found = route.pattern.fullmatch(path)
        if found:
            return route, found.groupdict()
    return None


def _of_organization(world: World, values: Values) -> Listing:
    login = values["login"].lower()
    found = [each for each in _seen(world) if each.full_name.lower().startswith(f"{login}/")]
    if not any(each.owner_type == "Organization" for each in found):
        raise KeyError(login)
    return Listing(
        length=len(found), items=lambda part: [repository(world, each) for each in found[part]]
    )


def _of_installation(world: World, _: Values) -> Listing:
    found = [
        each
        for each in _seen(world)
        if world.installed is None or each.full_name in world.installed
    ]
    return Listing(
        length=len(found),
        key="repositories",
        items=lambda part: [whole_repository(world, each) for each in found[part]],
    )


def _seen(world: World) -> list[RepositoryPlan]:
    return [each for each in world.repositories.values() if not each.hidden]


REPOSITORY_LISTS = (
    RepositoryList(
        pattern=re.compile("/orgs/(?P<login>[^/]+)/repos"),
        find=_of_organization,
        docs="/repos/repos#list-organization-repositories",
    ),
    RepositoryList(
        pattern=re.compile("/installation/repositories"),
        find=_of_installation,
        docs="/apps/installations",
        token="ghs_",
    ),
)


def match_write(method: str, path: str) -> WriteMatch | None:
    """Return the route for a change by this method."""
    below = re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)", path)
    for route in WRITES:
        found = route.pattern.fullmatch(below[2]) if below and route.method == method else None
        if below and found:
            return WriteMatch(
                route=route,
                repository_name=unquote(below[1]),
                rest=below[2],
                values=found.groupdict(),
            )
    return None


def _repository(world: World, home: RepositoryPlan, _: Values, __: Values) -> Found:
    return full_repository(world, home)


def _run(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    return answers.run(world, _attempt(world, home, values))


def _attempt_jobs(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    return _jobs(world, [_attempt(world, home, values)])


def _run_jobs(world: World, home: RepositoryPlan, values: Values, query: Values) -> Found:
    if query.get("filter") == "all":
        return _jobs(world, _attempts(world, home, values))
    return _jobs(world, [_attempt(world, home, values)])


def _job(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    wanted = int(values["job"])
    for attempt in world.attempts:
        for job in attempt.jobs:
            if job.id == wanted and (attempt.plan.repository or world.default) == home.full_name:
                return answers.job(world, attempt, job)
    raise KeyError(wanted)


def _annotations(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    check_run = int(values["id"])
    for attempt in world.attempts:
        for job in attempt.jobs:
            if job.id == check_run and (attempt.plan.repository or world.default) == home.full_name:
                said = [answers.annotation(world, attempt, a) for a in job.plan.annotations]
                return Listing(length=len(said), items=said.__getitem__)
    raise KeyError(check_run)


def _pulls(world: World, home: RepositoryPlan, _: Values, query: Values) -> Found:
    state = query.get("state", "open")
    found = [
        pull
        for pull in world.pull_requests
        if pull.repository == home.full_name
        and state in ("all", pull.state)
        and query.get("base", pull.base) == pull.base
        and _has_head(pull, query.get("head", ""))
    ]
    by = query.get("sort", "created")
    newest_first = query.get("direction", "desc" if by == "created" else "asc") == "desc"
    time = pulls.last_touched if by == "updated" else _opened_at
    found.sort(key=lambda p: (str(time_text(time(p))), p.number), reverse=newest_first)
    return _pull_list(world, found)


def _pull(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    for pull in world.pull_requests:
        if pull.repository == home.full_name and pull.number == int(values["id"]):
            return pulls.full_pull_request(world, pull)
    raise KeyError(values["id"])


def _commit_pulls(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    sha = values["sha"]
    if sha not in world.shas(home.full_name):
        raise NoSuchCommitError(f"No commit found for SHA: {sha}")
    here = [p for p in world.pull_requests if p.repository == home.full_name]
    # Closed without a merge is neither "merged" nor "open", the two kinds that GitHub returns.
    found = [p for p in here if sha in p.commits and (p.state == "open" or p.plan.merged_at)]
    return _pull_list(world, found)


def _deployments(world: World, home: RepositoryPlan, _: Values, query: Values) -> Found:
    def fits(made: Deployment) -> bool:
        facts = {
            "sha": made.plan.sha,
            "ref": made.plan.ref or home.default_branch,
            "task": made.plan.task,
            "environment": made.plan.environment,
        }
        # GitHub's documented default for each of them is the word "none".
        asked = {name: query[name] for name in facts if query.get(name, "none") != "none"}
        return made.repository == home.full_name and asked.items() <= facts.items()

    found = sorted(filter(fits, world.deployments), key=lambda made: made.id, reverse=True)
    return Listing(
        length=len(found),
        items=lambda part: [answers.deployment(world, made) for made in found[part]],
    )


def _deployment(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    return answers.deployment(world, _made(world, home, values))


def _deployment_statuses(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    made = _made(world, home, values)
    newest_first = made.statuses[::-1]
    return Listing(
        length=len(newest_first),
        items=lambda part: [
            answers.deployment_status(world, made, taken) for taken in newest_first[part]
        ],
    )


def _made(world: World, home: RepositoryPlan, values: Values) -> Deployment:
    for made in world.deployments:
        if made.repository == home.full_name and made.id == int(values["id"]):
            return made
    raise KeyError(values["id"])


def _attempts(world: World, home: RepositoryPlan, values: Values) -> list[Run]:
    found = world.attempts_of(home.full_name, int(values["id"]))
    if not found:
        raise KeyError(values["id"])
    return found


def _attempt(world: World, home: RepositoryPlan, values: Values) -> Run:
    attempts = _attempts(world, home, values)
    if "attempt" not in values:
        return attempts[-1]
    return {str(a.attempt): a for a in attempts}[values["attempt"]]


def _jobs(world: World, attempts: list[Run]) -> Listing:
    found = [(attempt, job) for attempt in attempts for job in attempt.jobs]
    return Listing(
        length=len(found),
        key="jobs",
        items=lambda part: [answers.job(world, attempt, job) for attempt, job in found[part]],
    )


def _pull_list(world: World, found: list[PullRequest]) -> Listing:
    return Listing(
        length=len(found),
        items=lambda part: [pulls.pull_request(world, pull) for pull in found[part]],
        encoded=lambda part: [pulls.encoded_pull_request(world, pull) for pull in found[part]],
    )


def _opened_at(pull: PullRequest) -> Moment:
    return pull.opened_at


def _has_head(pull: PullRequest, head: str) -> bool:
    owner, colon, branch = head.partition(":")
    # GitHub takes no notice of a head that is not OWNER:BRANCH.
    if not colon:
        return True
    head_owner = (pull.head_repository or "/").split("/")[0]
    return owner.lower() == head_owner.lower() and branch == pull.plan.branch


def _route(pattern: str, find: Find, permission: str, docs: str) -> Route:
    return Route(pattern=re.compile(pattern), find=find, permission=permission, docs=docs)


_RUN = r"/actions/runs/(?P<id>\d+)"
_ISSUES_OR_PULLS = "issues=read; pull_requests=read"
ROUTES = (
    _route("", _repository, "metadata=read", "/repos/repos"),
    _route("/actions/runs", run_lists.runs, "actions=read", "/actions/workflow-runs"),
    _route(
        "/actions/workflows/(?P<workflow>[^/]+)/runs",
        run_lists.workflow_runs,
        "actions=read",
        "/actions/workflow-runs",
    ),
    _route(_RUN, _run, "actions=read", "/actions/workflow-runs"),
    _route(_RUN + r"/attempts/(?P<attempt>\d+)", _run, "actions=read", "/actions/workflow-runs"),
    _route(
        _RUN + r"/attempts/(?P<attempt>\d+)/jobs",
        _attempt_jobs,
        "actions=read",
        "/actions/workflow-jobs",
    ),
    _route("/actions/artifacts", artifacts.artifacts, "actions=read", "/actions/artifacts"),
    _route(_RUN + "/artifacts", artifacts.artifacts, "actions=read", "/actions/artifacts"),
    _route(
        r"/actions/artifacts/(?P<artifact>\d+)/zip",
        artifacts.archive,
        "actions=read",
        "/actions/artifacts",
    ),
    _route(
        _RUN + r"/attempts/(?P<attempt>\d+)/logs",
        run_logs.archive,
        "actions=read",
        "/actions/workflow-runs",
    ),
    _route(
        r"/actions/jobs/(?P<job>\d+)/logs",
        run_logs.of_job,
        "actions=read",
        "/actions/workflow-jobs",
    ),
    _route(r"/actions/jobs/(?P<job>\d+)", _job, "actions=read", "/actions/workflow-jobs"),
    _route(_RUN + "/jobs", _run_jobs, "actions=read", "/actions/workflow-jobs"),
    _route(r"/check-runs/(?P<id>\d+)/annotations", _annotations, "checks=read", "/checks/runs"),
    _route("/pulls", _pulls, "pull_requests=read", "/pulls/pulls"),
    _route(r"/pulls/(?P<id>\d+)", _pull, "pull_requests=read", "/pulls/pulls"),
    _route(
        "/commits/(?P<sha>[^/]+)/pulls", _commit_pulls, "pull_requests=read", "/commits/commits"
    ),
    _route(
        r"/compare/(?P<base>\w+)\.\.\.(?P<head>\w+)",
        history.compare,
        "contents=read",
        "/commits/commits",
    ),
    _route(r"/contents/(?P<path>.+)", contents.contents, "contents=read", "/repos/contents"),
    _route(
        r"/deployments/(?P<id>\d+)", _deployment, "deployments=read", "/deployments/deployments"
    ),
    _route("/issues", issue_lists.issue_list, _ISSUES_OR_PULLS, "/issues/issues"),
    _route(r"/issues/(?P<id>\d+)", issues.issue, _ISSUES_OR_PULLS, "/issues/issues"),
    _route(r"/issues/(?P<id>\d+)/comments", comments.listed, _ISSUES_OR_PULLS, "/issues/comments"),
    _route(r"/issues/(?P<id>\d+)/timeline", issues.timeline, _ISSUES_OR_PULLS, "/issues/timeline"),
    _route("/deployments", _deployments, "deployments=read", "/deployments/deployments"),
    _route(
        r"/deployments/(?P<id>\d+)/statuses",
        _deployment_statuses,
        "deployments=read",
        "/deployments/statuses",
    ),
)

_MAY_COMMENT = "issues=write; pull_requests=write"
WRITES = (
    WriteRoute(
        method="POST",
        pattern=re.compile(r"/issues/(?P<id>\d+)/comments"),
        write=comments.create,
        success=201,
        permission=_MAY_COMMENT,
        docs="/issues/comments",
    ),
    WriteRoute(
        method="PATCH",
        pattern=re.compile(r"/issues/comments/(?P<id>\d+)"),
        write=comments.update,
        success=200,
        permission=_MAY_COMMENT,
        docs="/issues/comments",
    ),
)
