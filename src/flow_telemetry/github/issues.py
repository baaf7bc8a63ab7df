"""GitHub issues as work items: parents, details, timelines, sub-issues and closing pull requests.

A query leaves out the fields that the server's schema does not support. Such a field gives an empty
list. If the token cannot see a parent or sub-issue in another repository, GitHub leaves it out
without an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from flow_telemetry import identity
from flow_telemetry.errors import NotFoundError, PayloadError, SourceError
from flow_telemetry.github.changes import parse_change_node
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.payloads import parse_actor, parse_repository
from flow_telemetry.github.queries import (
    ConnectionNodes,
    QueryBuilder,
    describe_unread,
    query_one,
    query_pages,
    value_at,
)
from flow_telemetry.github.runs import repository_named
from flow_telemetry.github.timeline import read_timeline
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import (
    Actor,
    Change,
    Event,
    EventKind,
    Repository,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.model.items import MOST_ANCESTORS, ItemList
from flow_telemetry.rules.lifecycle import find_blocks

TRACKER = "github"
_ISSUE_PATH = ("repository", "issue")
# Each of them costs a nested list of labels at every level. Few pull requests close more issues.
_MOST_CLOSED = 20
_KINDS = {
    "BlockedByAddedEvent": EventKind.BLOCKED,
    "BlockedByRemovedEvent": EventKind.UNBLOCKED,
    "ProjectV2ItemStatusChangedEvent": EventKind.STATUS_CHANGED,
}


def item_fragment(unsupported: frozenset[str]) -> str:
    """Return the fragment `Item` with the supported fields of an issue."""
    # Without `enableDuplicate` an issue closed as a duplicate has the reason "not planned".
    reason = "stateReason(enableDuplicate: true)"
    if "stateReason(enableDuplicate)" in unsupported:
        reason = "stateReason"
    optional = {"Issue.stateReason": reason, "Issue.issueType": "issueType { name }"}
    fields = " ".join(text for name, text in optional.items() if name not in unsupported)
    return f"""
fragment Item on Issue {{
  number title url state createdAt closedAt {fields}
  labels(first: 100) {{ nodes {{ name }} }}
  repository {{ nameWithOwner url }}
}}
"""


def select_ancestors(unsupported: frozenset[str]) -> str:
    """Return the nested selection of an issue's parents; empty if it is not supported."""
    if "Issue.parent" in unsupported:
        return ""
    # One level more, to see whether parents are left out.
    nested = "parent { number }"
    for _ in range(MOST_ANCESTORS):
        nested = f"parent {{ ...Item {nested} }}"
    return nested


def parse_chain(issue: Payload, home: Repository) -> ItemList:
    """Return an issue with its parents; ``home`` is the repository of the subject."""
    items: dict[str, WorkItem] = {}
    unread: tuple[str, ...] = ()
    node = issue
    while node:
        if len(items) > MOST_ANCESTORS:
            unread = (f"only the nearest {MOST_ANCESTORS} parents were read",)
            break
        item = parse_item(node, home)
        if item is None:
            unread = ("GitHub returned a damaged response for a parent",)
            break
        if item.reference in items:
            # The parents form a circle: the chain ends with the repeated item.
            return ItemList(items=(*items.values(), item))
        items[item.reference] = item
        node = read.child(node, "parent")
    return ItemList(items=tuple(items.values()), unread=unread)


def parse_item(issue: Payload, home: Repository) -> WorkItem | None:
    """Return the issue of a fragment `Item`; None if it has no number or repository."""
    number = read.number(issue, "number")
    repository = parse_issue_repository(read.child(issue, "repository"), home)
    if not number or repository is None:
        return None
    state = (read.text(issue, "state") or "").lower()
    reason = read.text(issue, "stateReason") or ""
    return WorkItem(
        tracker=TRACKER,
        key=format_issue_key(repository.full_name, number),
        reference=identity.github_issue_reference(repository.reference, number),
        title=read.text(issue, "title") or "",
        type=read.text(read.child(issue, "issueType"), "name") or "",
        url=read.text(issue, "url") or "",
        repository=repository,
        number=number,
        state=state,
        created_at=read.time(issue, "createdAt"),
        closed_at=read.time(issue, "closedAt"),
        result=reason.lower() if state == "closed" else "",
        labels=parse_names(issue, "labels", "name"),
    )


