"""Issues and pull requests of the fake world as GraphQL's objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Generic, TypeVar

from tests.fakes.accounts import time_text
from tests.fakes.graphql_execution import (
    FORBIDDEN,
    Arguments,
    Object,
    Refusal,
    connection,
)
from tests.fakes.graphql_timeline import actor, timeline
from tests.fakes.history import pulls_of_commit
from tests.fakes.plans import Moment, RepositoryPlan
from tests.fakes.pulls import last_touched
from tests.fakes.records import Issue, PullRequest
from tests.fakes.world import World, sha_of

Made = TypeVar("Made")


class Items:
    """The objects of a world, as a token that lacks the permissions `denied` sees them."""

    def __init__(self, world: World, denied: Collection[str]) -> None:
        self._world = world
        self._denied = denied

    @property
    def root(self) -> Object:
        """The object that queries begin at."""
        return {"__typename": "Query", "repository": self._find_repository}

    def _find_repository(self, arguments: Arguments) -> Object | Refusal:
        name = f"{arguments['owner']}/{arguments['name']}"
        try:
            known = self._world.find_repository(name)
        except KeyError:
            known = None
        if known is None or known.hidden:
            message = f"Could not resolve to a Repository with the name '{name}'."
            return Refusal(kind="NOT_FOUND", message=message)
        return self._repository(known)

    def _repository(self, known: RepositoryPlan) -> Object:
        def issue(arguments: Arguments) -> Object | Refusal:
            number = arguments["number"]
            return self._allowed("issues=read", lambda: self._issue_numbered(known, number), known)

        def pull_request(arguments: Arguments) -> Object | Refusal:
            number = arguments["number"]
            return self._allowed(
                "pull_requests=read", lambda: self._pull_numbered(known, number), known
            )

        return {
            "__typename": "Repository",
            "nameWithOwner": known.full_name,
            "url": f"{self._world.server_url}/{known.full_name}",
            "defaultBranchRef": {"__typename": "Ref", "name": known.default_branch},
            "deployments": lambda arguments: self._deployments(known, arguments),
            "issue": issue,
            "issues": lambda arguments: self._issues(known, arguments),
            "object": lambda arguments: self._commit(known, str(arguments["oid"])),
            "issueTypes": lambda arguments: self._issue_types(known, arguments),
            "pullRequest": pull_request,
            "pullRequests": lambda arguments: self._pulls(known, arguments),
        }

    def _allowed(
        self,
        permission: str,
        make: Callable[[], Object | Refusal],
        known: RepositoryPlan | None = None,
    ) -> Object | Refusal:
        denied = {*self._denied, *(known.denied if known else ())}
        return FORBIDDEN if permission in denied else make()

    def _deployments(self, known: RepositoryPlan, arguments: Arguments) -> Object | Refusal:
        order = arguments.get("orderBy") or {}
        found = [
            {"__typename": "Deployment", "createdAt": time_text(made.created_at)}
            for made in sorted(
                (each for each in self._world.deployments if each.repository == known.full_name),
                key=lambda each: (each.created_at, each.id),
                reverse=order.get("direction") == "DESC",
            )
        ]
        return self._allowed("deployments=read", lambda: connection(found)(arguments), known)

    def _issues(self, known: RepositoryPlan, arguments: Arguments) -> Object | Refusal:
        """The issues of a repository by their creation, by state, assignee and type."""
        chosen = arguments.get("filterBy") or {}
        found = [
            issue
            for issue in self._issues_of(known)
            if issue.state.upper() in (arguments.get("states") or ("OPEN", "CLOSED"))
            if "assignee" not in chosen or _assignee_fits(issue, chosen["assignee"])
            if "type" not in chosen or issue.plan.type == chosen["type"]
        ]
        _order(found, arguments, lambda issue: issue.closed_at)
        make = _Lazy(self._issue, found)
        return self._allowed("issues=read", lambda: connection(make)(arguments), known)

    def _issue_types(self, known: RepositoryPlan, arguments: Arguments) -> Object | None:
        """The types of an organization: an account of a person has none."""
        types = dict.fromkeys(i.plan.type for i in self._issues_of(known) if i.plan.type)
        found = [_named("IssueType", name) for name in types]
        return connection(found)(arguments) if found else None

    def _issues_of(self, known: RepositoryPlan) -> list[Issue]:
        return [
            issue
            for issue in self._world.issues
            if issue.repository == known.full_name
            if not (issue.plan.deleted or issue.plan.moved_to)
        ]

    def _pulls(self, known: RepositoryPlan, arguments: Arguments) -> Object | Refusal:
        found = [
            pull
            for pull in self._world.pull_requests
            if pull.repository == known.full_name
            if _pull_state(pull) in (arguments.get("states") or ("OPEN", "CLOSED", "MERGED"))
            if arguments.get("headRefName") in (None, pull.plan.branch)
        ]
        _order(found, arguments, last_touched)
        make = _Lazy(self._pull_request, found)
        return self._allowed("pull_requests=read", lambda: connection(make)(arguments), known)

    def _commit(self, known: RepositoryPlan, sha: str) -> Object | None:
        """A commit with its pull requests, as `CommitChanges` has them."""
        if sha not in self._world.shas(known.full_name):
            return None

        def pulls(arguments: Arguments) -> Object | Refusal:
            found = [self._pull_request(each) for each in pulls_of_commit(self._world, known, sha)]
            return self._allowed("pull_requests=read", lambda: connection(found)(arguments), known)

        return {"__typename": "Commit", "oid": sha, "associatedPullRequests": pulls}

    def _issue_numbered(self, known: RepositoryPlan, number: int) -> Object | Refusal:
        for issue in self._world.issues:
            gone = issue.plan.deleted or issue.plan.moved_to
            if (issue.repository, issue.number) == (known.full_name, number) and not gone:
                return self._issue(issue)
        return _unresolved("Issue", number)

    def _pull_numbered(self, known: RepositoryPlan, number: int) -> Object | Refusal:
        for pull in self._world.pull_requests:
            if (pull.repository, pull.number) == (known.full_name, number):
                return self._pull_request(pull)
        return _unresolved("PullRequest", number)

    def _visible(self, key: str | None) -> Object | None:
        """The issue of a key; nothing where the token cannot see it, without a word."""
        if key is None or self._world.find_repository(key.partition("#")[0]).hidden:
            return None
        return self._issue(self._world.find_issue(key))

    def _issue(self, issue: Issue) -> Object:
        plan = issue.plan
        return {
            "__typename": "Issue",
            "number": issue.number,
            "title": plan.title,
            "url": f"{self._world.server_url}/{issue.repository}/issues/{issue.number}",
            "state": issue.state.upper(),
            "stateReason": lambda arguments: _state_reason(issue, arguments),
            "createdAt": time_text(issue.opened_at),
            "closedAt": time_text(issue.closed_at),
            "issueType": _named("IssueType", plan.type) if plan.type else None,
            "labels": connection([_named("Label", name) for name in plan.labels]),
            "repository": self._repository(self._world.find_repository(issue.repository)),
            "author": actor(plan.author),
            "assignees": connection([actor(login) for login in plan.assignees]),
            "comments": connection([e for e in issue.timeline if e.plan.kind == "commented"]),
            "parent": lambda _: self._visible(issue.parent),
            "subIssues": lambda arguments: self._sub_issues(issue, arguments),
            "closedByPullRequestsReferences": lambda arguments: self._closers(issue, arguments),
            "timelineItems": lambda arguments: timeline(issue, arguments, self._visible),
        }

    def _sub_issues(self, issue: Issue, arguments: Arguments) -> Object:
        children = (each for each in self._world.issues if each.parent == issue.key)
        return connection([self._visible(child.key) for child in children])(arguments)

    def _closers(self, issue: Issue, arguments: Arguments) -> Object | Refusal:
        closed_too = arguments.get("includeClosedPrs") is True
        found = [
            self._pull_request(pull)
            for pull in self._world.pull_requests
            if issue.key in pull.closes and (closed_too or pull.state == "open")
        ]
        return self._allowed("pull_requests=read", lambda: connection(found)(arguments))

    def _pull_request(self, pull: PullRequest) -> Object:
        plan = pull.plan
        world = self._world
        head = pull.head_repository
        merge = plan.merge_commit_sha
        first = {"__typename": "Commit", "message": plan.message}
        commits = max(1, len(plan.commits))
        return {
            "__typename": "PullRequest",
            "number": pull.number,
            "title": plan.title,
            "state": _pull_state(pull),
            "isDraft": plan.draft,
            "author": actor(plan.author),
            "url": f"{world.server_url}/{pull.repository}/pull/{pull.number}",
            "createdAt": time_text(pull.opened_at),
            "closedAt": time_text(pull.closed_at),
            "mergedAt": time_text(plan.merged_at),
            "mergeCommit": {"__typename": "Commit", "oid": merge} if merge else None,
            "baseRefName": pull.base,
            "headRefName": plan.branch,
            "headRefOid": pull.sha,
            "headRepository": self._repository(world.find_repository(head)) if head else None,
            "repository": self._repository(world.find_repository(pull.repository)),
            "commits": connection([{"__typename": "PullRequestCommit", "commit": first}] * commits),
            "additions": plan.additions,
            "baseRefOid": sha_of(f"base of {pull.number}"),
            "changedFiles": plan.changed_files,
            "deletions": plan.deletions,
            "mergedBy": actor(plan.merged_by or plan.author) if plan.merged_at else None,
            "updatedAt": time_text(last_touched(pull)),
            "closingIssuesReferences": lambda arguments: self._closing(pull, arguments),
            "timelineItems": lambda arguments: timeline(pull, arguments, self._visible),
        }

    def _closing(self, pull: PullRequest, arguments: Arguments) -> Object | Refusal:
        found = [issue for key in pull.closes if (issue := self._visible(key)) is not None]
        found.sort(key=lambda issue: str(issue["createdAt"]))
        return self._allowed("issues=read", lambda: connection(found)(arguments))


def _pull_state(pull: PullRequest) -> str:
    return "MERGED" if pull.plan.merged_at else pull.state.upper()


def _order(
    found: list[Any], arguments: Arguments, updated_at: Callable[[Any], Moment | None]
) -> None:
    """Sort issues or pull requests by `orderBy`, by default by their creation."""
    order = arguments.get("orderBy") or {}
    by_update = order.get("field") == "UPDATED_AT"
    found.sort(
        key=lambda each: (
            str(time_text((updated_at(each) if by_update else None) or each.opened_at)),
            each.number,
        ),
        reverse=order.get("direction") == "DESC",
    )


def _assignee_fits(issue: Issue, asked: str | None) -> bool:
    """`*` finds the issues of anybody, null those of nobody."""
    assignees = issue.plan.assignees
    if asked is None:
        return not assignees
    return bool(assignees) if asked == "*" else asked in assignees


class _Lazy(Sequence[Object], Generic[Made]):
    """The objects of a long list, each of which is made when a page holds it."""

    def __init__(self, make: Callable[[Made], Object], found: Sequence[Made]) -> None:
        self._make = make
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, part: Any) -> Any:
        if isinstance(part, slice):
            return [self._make(each) for each in self._found[part]]
        return self._make(self._found[part])


def _named(type_name: str, name: str) -> Object:
    return {"__typename": type_name, "name": name}


def _unresolved(type_name: str, number: int) -> Refusal:
    message = f"Could not resolve to {_article(type_name)} with the number of {number}."
    return Refusal(kind="NOT_FOUND", message=message)


def _article(type_name: str) -> str:
    return f"{'an' if type_name == 'Issue' else 'a'} {type_name}"


def _state_reason(issue: Issue, arguments: Arguments) -> str | None:
    if issue.state == "open":
        return None
    reason = issue.plan.state_reason.upper()
    told_apart = arguments.get("enableDuplicate") is True
    return "NOT_PLANNED" if reason == "DUPLICATE" and not told_apart else reason
