"""Issues, parents, histories, closing references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flow_telemetry import identity
from flow_telemetry.errors import NotFoundError, PayloadError, SourceError
from flow_telemetry.github.changes import parse_change_node
from flow_telemetry.github.client import Build, Connection, GitHubClient, ask, ask_pages, at, told
from flow_telemetry.github.payloads import parse_actor, parse_repository
from flow_telemetry.github.runs import repository_named
from flow_telemetry.github.timeline import read_timeline
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Actor, Change, Event, EventKind, Repository, WorkItem
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.model.items import MOST_ANCESTORS, ItemChain, Items

# GitHub issues as work items: which of their fields a query asks for, and what an answer says.

TRACKER = "github"


def item_fragment(lacking: frozenset[str]) -> str:
    """Return the fragment `Item` with an issue's facts, as far as the server's schema has them.

    Without `enableDuplicate` GitHub calls an issue that was closed as a duplicate not planned.
    """
    reason = "stateReason(enableDuplicate: true)"
    if "stateReason(enableDuplicate)" in lacking:
        reason = "stateReason"
    optional = {"Issue.stateReason": reason, "Issue.issueType": "issueType { name }"}
    known = " ".join(text for name, text in optional.items() if name not in lacking)
    return f"""
fragment Item on Issue {{
  number title url state createdAt closedAt {known}
  labels(first: 100) {{ nodes {{ name }} }}
  repository {{ nameWithOwner url }}
}}
"""


def ancestors(lacking: frozenset[str]) -> str:
    """Return the selection of an issue's parents, one in the other; empty on a server without."""
    if "Issue.parent" in lacking:
        return ""
    # Of the one above the last, only whether there is one.
    nested = "parent { number }"
    for _ in range(MOST_ANCESTORS):
        nested = f"parent {{ ...Item {nested} }}"
    return nested


def parse_chain(issue: Payload, home: Repository) -> ItemChain:
    """Return an issue with its parents. ``home`` is the repository that the reader comes from."""
    items: dict[str, WorkItem] = {}
    nodes = list(_upwards(issue))
    for node in nodes[: MOST_ANCESTORS + 1]:
        item = parse_item(node, home)
        if item is None:
            return _broken(items, "GitHub's answer on a parent is damaged")
        if item.reference in items:  # in a circle: the chain ends with what it came back to
            return ItemChain(items=(*items.values(), item))
        items[item.reference] = item
    if len(nodes) > MOST_ANCESTORS + 1:
        return _broken(items, f"only the nearest {MOST_ANCESTORS} parents were read")
    return ItemChain(items=tuple(items.values()))


def _broken(items: dict[str, WorkItem], reason: str) -> ItemChain:
    return ItemChain(items=tuple(items.values()), unread=(reason,))


def _upwards(node: Payload) -> Iterator[Payload]:
    while node:
        yield node
        node = read.child(node, "parent")


def parse_item(issue: Payload, home: Repository) -> WorkItem | None:
    """Return the facts of the fragment `Item`; None where there are not enough to name it."""
    number = read.number(issue, "number")
    repository = parse_home(read.child(issue, "repository"), home)
    if not number or repository is None:
        return None
    state = (read.text(issue, "state") or "").lower()
    reason = read.text(issue, "stateReason") or ""
    return WorkItem(
        tracker=TRACKER,
        key=key_of(repository.full_name, number),
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
        labels=names_in(issue, "labels", "name"),
    )


def unread_item(repository: Repository, number: int) -> WorkItem:
    """Return an issue of which nothing but the key is known."""
    return WorkItem(
        tracker=TRACKER,
        key=key_of(repository.full_name, number),
        reference=identity.github_issue_reference(repository.reference, number),
        read=False,
        repository=repository,
        number=number,
    )


def key_of(full_name: str, number: int) -> str:
    """Return the key of an issue as attributes and people read it: ``acme/shop#17``."""
    return identity.fold(f"{full_name}#{number}")


