"""GitHub issues as work items: which of their fields a query asks for, and what an answer says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flow_telemetry import identity
from flow_telemetry.errors import PayloadError
from flow_telemetry.model import Actor, Repository, WorkItem
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.parse import parse_actor, parse_repository
from flow_telemetry.sources.interface import MOST_ANCESTORS, ItemChain
from flow_telemetry.sources.payload import Payload

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