def unread_item(repository: Repository, number: int) -> WorkItem:
    """Return an issue that was not read, with only its key."""
    return WorkItem(
        tracker=TRACKER,
        key=format_issue_key(repository.full_name, number),
        reference=identity.github_issue_reference(repository.reference, number),
        read=False,
        repository=repository,
        number=number,
    )


def format_issue_key(full_name: str, number: int) -> str:
    """Return the key of an issue as in attributes: ``acme/shop#17``."""
    return identity.fold(f"{full_name}#{number}")


def parse_issue_repository(payload: Payload, home: Repository) -> Repository | None:
    """Return the repository of a GraphQL object, or ``home`` itself if it is the same."""
    full_name, url = read.text(payload, "nameWithOwner"), read.text(payload, "url")
    try:
        repository = parse_repository({"full_name": full_name, "html_url": url}, where="an issue")
    except PayloadError:
        return None
    same = identity.fold(repository.full_name) == identity.fold(home.full_name)
    return home if same and repository.host == home.host else repository


def parse_node_actor(payload: Payload) -> Actor | None:
    """Return the actor of a GraphQL `Actor`."""
    login = read.text(payload, "login")
    # REST ends the logins of bots in "[bot]", GraphQL does not.
    if login and read.text(payload, "__typename") == "Bot" and not login.endswith("[bot]"):
        login = f"{login}[bot]"
    return parse_actor({"login": login})


