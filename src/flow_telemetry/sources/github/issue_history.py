"""Events of an issue that only GraphQL tells: statuses in a project, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flow_telemetry.model import Event, EventKind
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.items import key_of, parse_node_actor
from flow_telemetry.sources.payload import Payload

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
