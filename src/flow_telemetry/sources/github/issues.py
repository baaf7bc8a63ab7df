"""GitHub's issues as a tracker: parents, facts and history, sub-issues, and what closes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flow_telemetry.errors import NotFoundError, SourceError
from flow_telemetry.keys import ItemKey
from flow_telemetry.model import Change, Event, EventKind, Repository, WorkItem
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github import issue_queries as queries
from flow_telemetry.sources.github.change_nodes import parse_change_node
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.issue_history import parse_issue_events
from flow_telemetry.sources.github.items import (
    IssueAddress,
    names_in,
    parse_chain,
    parse_home,
    parse_item,
    parse_node_actor,
    unread_item,
)
from flow_telemetry.sources.github.query import Build, Connection, ask, ask_pages, at, told
from flow_telemetry.sources.github.repositories import repository_named
from flow_telemetry.sources.github.timeline import read_timeline
from flow_telemetry.sources.interface import ItemChain, Items
from flow_telemetry.sources.payload import Payload

_ISSUE = ("repository", "issue")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingChanges:
    """The pull requests that close an issue, and what of them could not be read."""

    changes: tuple[Change, ...] = ()
    unread: tuple[str, ...] = ()


class GitHubIssues:
    """The issues of a GitHub: a `Tracker`.

    ``repository`` is the one that keys without a repository mean. ``status_project`` is the number
    or title of the project whose statuses are an issue's; without one there are no statuses.
    """

    def __init__(
        self, client: GitHubClient, repository: Repository, *, status_project: str = ""
    ) -> None:
        """Take the collaborators; nothing is asked yet."""
        self._client = client
        self._home = repository
        self._status_project = status_project.strip()

    def chain(self, key: ItemKey) -> ItemChain:
        """Return the issue of that key with its parents, by one request."""
        home = repository_named(key.repository, self._home)
        address = IssueAddress(repository=home, number=int(key.key))
        alone = (unread_item(address.repository, address.number),)
        try:
            answer = ask(self._client, queries.chain_query, str(address), **address.variables)
        except SourceError as error:
            return ItemChain(items=alone, unread=(str(error),))
        unread = told(answer, f"{address} and its parents")
        issue = at(answer.data, _ISSUE)
        if not issue:
            reasons = unread if answer.denied else (self._whereabouts(address),)
            return ItemChain(items=alone, unread=reasons)
        found = parse_chain(issue, self._home)
        return ItemChain(items=found.items or alone, unread=found.unread + unread)

    def details(self, item: WorkItem) -> WorkItem:
        """Return the issue with all of its facts and its history.

        The history is not complete where GitHub gave only a part of it.

        Raises:
            SourceError: it cannot be read, or is no GitHub issue.
            DeadlineExceeded: no time is left.
        """
        address = _address(item)
        facts, (happened, complete) = self._client.both(
            lambda: self._facts(address),
            lambda: read_timeline(self._client, address.repository.full_name, address.number),
        )
        known = parse_item(facts.owner, self._home)
        if known is None:
            raise NotFoundError(self._whereabouts(address))
        told_by_graphql = parse_issue_events(facts.nodes, self._status_project)
        history = tuple(sorted((*happened, *told_by_graphql), key=lambda event: event.time))
        return replace(
            known,
            status=_last_status(history),
            author=parse_node_actor(read.child(facts.owner, "author")),
            assignees=names_in(facts.owner, "assignees", "login"),
            comments=read.number(read.child(facts.owner, "comments"), "totalCount"),
            history=history,
            history_complete=complete and not facts.unread,
        )

    def children(self, item: WorkItem) -> Items:
        """Return the sub-issues, page after page, without their histories."""
        what = f"the sub-issues of {item.key}"
        found = self._listed(item, queries.children_query, "subIssues", what)
        items = (parse_item(node, self._home) for node in found.nodes)
        return Items(items=tuple(filter(None, items)), unread=found.unread)

    def changes_of(self, item: WorkItem) -> ClosingChanges:
        """Return the pull requests that close the issue, in whatever state, page after page."""
        what = f"the pull requests that close {item.key}"
        name = "closedByPullRequestsReferences"
        found = self._listed(item, queries.changes_query, name, what)
        unread = found.unread
        if f"Issue.{name}" in self._client.lacking:
            unread += (f"this GitHub server is too old to give {what}",)
        changes = (_change(node, self._home) for node in found.nodes)
        return ClosingChanges(changes=tuple(filter(None, changes)), unread=unread)

    def _listed(self, item: WorkItem, build: Build, connection: str, what: str) -> Connection:
        try:
            address = _address(item)
            found = self._pages(address, build, connection, what)
            if not found.owner and not found.unread:
                raise NotFoundError(self._whereabouts(address))
        except SourceError as error:
            return Connection(owner={}, unread=(str(error),))
        if found.hidden:
            hidden = f"of {what} the token cannot see {found.hidden}"
            found = replace(found, unread=(*found.unread, hidden))
        return found

    def _facts(self, address: IssueAddress) -> Connection:
        with_status = bool(self._status_project)

        def build(lacking: frozenset[str]) -> str:
            return queries.details_query(lacking, with_status=with_status)

        return self._pages(address, build, "timelineItems", str(address))

    def _pages(
        self,
        address: IssueAddress,
        build: Build,
        connection: str,
        what: str,
    ) -> Connection:
        return ask_pages(
            self._client, build, what, address.variables, way=_ISSUE, connection=connection
        )

    def _whereabouts(self, address: IssueAddress) -> str:
        """Why GraphQL knows no such issue: REST tells of those moved, deleted or pull requests."""
        try:
            payload = self._client.get(address.path, str(address))
        except SourceError as error:
            return str(error)
        found = payload if isinstance(payload, dict) else {}
        if read.child(found, "pull_request"):
            return f"{address} is a pull request, and no work item"
        url = read.text(found, "html_url") or "another repository"
        return f"{address} was moved to {url}: name it by its key there"


def _address(item: WorkItem) -> IssueAddress:
    if item.repository is None or item.number is None:
        raise NotFoundError(f"{item.key} is no issue of GitHub: its repository is not known")
    return IssueAddress(repository=item.repository, number=item.number)


def _last_status(history: tuple[Event, ...]) -> str:
    changes = [each.subject for each in history if each.kind is EventKind.STATUS_CHANGED]
    return changes[-1] if changes else ""


def _change(pull: Payload, home: Repository) -> Change | None:
    """A pull request that closes an issue, which may be of another repository than ``home``."""
    repository = parse_home(read.child(pull, "repository"), home)
    return None if repository is None else parse_change_node(pull, repository)