def parse_names(payload: Payload, connection: str, key: str) -> tuple[str, ...]:
    """Return the text ``key`` of each node of a connection."""
    nodes = read.children(read.child(payload, connection), "nodes")
    return tuple(name for node in nodes if (name := read.text(node, key)) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueAddress:
    """The repository and number of an issue."""

    repository: Repository
    number: int

    @property
    def variables(self) -> dict[str, str | int]:
        """The variables of a GraphQL query."""
        return {
            "owner": self.repository.owner,
            "name": self.repository.name,
            "number": self.number,
        }

    @property
    def path(self) -> str:
        """The path of the issue in the REST API."""
        return f"/repos/{self.repository.full_name}/issues/{self.number}"

    def __str__(self) -> str:
        """Return the issue's name in errors: ``issue acme/shop#17``."""
        return f"issue {self.repository.full_name}#{self.number}"


# GraphQL queries.

_ISSUE_VARIABLES = "$owner: String!, $name: String!, $number: Int!"
_PAGE = "pageInfo { hasNextPage endCursor }"
_ACTOR = "actor { __typename login }"
# A closed issue blocks nothing, and one that is reopened blocks again.
_BLOCKING = (
    "number closedAt repository { nameWithOwner } "
    "timelineItems(last: 100, itemTypes: [CLOSED_EVENT, REOPENED_EVENT]) { nodes { __typename "
    "... on ClosedEvent { createdAt } ... on ReopenedEvent { createdAt } } }"
)
_BLOCKED = f"createdAt {_ACTOR} blockingIssue {{ {_BLOCKING} }}"
_PROJECT = (
    "id number title owner { __typename ... on Organization { login } ... on User { login } }"
)
_STATUS = f"createdAt {_ACTOR} previousStatus status project {{ {_PROJECT} }}"
_STATUS_CHANGED = "ProjectV2ItemStatusChangedEvent"
# Kinds of event that the REST timeline does not have, or only in part.
_EVENTS = {
    "BlockedByAddedEvent": ("BLOCKED_BY_ADDED_EVENT", _BLOCKED),
    "BlockedByRemovedEvent": ("BLOCKED_BY_REMOVED_EVENT", _BLOCKED),
    _STATUS_CHANGED: ("PROJECT_V2_ITEM_STATUS_CHANGED_EVENT", _STATUS),
}


def select_chain(unsupported: frozenset[str]) -> str:
    """Return the selection of an issue with its parents."""
    return f"...Item {select_ancestors(unsupported)}"


def chain_query(unsupported: frozenset[str]) -> str:
    """Return the query for an issue and its parents."""
    return _query("IssueChain", select_chain(unsupported), unsupported, paged=False)


def select_details(
    unsupported: frozenset[str], *, with_status: bool, after: str = ""
) -> tuple[str, bool]:
    """Return the selection of an issue's details, and whether it has a page of events.

    They are the events that REST does not have, after the cursor in the variable ``after``.
    """
    events = {
        name: kind
        for name, kind in _EVENTS.items()
        if name not in unsupported and (with_status or name != _STATUS_CHANGED)
    }
    types = " ".join(item_type for item_type, _ in events.values())
    nodes = " ".join(f"... on {name} {{ {fields} }}" for name, (_, fields) in events.items())
    timeline = (
        f"timelineItems(first: 100{after and f', after: {after}'}, itemTypes: [{types}]) "
        f"{{ {_PAGE} nodes {{ __typename {nodes} }} }}"
    )
    details = (
        "...Item author { __typename login } assignees(first: 20) { nodes { login } } "
        "comments { totalCount }"
    )
    return f"{details} {timeline if events else ''}", bool(events)


def details_query(unsupported: frozenset[str], *, with_status: bool) -> str:
    """Return the query for an issue's details and the events that REST does not have."""
    fields, paged = select_details(unsupported, with_status=with_status, after="$after")
    return _query("IssueDetails", fields, unsupported, paged=paged)


# The arguments of a list that is read page by page.
_PAGED = "first: 100, after: $after"


def select_children(unsupported: frozenset[str], page: str) -> str:
    """Return the selection of an issue's sub-issues; empty if it is not supported.

    ``page`` has the arguments of the list, such as `first: 20`.
    """
    if "Issue.subIssues" in unsupported:
        return ""
    return f"subIssues({page}) {{ {_PAGE} nodes {{ ...Item }} }}"


def children_query(unsupported: frozenset[str]) -> str:
    """Return the query for the sub-issues of an issue."""
    connection = select_children(unsupported, _PAGED)
    fields = f"...Item {connection}"
    return _query("IssueChildren", fields, unsupported, paged=bool(connection))


def select_changes(unsupported: frozenset[str], page: str) -> str:
    """Return the selection of the pull requests that close an issue, as `select_children`."""
    name = "closedByPullRequestsReferences"
    if f"Issue.{name}" in unsupported:
        return ""
    return f"""
    {name}({page}, includeClosedPrs: true) {{
      {_PAGE}
      nodes {{
        number title state url createdAt closedAt mergedAt mergeCommit {{ oid }}
        baseRefName headRefName headRefOid headRepository {{ nameWithOwner }}
        repository {{ nameWithOwner url defaultBranchRef {{ name }} }}
      }}
    }}"""


def changes_query(unsupported: frozenset[str]) -> str:
    """Return the query for the pull requests that close an issue, closed ones included."""
    connection = select_changes(unsupported, _PAGED)
    fields = f"...Item {connection}"
    return _query("IssueChanges", fields, unsupported, paged=bool(connection))


def _query(name: str, fields: str, unsupported: frozenset[str], *, paged: bool) -> str:
    after = ", $after: String" if paged else ""
    return f"""
query {name}({_ISSUE_VARIABLES}{after}) {{
  repository(owner: $owner, name: $name) {{
    issue(number: $number) {{ {fields} }}
  }}
}}
{item_fragment(unsupported)}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSource:
    """The project whose statuses the issues have, and the categories of its statuses.

    ``project`` is a number or title of a project of ``owner``, `owner/number`, or a node id; empty
    if the issues have no statuses. ``categories`` are the user's, by name in lower case.
    """

    project: str = ""
    owner: str = ""
    categories: Mapping[str, StatusCategory] = field(default_factory=dict)

    def includes(self, project: Payload) -> bool:
        """Whether a project is the one: projects of other owners may have its number or title."""
        number, node_id = read.number(project, "number"), read.text(project, "id")
        owner = identity.fold(read.text(read.child(project, "owner"), "login") or "")
        if self.project in (node_id, read.text(project, "url")):
            return bool(self.project)
        named_owner, slash, named_number = self.project.rpartition("/")
        if slash and named_number == str(number):
            return identity.fold(named_owner) == owner
        # Older servers do not return the owner.
        of_owner = not owner or owner == identity.fold(self.owner)
        return of_owner and self.project in (str(number), read.text(project, "title"))

    def category(self, status: str) -> StatusCategory | None:
        """Return the category of a status; None for one that neither user nor template names."""
        name = status.strip().casefold()
        return self.categories.get(name) or _TEMPLATE_CATEGORIES.get(name)


# The statuses of GitHub's own project templates, in lower case:
# https://docs.github.com/en/issues/planning-and-tracking-with-projects
_TEMPLATE_CATEGORIES: Mapping[str, StatusCategory] = {
    **dict.fromkeys(
        ("todo", "to do", "to triage", "backlog", "ready", "new"), StatusCategory.TO_DO
    ),
    **dict.fromkeys(("in progress", "in review"), StatusCategory.IN_PROGRESS),
    "done": StatusCategory.DONE,
}


def parse_issue_events(nodes: Iterable[Payload], source: StatusSource) -> tuple[Event, ...]:
    """Return the events of a GraphQL timeline, without statuses of other projects.

    The subject of a block is the key of the blocking issue. While that is closed it blocks nothing,
    although the blocked issue has no event for it.
    """
    events: list[Event] = []
    linked: dict[str, tuple[Event, list[Event]]] = {}
    for node in nodes:
        event = _parse_event(node, source)
        if event is None:
            continue
        if event.kind is EventKind.BLOCKED:
            linked.setdefault(event.subject, (event, _parse_closings(node)))
        elif event.kind is EventKind.UNBLOCKED:
            start, closings = linked.pop(event.subject, (None, []))
            # Without its start the block began before the first event that GitHub returned.
            events += [event] if start is None else find_blocks(start, event, closings)
        else:
            events.append(event)
    for start, closings in linked.values():
        events += find_blocks(start, None, closings)
    return tuple(sorted(events, key=lambda event: event.time))


def _parse_closings(node: Payload) -> list[Event]:
    """Return the closings and reopenings of a blocking issue."""
    blocking = read.child(node, "blockingIssue")
    closings = []
    for item in read.children(read.child(blocking, "timelineItems"), "nodes"):
        time = read.time(item, "createdAt")
        reopened = read.text(item, "__typename") == "ReopenedEvent"
        if time is not None:
            kind = EventKind.REOPENED if reopened else EventKind.CLOSED
            closings.append(Event(kind=kind, time=time))
    closed = read.time(blocking, "closedAt")
    if closed is not None and not closings:
        closings.append(Event(kind=EventKind.CLOSED, time=closed))
    return closings


def _parse_event(node: Payload, source: StatusSource) -> Event | None:
    kind = _KINDS.get(read.text(node, "__typename") or "")
    time = read.time(node, "createdAt")
    if kind is None or time is None:
        return None
    event = Event(
        kind=kind,
        time=time,
        actor=parse_node_actor(read.child(node, "actor")),
        subject=_parse_subject(kind, node),
        before=read.text(node, "previousStatus") or "",
    )
    if kind is not EventKind.STATUS_CHANGED:
        return event
    if event.subject == event.before or not source.includes(read.child(node, "project")):
        return None
    return replace(
        event,
        category=source.category(event.subject),
        category_before=source.category(event.before),
    )


def _parse_subject(kind: EventKind, node: Payload) -> str:
    if kind is EventKind.STATUS_CHANGED:
        return read.text(node, "status") or ""
    issue = read.child(node, "blockingIssue")
    number = read.number(issue, "number")
    name = read.text(read.child(issue, "repository"), "nameWithOwner")
    return format_issue_key(name, number) if name and number else ""


# The tracker.


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingChanges:
    """The pull requests that close an issue; ``unread`` holds the read errors."""

    changes: tuple[Change, ...] = ()
    unread: tuple[str, ...] = ()


class GitHubIssues:
    """The issues of a GitHub server: a `Tracker`.

    ``repository`` is the repository of keys that name none. ``statuses`` is where the statuses of
    issues come from; a source without a project gives none.
    """

    def __init__(
        self, client: GitHubClient, repository: Repository, statuses: StatusSource
    ) -> None:
        """Take the collaborators; no request is made yet."""
        self._client = client
        self._repository = repository
        self._statuses = statuses

    def chain(self, key: ItemKey) -> ItemList:
        """Return the issue of that key with its parents, by one request."""
        repository = repository_named(key.repository, self._repository)
        address = IssueAddress(repository=repository, number=int(key.key))
        unread_issue = (unread_item(address.repository, address.number),)
        try:
            response = query_one(self._client, chain_query, str(address), **address.variables)
        except SourceError as error:
            return ItemList(items=unread_issue, unread=(str(error),))
        errors = describe_unread(self._client, response, f"{address} and its parents")
        issue = value_at(response.data, _ISSUE_PATH)
        if not issue:
            errors = errors if response.denied else (self._explain_missing(address),)
            return ItemList(items=unread_issue, unread=errors)
        chain = parse_chain(issue, self._repository)
        return ItemList(items=chain.items or unread_issue, unread=chain.unread + errors)

    def details(self, item: WorkItem) -> WorkItem:
        """Return the issue with all of its details and its timeline.

        The timeline is incomplete if GitHub returned only a part of it.

        Raises:
            SourceError: it cannot be read, or is not a GitHub issue.
            DeadlineExceeded: no time is left.
        """
        address = _address_of(item)
        build = partial(details_query, with_status=bool(self._statuses.project))
        details, timeline = self._client.both(
            lambda: self._query_pages(address, build, "timelineItems", str(address)),
            lambda: read_timeline(self._client, address.repository.full_name, address.number),
        )
        issue = parse_item(details.owner, self._repository)
        if issue is None:
            raise NotFoundError(self._explain_missing(address))
        graphql_events = parse_issue_events(details.nodes, self._statuses)
        history = tuple(sorted((*timeline.events, *graphql_events), key=lambda event: event.time))
        statuses = [event for event in history if event.kind is EventKind.STATUS_CHANGED]
        return replace(
            issue,
            status=statuses[-1].subject if statuses else "",
            category=statuses[-1].category if statuses else None,
            author=parse_node_actor(read.child(details.owner, "author")),
            assignees=parse_names(details.owner, "assignees", "login"),
            comments=read.number(read.child(details.owner, "comments"), "totalCount"),
            history=history,
            history_complete=timeline.complete and not details.unread,
            edits=timeline.edits,
        )

    def children(self, item: WorkItem) -> ItemList:
        """Return all sub-issues, without their timelines."""
        what = f"the sub-issues of {item.key}"
        issues = self._query_list(item, children_query, "subIssues", what)
        items = (parse_item(node, self._repository) for node in issues.nodes)
        return ItemList(items=tuple(filter(None, items)), unread=issues.unread)

    def changes_of(self, item: WorkItem) -> ClosingChanges:
        """Return all pull requests that close the issue, in any state."""
        what = f"the pull requests that close {item.key}"
        name = "closedByPullRequestsReferences"
        pulls = self._query_list(item, changes_query, name, what)
        unread = pulls.unread
        if f"Issue.{name}" in self._client.unsupported_names:
            unread += (f"this GitHub server is too old to return {what}",)
        changes = []
        for node in pulls.nodes:
            # The pull request may belong to another repository than the issue.
            repository = parse_issue_repository(read.child(node, "repository"), self._repository)
            change = None if repository is None else parse_change_node(node, repository)
            if change is not None:
                changes.append(change)
        return ClosingChanges(changes=tuple(changes), unread=unread)

    def _query_list(
        self, item: WorkItem, build: QueryBuilder, connection: str, what: str
    ) -> ConnectionNodes:
        """Return a list of an issue; a failure and hidden nodes become read errors."""
        try:
            address = _address_of(item)
            nodes = self._query_pages(address, build, connection, what)
            if not nodes.owner and not nodes.unread:
                raise NotFoundError(self._explain_missing(address))
        except SourceError as error:
            return ConnectionNodes(owner={}, unread=(str(error),))
        if nodes.hidden:
            hidden = f"the token cannot see {nodes.hidden} of {what}"
            nodes = replace(nodes, unread=(*nodes.unread, hidden))
        return nodes

    def _query_pages(
        self, address: IssueAddress, build: QueryBuilder, connection: str, what: str
    ) -> ConnectionNodes:
        return query_pages(
            self._client, build, what, address.variables, path=_ISSUE_PATH, connection=connection
        )

    def _explain_missing(self, address: IssueAddress) -> str:
        """Return why GraphQL does not find an issue: only REST tells if it was moved or deleted."""
        try:
            payload = self._client.get(address.path, str(address))
        except SourceError as error:
            return str(error)
        issue = payload if isinstance(payload, dict) else {}
        if read.child(issue, "pull_request"):
            return f"{address} is a pull request, not a work item"
        url = read.text(issue, "html_url") or "another repository"
        return f"{address} was moved to {url}. Use its key there"


def _address_of(item: WorkItem) -> IssueAddress:
    if item.repository is None or item.number is None:
        raise NotFoundError(f"{item.key} is not a GitHub issue: its repository is unknown")
    return IssueAddress(repository=item.repository, number=item.number)


# The issues that a pull request closes, with their parents, in one query.


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The issues that a pull request closes, each with its parents.

    Issues of the pull request's own repository come first, by number. ``unread`` holds the read
    errors.
    """

    chains: tuple[ItemList, ...] = ()
    oldest_commit_message: str = ""
    unread: tuple[str, ...] = ()


def read_closing(client: GitHubClient, change: Change) -> Closing:
    """Return the issues that a pull request closes, with their parents, by one request.

    A second request is made if the server's schema does not support one of the fields.

    Raises:
        DeadlineExceeded: no time is left.
    """
    repository = change.repository
    what = f"the issues that {repository.full_name}#{change.number} closes"
    address = IssueAddress(repository=repository, number=change.number)
    try:
        response = query_one(client, closing_query, what, **address.variables)
    except SourceError as error:
        return Closing(unread=(str(error),))
    pull = value_at(response.data, ("repository", "pullRequest"))
    closed = read.child(pull, "closingIssuesReferences")
    unread = describe_unread(client, response, what)
    total = read.number(closed, "totalCount") or 0
    if total > _MOST_CLOSED:
        unread += (f"only the oldest {_MOST_CLOSED} of {total} were read of {what}",)
    chains = (parse_chain(node, repository) for node in read.children(closed, "nodes"))
    read_chains = [chain for chain in chains if chain.items]
    oldest = next(read.children(read.child(pull, "commits"), "nodes"), {})
    return Closing(
        chains=tuple(sorted(read_chains, key=partial(_order, repository))),
        oldest_commit_message=read.text(read.child(oldest, "commit"), "message") or "",
        unread=unread,
    )


def select_closing(unsupported: frozenset[str], most: int = _MOST_CLOSED) -> str:
    """Return the selection of the issues that a pull request closes, the oldest ``most`` of them.

    It contains the first commit as well, whose message may have the key of an item.
    """
    return f"""commits(first: 1) {{ nodes {{ commit {{ message }} }} }}
      closingIssuesReferences(
        first: {most}, orderBy: {{ field: CREATED_AT, direction: ASC }}
      ) {{
        totalCount
        nodes {{ ...Item {select_ancestors(unsupported)} }}
      }}"""


def closing_query(unsupported: frozenset[str]) -> str:
    """Return the query for the issues that a pull request closes."""
    return f"""
query ChangeLineage($owner: String!, $name: String!, $number: Int!) {{
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{
      {select_closing(unsupported)}
    }}
  }}
}}
{item_fragment(unsupported)}"""


def _order(home: Repository, chain: ItemList) -> tuple[bool, str, int]:
    item = chain.items[0]
    repository = identity.fold(item.repository.full_name) if item.repository else ""
    elsewhere = repository != identity.fold(home.full_name)
    return elsewhere, repository, item.number or 0
