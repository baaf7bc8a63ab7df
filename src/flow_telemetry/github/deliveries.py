"""Deliveries: the pull requests that a deployment brings to its place for the first time.

Only facts from before the end of the deployment are used, so that reading it again later gives the
same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flow_telemetry.errors import SourceError
from flow_telemetry.github.changes import (
    Comparison,
    changes_between,
    commit_pulls_path,
    compare_commits,
    read_changes_by_commit,
)
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.deployments import find_maker, read_outcome
from flow_telemetry.github.payloads import parse_changes
from flow_telemetry.github.queries import unread_error
from flow_telemetry.github.runs import RunAddress, read_attempt
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import PaginatedList, Payload
from flow_telemetry.model import (
    DEFAULT_TASK,
    Change,
    Deployment,
    DeploymentKind,
    DeploymentStatus,
    Result,
)
from flow_telemetry.rules import deployments as rules
from flow_telemetry.text import counted

# The number of deployments to the environment among which the earlier successes are found.
DEPLOYMENTS_COMPARED = 100
# If all of these failed, the previous success stays unknown.
MOST_PAGES_OF_DEPLOYMENTS = 5
# Successes on other branches with which a deployment is compared.
MOST_OTHER_COMPARISONS = 5
# Failures since the last success whose jobs are read.
MOST_FAILURES_READ = 30
# Earlier deployments whose runs are read, to find those that used the environment for its secrets.
MOST_RUNS_READ = 100
# If a push to the base merges a pull request, its `mergedAt` is later than the start of the runs.
_MERGE_IS_NOTED_WITHIN = timedelta(minutes=1)

_EARLIER = """
query EnvironmentDeployments(
  $owner: String!, $name: String!, $environments: [String!], $after: String
) {
  repository(owner: $owner, name: $name) {
    deployments(
      environments: $environments
      first: 100
      after: $after
      orderBy: {field: CREATED_AT, direction: DESC}
    ) {
      pageInfo { hasNextPage endCursor }
      nodes {
        databaseId
        commitOid
        commit { id committedDate }
        ref { name }
        task
        createdAt
        newest: statuses(first: 20) { nodes { state createdAt logUrl } }
        oldest: statuses(last: 20) { nodes { state createdAt logUrl } }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The earlier deployments to a place.

    ``commit_ids`` are GraphQL's ids of their commits. ``complete`` is False if older deployments
    were left out before a success was found.
    """

    deployments: tuple[Deployment, ...]
    commit_ids: dict[str, str]
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommits:
    """The commits that no earlier success contains; ``status`` compares with the last success.

    ``commits`` is None if there is no commit to compare with.
    """

    commits: tuple[Payload, ...] | None = None
    status: str | None = None
    complete: bool = True
    notices: tuple[str, ...] = ()


class _Targets:
    """Tells the earlier deployments that count from other uses of the environment.

    A deployment does not name the event of its run, so the run is read, each once.
    """

    def __init__(
        self, client: GitHubClient, deployment: Deployment, patterns: Sequence[str]
    ) -> None:
        self._client, self._patterns = client, patterns
        # The deployment itself counts, and so do the others of its run.
        self._counts: dict[int, bool] = {deployment.run_id: True} if deployment.run_id else {}
        self._left = MOST_RUNS_READ
        # The earlier deployments that count because their runs were not read.
        self.unread: set[int] = set()

    def counts(self, earlier: Deployment) -> bool:
        """Whether an earlier deployment counts; one whose run cannot be read does."""
        run_id = earlier.run_id
        if run_id is None or rules.is_target(earlier, rules.EVENT_THAT_ONLY_USES, self._patterns):
            return True
        if run_id not in self._counts:
            if not self._left:
                self.unread.add(run_id)
                return True
            self._left -= 1
            self._counts[run_id] = self._read(earlier, run_id)
        return self._counts[run_id]

    def _read(self, earlier: Deployment, run_id: int) -> bool:
        address = RunAddress(repository=earlier.repository.full_name, run_id=run_id)
        try:
            event = read_attempt(self._client, address).event
        except SourceError as error:
            self._client.log.debug(f"the event of an earlier deployment is not known: {error}")
            return True
        return rules.is_target(earlier, event, self._patterns)


def with_deliveries(
    client: GitHubClient,
    deployment: Deployment,
    siblings: Iterable[Deployment] = (),
    patterns: Sequence[str] = (),
) -> Deployment:
    """Return the deployment with its kind and the pull requests that it delivers, by number.

    A pull request is delivered to a place once, by the first success whose commit contains its
    merge, or which deploys one of its own commits while it is open. ``siblings`` are deployments
    that were read with more detail, such as the others of the same run, ``patterns`` those of
    `deployment-environments`. The first deployment to a place delivers the pull requests of its own
    commit only. A failed deployment names what it was to deliver. ``delivers_complete`` is False if
    there are more commits than GitHub compares, or if it no longer has a commit or did not return
    all pull requests.

    It takes four requests for up to 50 commits, and more after hotfixes from other branches. The
    token needs `actions: read`, `deployments: read`, `contents: read` and `pull-requests: read`.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    targets = _Targets(client, deployment, patterns)
    earlier = _read_earlier(client, deployment, tuple(siblings), targets)
    earlier = replace(earlier, deployments=_without_other_uses(deployment, earlier, targets))
    if rules.delivery_result(deployment) is Result.SUCCESS:
        earlier = replace(earlier, deployments=_with_outcomes(client, deployment, earlier))
    before = earlier.deployments
    successes = rules.successes_before(deployment, before)
    new = _find_new_commits(client, deployment, successes, targets)
    changes = _read_changes(client, deployment, earlier, new)
    kind = rules.deployment_kind(deployment, before, new.status)
    known = replace(
        deployment,
        delivers=_without_delivered(client, changes.items, successes, earlier.commit_ids),
        delivers_complete=changes.complete,
        before=before,
        kind=kind,
        notices=(*new.notices, *_describe_unread(deployment, targets)),
    )
    return _with_changes_taken_back(client, known, successes)


def _describe_unread(deployment: Deployment, targets: _Targets) -> tuple[str, ...]:
    if not targets.unread:
        return ()
    return (
        f"the runs of {counted(len(targets.unread), 'earlier deployment')} to "
        f"{rules.describe_place(deployment)} were not read: if they only used the environment for "
        "its secrets, the deployment may deliver more pull requests. Use another environment for "
        "secrets, and exclude it in `deployment-environments`",
    )


# The earlier deployments.


def _read_earlier(
    client: GitHubClient,
    deployment: Deployment,
    siblings: Sequence[Deployment],
    targets: _Targets,
) -> Earlier:
    """Return the deployments to the place that were created before a deployment ended."""
    earlier: list[Deployment] = []
    commit_ids: dict[str, str] = {}
    after: str | None = None
    latest = rules.ended_at(deployment) or deployment.created_at
    listed = 0
    complete = False
    for _ in range(MOST_PAGES_OF_DEPLOYMENTS):
        connection = query_earlier(client, deployment, after)
        for node in read.children(connection, "nodes"):
            parsed = _parse_earlier(node, deployment)
            if parsed is None or parsed.created_at > latest:
                continue
            listed += 1
            earlier.append(parsed)
            if commit_id := read.text(read.child(node, "commit"), "id"):
                commit_ids[parsed.sha] = commit_id
        page = read.child(connection, "pageInfo")
        after = read.text(page, "endCursor")
        complete = not (read.flag(page, "hasNextPage") and after)
        successes = rules.successes_before(deployment, earlier)
        if complete or (
            listed >= DEPLOYMENTS_COMPARED and any(map(targets.counts, reversed(successes)))
        ):
            complete = True
            break
    place = rules.place_of(deployment)
    here = [each for each in earlier if rules.place_of(each) == place]
    merged = [_prefer(each, siblings) for each in here if not rules.is_same(each, deployment)]
    return Earlier(deployments=tuple(merged), commit_ids=commit_ids, complete=complete)


def _prefer(deployment: Deployment, siblings: Iterable[Deployment]) -> Deployment:
    """Return the sibling that is the same deployment, with what only the list has."""
    for sibling in siblings:
        if rules.is_same(sibling, deployment):
            return replace(sibling, committed_at=deployment.committed_at)
    return deployment


def query_earlier(
    client: GitHubClient, deployment: Deployment, after: str | None = None
) -> Payload:
    """Return a page of the deployments to a deployment's environment, newest first.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.query`.
    """
    repository = deployment.repository
    what = f"deployments of {repository.full_name} to {deployment.environment}"
    response = client.query(
        _EARLIER,
        what,
        owner=repository.owner,
        name=repository.name,
        environments=[deployment.environment],
        after=after,
    )
    connection = read.child(read.child(response.data, "repository"), "deployments")
    if not connection:
        raise unread_error(client, response, what)
    return connection


def _parse_earlier(node: Payload, deployment: Deployment) -> Deployment | None:
    """Return a deployment of the list; None for a damaged one.

    The first final status counts, and some apps add a status at every check, so both ends of the
    list of statuses are read.
    """
    created = read.time(node, "createdAt")
    if created is None:
        return None
    known: dict[tuple[str, datetime], DeploymentStatus] = {}
    newest_first = [
        status
        for name in ("newest", "oldest")
        for status in read.children(read.child(node, name), "nodes")
    ]
    for status in reversed(newest_first):
        # GraphQL writes states in upper case, REST in lower case.
        state, time = (read.text(status, "state") or "").lower(), read.time(status, "createdAt")
        if time is not None:
            url = read.text(status, "logUrl") or ""
            known.setdefault((state, time), DeploymentStatus(state=state, time=time, log_url=url))
    statuses = tuple(sorted(known.values(), key=lambda status: status.time))
    maker = find_maker(deployment.repository, (status.log_url for status in statuses))
    return Deployment(
        repository=deployment.repository,
        id=read.number(node, "databaseId") or 0,
        environment=deployment.environment,
        sha=read.text(node, "commitOid") or "",
        created_at=created,
        statuses=statuses,
        run_id=maker.run_id,
        job_id=maker.job_id,
        ref=read.text(read.child(node, "ref"), "name") or "",
        task=read.text(node, "task") or DEFAULT_TASK,
        committed_at=read.time(read.child(node, "commit"), "committedDate"),
    )


def _without_other_uses(
    deployment: Deployment, earlier: Earlier, targets: _Targets
) -> tuple[Deployment, ...]:
    """Return the earlier deployments without those since the last success that do not count."""
    others = list(earlier.deployments)
    for each in reversed(rules.ended_before(deployment, others)):
        if not targets.counts(each):
            others.remove(each)
        elif rules.delivery_result(each) is Result.SUCCESS:
            break
    return tuple(others)


def _with_outcomes(
    client: GitHubClient, deployment: Deployment, earlier: Earlier
) -> tuple[Deployment, ...]:
    """Return the earlier deployments, with the jobs of failures since the last success.

    GitHub leaves `failure` on the deployment of a cancelled job, which is nothing to restore. The
    first real failure decides how long the place was broken, so the jobs are read up to that; and
    the last attempt decides whether a redeployment repaired anything.
    """
    others = list(earlier.deployments)
    last = rules.last_attempt(deployment, others)
    real = False
    for number, failure in enumerate(rules.failures_since_success(deployment, others)):
        if (real or number >= MOST_FAILURES_READ) and failure is not last:
            continue
        settled = read_outcome(client, failure)
        real = real or rules.is_change_failure(settled)
        others[others.index(failure)] = settled
    return tuple(others)


# The commits and pull requests that are new in the place.


def _find_new_commits(
    client: GitHubClient,
    deployment: Deployment,
    successes: Sequence[Deployment],
    targets: _Targets,
    tries: int = MOST_OTHER_COMPARISONS,
) -> NewCommits:
    """Return the commits that no earlier success in the place contains.

    At most ``tries`` successes are tried whose commits may be gone.
    """
    if not successes or not tries:
        return NewCommits(complete=not successes)
    first = _compare(client, deployment, successes[-1].sha)
    if first is None:
        # The last commit is gone after a force push; what the place had before still counts.
        known = [each for each in successes if each.sha != successes[-1].sha]
        found = _find_new_commits(client, deployment, known, targets, tries - 1)
        return replace(found, status=None, complete=False)
    listed = _parents_of(first)
    successes = [each for each in successes if each.sha not in listed or targets.counts(each)]
    remaining = rules.remove_delivered(listed, successes)
    complete = first.complete or rules.is_closed(remaining, listed)
    elsewhere: Sequence[str] = ()
    if remaining:
        others = rules.successes_elsewhere(successes, listed, first.base_date)
        used = {each.sha for each in successes if each.sha in others and not targets.counts(each)}
        elsewhere = [sha for sha in others if sha not in used]
    for sha in elsewhere[:MOST_OTHER_COMPARISONS]:
        other = _compare(client, deployment, sha)
        if other is not None:
            missing = _parents_of(other)
            remaining = {each: p for each, p in remaining.items() if each in missing}
            complete = complete and (other.complete or rules.is_closed(remaining, missing))
    notices: tuple[str, ...] = ()
    if len(elsewhere) > MOST_OTHER_COMPARISONS:
        notices = (
            f"the deployment to {rules.describe_place(deployment)} was compared with "
            f"{MOST_OTHER_COMPARISONS} of {len(elsewhere)} successes from other branches: it may "
            "deliver a pull request again",
        )
    commits = tuple(c for c in first.commits if (read.text(c, "sha") or "") in remaining)
    return NewCommits(commits=commits, status=first.status, complete=complete, notices=notices)


def _compare(client: GitHubClient, deployment: Deployment, base: str) -> Comparison | None:
    repository = deployment.repository
    what = f"what deployment {deployment.id} of {repository.full_name} changed"
    return compare_commits(client, repository, base, deployment.sha, what)


def _parents_of(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    return {
        sha: tuple(filter(None, (read.text(p, "sha") for p in read.children(commit, "parents"))))
        for commit in comparison.commits
        if (sha := read.text(commit, "sha"))
    }


def _read_changes(
    client: GitHubClient, deployment: Deployment, earlier: Earlier, new: NewCommits
) -> PaginatedList[Change]:
    """Return the pull requests of the new commits that were merged, or open and deployed, then."""
    repository = deployment.repository
    if new.commits is None:
        # Without a commit to compare with, the whole history would count as delivered.
        path = f"/repos/{repository.full_name}/commits/{deployment.sha}/pulls"
        pulls = client.list_all(path, None, f"pull requests of {repository.full_name}").items
        found: Sequence[Change] = parse_changes(pulls, repository)
        own, complete = found, earlier.complete and new.complete
    elif (known := _known_changes(client, deployment, new.commits)) is not None:
        found = [change for each in known.values() for change in each]
        own, complete = known.get(deployment.sha, ()), new.complete
    else:
        ids = {read.text(c, "sha"): node_id for c in new.commits if (node_id := _node_id(c))}
        by_commit = read_changes_by_commit(client, repository, tuple(ids.values()))
        found = [change for each in by_commit.changes.values() for change in each]
        own = by_commit.changes.get(ids.get(deployment.sha, ""), ())
        complete = by_commit.complete and new.complete and len(ids) == len(new.commits)
    latest = deployment.created_at + _MERGE_IS_NOTED_WITHIN
    merged = [
        change
        for change in found
        if change.into_default_branch and change.merged_at and change.merged_at <= latest
    ]
    branch = rules.find_open_change(deployment, own)
    by_number = {change.number: change for change in (*merged, *((branch,) if branch else ()))}
    delivered = tuple(by_number[number] for number in sorted(by_number))
    return PaginatedList(items=delivered, complete=complete)


def _known_changes(
    client: GitHubClient, deployment: Deployment, commits: Iterable[Payload]
) -> dict[str, Sequence[Change]] | None:
    """Return the pull requests of commits if all of them were read before, for their runs."""
    repository = deployment.repository
    paths = {
        sha: commit_pulls_path(repository, sha)
        for commit in commits
        if (sha := read.text(commit, "sha"))
    }
    if not all(client.knows(client.page_request(path)) for path in paths.values()):
        return None
    what = f"pull requests of {repository.full_name}"
    try:
        return {
            sha: [
                # As GraphQL gives them, which has neither.
                replace(change, base_sha="", updated_at=None)
                for change in parse_changes(client.list_all(path, None, what).items, repository)
            ]
            for sha, path in paths.items()
        }
    except SourceError:  # A refusal is known, too, and a damaged list: the query may succeed.
        return None


def _node_id(commit: Payload) -> str | None:
    return read.text(commit, "node_id")


def _without_delivered(
    client: GitHubClient,
    changes: Sequence[Change],
    successes: Iterable[Deployment],
    commit_ids: Mapping[str, str],
) -> tuple[Change, ...]:
    """Return the changes that no earlier success brought from their branch while they were open.

    After the merge their commits are others, so comparing commits does not show it.
    """
    suspects = {
        success.sha: success
        for success in successes
        if success.sha in commit_ids and rules.may_be_from_branch(success, changes)
    }
    if not suspects:
        return tuple(changes)
    ids = {sha: commit_ids[sha] for sha in suspects}
    repository = next(iter(suspects.values())).repository
    by_commit = read_changes_by_commit(client, repository, tuple(ids.values()))
    brought = (
        rules.find_open_change(success, by_commit.changes.get(ids[sha], ()))
        for sha, success in suspects.items()
    )
    numbers = {change.number for change in brought if change is not None}
    return tuple(change for change in changes if change.number not in numbers)


def _with_changes_taken_back(
    client: GitHubClient, deployment: Deployment, successes: Sequence[Deployment]
) -> Deployment:
    """Return a rollback with the pull requests that the place had, and has no longer."""
    succeeded = rules.delivery_result(deployment) is Result.SUCCESS
    if not (succeeded and successes and deployment.kind is DeploymentKind.ROLLBACK):
        return deployment
    what = f"what deployment {deployment.id} of {deployment.repository.full_name} took back"
    try:
        changes = changes_between(
            client, deployment.repository, deployment.sha, successes[-1].sha, what
        )
    except SourceError as error:
        notice = f"{what} is not known: {error}"
        return replace(deployment, notices=(*deployment.notices, notice))
    merged = {
        change.number: change
        for change in (changes.items if changes else ())
        if change.into_default_branch and change.merged_at
    }
    taken_back = tuple(merged[number] for number in sorted(merged))
    return replace(deployment, takes_back=taken_back)