def parse_home(payload: Payload, home: Repository) -> Repository | None:
    """Return the repository of an object; ``home`` itself where it is that one."""
    full_name, url = read.text(payload, "nameWithOwner"), read.text(payload, "url")
    try:
        found = parse_repository({"full_name": full_name, "html_url": url}, where="an issue")
    except PayloadError:
        return None
    same = identity.fold(found.full_name) == identity.fold(home.full_name)
    return home if same and found.host == home.host else found


def parse_node_actor(payload: Payload) -> Actor | None:
    """Return who acted, by a GraphQL `Actor`: its logins of bots lack the ending that REST has."""
    login = read.text(payload, "login")
    if login and read.text(payload, "__typename") == "Bot" and not login.endswith("[bot]"):
        login = f"{login}[bot]"
    return parse_actor({"login": login})


def names_in(payload: Payload, connection: str, key: str) -> tuple[str, ...]:
    """Return a text of each node of a list."""
    nodes = read.children(read.child(payload, connection), "nodes")
    return tuple(name for node in nodes if (name := read.text(node, key)) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueAddress:
    """Where an issue is, and how errors name it."""

    repository: Repository
    number: int

    @property
    def variables(self) -> dict[str, str | int]:
        """The variables by which a query finds it."""
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
        """Return ``issue acme/shop#17``."""
        return f"issue {self.repository.full_name}#{self.number}"


# What is asked of an issue by GraphQL; each query leaves out what the server's schema lacks.
#
# A field that is left out gives an empty list: the server has no such thing at all.

_ISSUE_VARIABLES = "$owner: String!, $name: String!, $number: Int!"
_PAGE = "pageInfo { hasNextPage endCursor }"
_ACTOR = "actor { __typename login }"
_BLOCKING = "number closedAt repository { nameWithOwner }"
_BLOCKED = f"createdAt {_ACTOR} blockingIssue {{ {_BLOCKING} }}"
_STATUS = f"createdAt {_ACTOR} previousStatus status project {{ number title }}"
_STATUS_CHANGED = "ProjectV2ItemStatusChangedEvent"
# Kinds of event that the REST timeline does not have, or not in full.
_EVENTS = {
    "BlockedByAddedEvent": ("BLOCKED_BY_ADDED_EVENT", _BLOCKED),
    "BlockedByRemovedEvent": ("BLOCKED_BY_REMOVED_EVENT", _BLOCKED),
    _STATUS_CHANGED: ("PROJECT_V2_ITEM_STATUS_CHANGED_EVENT", _STATUS),
}


def chain_query(lacking: frozenset[str]) -> str:
    """Return the query for an issue and its parents."""
    return _query("IssueChain", f"...Item {ancestors(lacking)}", lacking, paged=False)


def details_query(lacking: frozenset[str], *, with_status: bool) -> str:
    """Return the query for an issue's facts and the events that REST does not have."""
    wanted = {
        name: kind
        for name, kind in _EVENTS.items()
        if name not in lacking and (with_status or name != _STATUS_CHANGED)
    }
    types = " ".join(item_type for item_type, _ in wanted.values())
    nodes = " ".join(f"... on {name} {{ {fields} }}" for name, (_, fields) in wanted.items())
    events = (
        f"timelineItems(first: 100, after: $after, itemTypes: [{types}]) "
        f"{{ {_PAGE} nodes {{ __typename {nodes} }} }}"
    )
    facts = (
        "...Item author { __typename login } assignees(first: 20) { nodes { login } } "
        "comments { totalCount }"
    )
    return _query(
        "IssueDetails", f"{facts} {events if wanted else ''}", lacking, paged=bool(wanted)
    )


def children_query(lacking: frozenset[str]) -> str:
    """Return the query for the sub-issues of an issue."""
    listed = f"subIssues(first: 100, after: $after) {{ {_PAGE} nodes {{ ...Item }} }}"
    known = "Issue.subIssues" not in lacking
    return _query("IssueChildren", f"...Item {listed if known else ''}", lacking, paged=known)


def changes_query(lacking: frozenset[str]) -> str:
    """Return the query for the pull requests that close an issue, closed ones included."""
    name = "closedByPullRequestsReferences"
    listed = f"""
    {name}(first: 100, after: $after, includeClosedPrs: true) {{
      {_PAGE}
      nodes {{
        number title state url createdAt closedAt mergedAt mergeCommit {{ oid }}
        baseRefName headRefName headRepository {{ nameWithOwner }}
        repository {{ nameWithOwner url defaultBranchRef {{ name }} }}
      }}
    }}"""
    known = f"Issue.{name}" not in lacking
    return _query("IssueChanges", f"...Item {listed if known else ''}", lacking, paged=known)


def _query(name: str, fields: str, lacking: frozenset[str], *, paged: bool) -> str:
    after = ", $after: String" if paged else ""
    return f"""
query {name}({_ISSUE_VARIABLES}{after}) {{
  repository(owner: $owner, name: $name) {{
    issue(number: $number) {{ {fields} }}
  }}
}}
{item_fragment(lacking)}"""


# Events of an issue that only GraphQL tells: statuses in a project, and what it waits for.

_KINDS = {
    "BlockedByAddedEvent": EventKind.BLOCKED,
    "BlockedByRemovedEvent": EventKind.UNBLOCKED,
    "ProjectV2ItemStatusChangedEvent": EventKind.STATUS_CHANGED,
}


def parse_issue_events(nodes: Iterable[Payload], status_project: str) -> tuple[Event, ...]:
    """Return the events of a list of GraphQL; statuses of other projects are left out.

    ``status_project`` is the project's number or title. The subject of a block is the key of the
    issue that blocks; its closing ends the block, of which the blocked issue has no event.
    """
    wanted = [node for node in nodes if _is_told(node, status_project)]
    told = tuple(filter(None, map(_event, wanted)))
    return tuple(sorted((*told, *_closed_blocks(wanted, told)), key=lambda event: event.time))


def _closed_blocks(nodes: Iterable[Payload], told: tuple[Event, ...]) -> Iterator[Event]:
    """The ends of blocks by issues that were closed while they were said to block."""
    for node in nodes:
        block, closed = _event(node), read.time(read.child(node, "blockingIssue"), "closedAt")
        if block is None or block.kind is not EventKind.BLOCKED or closed is None:
            continue
        end = max(closed, block.time)
        if not any(_ends(event, block) and event.time <= end for event in told):
            yield Event(kind=EventKind.UNBLOCKED, time=end, subject=block.subject)


def _ends(event: Event, block: Event) -> bool:
    same = event.subject == block.subject
    return event.kind is EventKind.UNBLOCKED and same and event.time >= block.time


def _is_told(node: Payload, status_project: str) -> bool:
    if _KINDS.get(read.text(node, "__typename") or "") is not EventKind.STATUS_CHANGED:
        return True
    project = read.child(node, "project")
    return status_project in (str(read.number(project, "number")), read.text(project, "title"))


def _event(node: Payload) -> Event | None:
    kind = _KINDS.get(read.text(node, "__typename") or "")
    time = read.time(node, "createdAt")
    if kind is None or time is None:
        return None
    return Event(
        kind=kind,
        time=time,
        actor=parse_node_actor(read.child(node, "actor")),
        subject=_subject(kind, node),
        before=read.text(node, "previousStatus") or "",
    )


def _subject(kind: EventKind, node: Payload) -> str:
    if kind is EventKind.STATUS_CHANGED:
        return read.text(node, "status") or ""
    issue = read.child(node, "blockingIssue")
    number = read.number(issue, "number")
    name = read.text(read.child(issue, "repository"), "nameWithOwner")
    return key_of(name, number) if name and number else ""


# GitHub's issues as a tracker: parents, facts and history, sub-issues, and what closes them.

_ISSUE_PATH = ("repository", "issue")


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
            answer = ask(self._client, chain_query, str(address), **address.variables)
        except SourceError as error:
            return ItemChain(items=alone, unread=(str(error),))
        unread = told(answer, f"{address} and its parents")
        issue = at(answer.data, _ISSUE_PATH)
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
        found = self._listed(item, children_query, "subIssues", what)
        items = (parse_item(node, self._home) for node in found.nodes)
        return Items(items=tuple(filter(None, items)), unread=found.unread)

    def changes_of(self, item: WorkItem) -> ClosingChanges:
        """Return the pull requests that close the issue, in whatever state, page after page."""
        what = f"the pull requests that close {item.key}"
        name = "closedByPullRequestsReferences"
        found = self._listed(item, changes_query, name, what)
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
            return details_query(lacking, with_status=with_status)

        return self._pages(address, build, "timelineItems", str(address))

    def _pages(
        self,
        address: IssueAddress,
        build: Build,
        connection: str,
        what: str,
    ) -> Connection:
        return ask_pages(
            self._client, build, what, address.variables, way=_ISSUE_PATH, connection=connection
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


# Reading which work items a pull request leads to, in one query: what it closes, and the parents.
#
# The token cannot see a parent in another repository without a word of GitHub: such an issue is
# missing from the list, such a parent is null.

# Each costs a nested list of labels at every level, and hardly anybody closes more at once.
_MOST_CLOSED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What a pull request closes: each issue with its parents, those of its own repository first.

    Of one repository the lowest number comes first. ``unread`` holds what could not be read, a
    reason each.
    """

    chains: tuple[ItemChain, ...] = ()
    oldest_commit_message: str = ""
    unread: tuple[str, ...] = ()


def read_closing(client: GitHubClient, change: Change) -> Closing:
    """Return the issues that a pull request closes, with their parents, by one request.

    A server whose schema lacks one of the fields is asked once more.

    Raises:
        DeadlineExceeded: no time is left.
    """
    repository = change.repository
    what = f"the issues that {repository.full_name}#{change.number} closes"
    try:
        answer = ask(
            client,
            closing_query,
            what,
            owner=repository.owner,
            name=repository.name,
            number=change.number,
        )
    except SourceError as error:
        return Closing(unread=(str(error),))
    pull = at(answer.data, ("repository", "pullRequest"))
    return _closing(pull, change, told(answer, what), what)


def closing_query(lacking: frozenset[str]) -> str:
    """Return the query, without what the server's schema lacks."""
    return f"""
query ChangeLineage($owner: String!, $name: String!, $number: Int!) {{
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{
      commits(first: 1) {{ nodes {{ commit {{ message }} }} }}
      closingIssuesReferences(
        first: {_MOST_CLOSED}, orderBy: {{ field: CREATED_AT, direction: ASC }}
      ) {{
        totalCount
        nodes {{ ...Item {ancestors(lacking)} }}
      }}
    }}
  }}
}}
{item_fragment(lacking)}"""


def _closing(pull: Payload, change: Change, unread: tuple[str, ...], what: str) -> Closing:
    closed = read.child(pull, "closingIssuesReferences")
    chains = [
        chain
        for node in read.children(closed, "nodes")
        if (chain := parse_chain(node, change.repository)).items
    ]
    total = read.number(closed, "totalCount") or 0
    if total > _MOST_CLOSED:
        unread += (f"of {what} only the oldest {_MOST_CLOSED} of {total} were read",)
    first = next(read.children(read.child(pull, "commits"), "nodes"), {})
    return Closing(
        chains=tuple(sorted(chains, key=lambda chain: _order(chain.items[0], change))),
        oldest_commit_message=read.text(read.child(first, "commit"), "message") or "",
        unread=unread,
    )


def _order(item: WorkItem, change: Change) -> tuple[bool, str, int]:
    home = item.repository.full_name if item.repository else ""
    elsewhere = identity.fold(home) != identity.fold(change.repository.full_name)
    return elsewhere, identity.fold(home), item.number or 0
