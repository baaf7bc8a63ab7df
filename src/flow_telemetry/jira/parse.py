"""Jira's answers to records. Pure: no request is made here.

Cloud and Data Center differ in little: who somebody is, and where an epic stands. Optional values
of a wrong type count as missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flow_telemetry import identity
from flow_telemetry.errors import PayloadError
from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Actor, ActorKind, StatusCategory, WorkItem

# What an item is read with: by default Jira gives all fields, or none.
FIELDS = (
    *("summary", "issuetype", "status", "statuscategorychangedate", "parent", "project"),
    *("resolution", "resolutiondate", "created", "labels", "assignee", "reporter"),
)
_EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
_KEY = re.compile(r"[A-Z][A-Z0-9_]*-[0-9]+")
_ZONE = re.compile(r"([+-][0-9]{2})([0-9]{2})$")

# https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-workflow-status-categories
_CATEGORIES = {
    "new": StatusCategory.TO_DO,
    "indeterminate": StatusCategory.IN_PROGRESS,
    "done": StatusCategory.DONE,
}


@dataclass(frozen=True, slots=True)
class Site:
    """A Jira: which of the two kinds it is, and where its pages are."""

    cloud: bool
    pages: str

    @property
    def api(self) -> str:
        """The start of the path of its REST API."""
        return "/rest/api/3" if self.cloud else "/rest/api/2"


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as Jira gave it: its record, its parent's key, and who is named in it.

    ``people`` has logins by the ids that a changelog uses; ``resolved``: it has a resolution now.
    """

    item: WorkItem
    parent: str | None
    resolved: bool
    people: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Statuses:
    """What the statuses of a site mean, by id and by name."""

    by_id: Mapping[str, StatusCategory] = field(default_factory=dict)
    by_name: Mapping[str, StatusCategory] = field(default_factory=dict)

    def category(self, status_id: str | None, name: str | None) -> StatusCategory | None:
        """Return the category; None where the status was deleted since."""
        return self.by_id.get(status_id or "") or self.by_name.get(name or "")


def item_key(text: object) -> str | None:
    """Return a key of Jira's in upper case; None for anything else."""
    key = identity.upper(text) if isinstance(text, str) else ""
    return key if _KEY.fullmatch(key) else None


def unread_item(key: str) -> WorkItem:
    """Return the item of which nothing but its key is known."""
    key = identity.upper(key)
    return WorkItem(tracker="jira", key=key, reference=identity.jira_reference(key), read=False)


def parse_issue(issue: Any, site: Site, *, epic_link: str | None = None) -> Issue:
    """Return an issue; ``epic_link`` is the id of the field that names its epic.

    The key is the one that Jira gives now, which is another than was asked for where the issue
    was moved. It is closed while it has a resolution or a status of category done. ``closed_at``
    is when it was resolved, without a resolution when it came into that category, which only
    Cloud tells here.

    Raises:
        PayloadError: it is no issue, or has no key.
    """
    key = item_key(issue.get("key")) if isinstance(issue, dict) else None
    if key is None:
        raise PayloadError(
            "Jira's answer has an issue without a usable `key`; it is damaged, or no answer of "
            "Jira's API at all. Check input jira-url, and try again"
        )
    fields = take.child(issue, "fields")
    parent = item_key(take.child(fields, "parent").get("key"))
    return Issue(
        item=_item(key, fields, site),
        parent=parent or (item_key(fields.get(epic_link)) if epic_link else None),
        resolved=bool(take.child(fields, "resolution")),
        people=dict(_names(fields)),
    )


def _item(key: str, fields: Payload, site: Site) -> WorkItem:
    status, kind = take.child(fields, "status"), take.child(fields, "issuetype")
    category = category_of(status)
    done = category is StatusCategory.DONE
    resolution = take.text(take.child(fields, "resolution"), "name")
    resolved = time(fields, "resolutiondate") if resolution else None
    status_name = take.text(status, "name") or ""
    return WorkItem(
        tracker="jira",
        key=key,
        reference=identity.jira_reference(key),
        title=take.text(fields, "summary") or "",
        type=take.text(kind, "name") or "",
        level=_level(kind),
        url=f"{site.pages}/browse/{key}",
        state="closed" if resolution or done else "open",
        status=status_name,
        category=category,
        created_at=time(fields, "created"),
        closed_at=resolved or (time(fields, "statuscategorychangedate") if done else None),
        result=resolution or (status_name if done else ""),
        author=actor(take.child(fields, "reporter")),
        assignees=_assignees(fields),
        labels=take.texts(fields, "labels"),
    )


def _level(kind: Payload) -> int | None:
    """Sub-tasks are on level -1, stories on 0, epics on 1. Data Center knows no levels."""
    level = kind.get("hierarchyLevel")
    if isinstance(level, bool) or not isinstance(level, int):
        return None
    return level if -100 <= level <= 100 else None


def _assignees(fields: Payload) -> tuple[str, ...]:
    assignee = actor(take.child(fields, "assignee"))
    return (assignee.login,) if assignee else ()


def category_of(status: Payload) -> StatusCategory | None:
    """Return what a status means; None for Jira's "undefined"."""
    return _CATEGORIES.get(take.text(take.child(status, "statusCategory"), "key") or "")


def actor(user: Payload) -> Actor | None:
    """Return somebody by what Jira shows of them: the user name, on Cloud the display name.

    Never an e-mail address: where such a name is one, the next of display name, key and account
    id is taken. Apps are bots; Data Center does not tell them apart.
    """
    names = (take.text(user, name) for name in ("name", "displayName", "key", "accountId"))
    login = next((name for name in names if name and "@" not in name), None)
    if login is None:
        return None
    return Actor(
        login=login, kind=ActorKind.BOT if user.get("accountType") == "app" else ActorKind.HUMAN
    )


def people(users: Iterable[Payload]) -> Iterator[tuple[str, str]]:
    """Return, by each id that a changelog may use for them, the logins of people."""
    for user in users:
        known = actor(user)
        for name in ("accountId", "key", "name"):
            person_id = take.text(user, name)
            if known and person_id:
                yield person_id, known.login


def _names(fields: Payload) -> Iterator[tuple[str, str]]:
    return people(take.child(fields, name) for name in ("assignee", "reporter"))


def time(payload: Payload, key: str) -> datetime | None:
    """Return a time, aware and in UTC: Jira writes ``2026-11-24T03:43:00.000+0000``."""
    value = payload.get(key)
    return take.time({key: _ZONE.sub(r"\1:\2", value)}, key) if isinstance(value, str) else None


def parse_site(info: Any, url: str) -> Site:
    """Return which Jira answers, from its own word (``serverInfo``); an old one has none."""
    known = info if isinstance(info, dict) else {}
    cloud = (take.text(known, "deploymentType") or "").lower() == "cloud"
    pages = take.text(known, "baseUrl") or url
    # Data Center's own idea of its address is often one inside a network; Cloud's is true.
    return Site(cloud=cloud, pages=(pages if cloud else url).rstrip("/"))


def parse_epic_link(fields: Any) -> str | None:
    """Return the id of the field that names an issue's epic; None where this Jira has none."""
    for each in fields if isinstance(fields, list) else ():
        if isinstance(each, dict) and take.child(each, "schema").get("custom") == _EPIC_LINK:
            return take.text(each, "id")
    return None


def parse_statuses(statuses: Any) -> Statuses:
    """Return the categories of all statuses.

    Projects may have statuses of their own with the same name; the site's own comes first.
    """
    listed = [s for s in statuses if isinstance(s, dict)] if isinstance(statuses, list) else []
    by_id: dict[str, StatusCategory] = {}
    by_name: dict[str, StatusCategory] = {}
    for status in sorted(listed, key=lambda each: bool(take.child(each, "scope"))):
        category, status_id = category_of(status), take.text(status, "id")
        name = take.text(status, "name")
        if category and status_id:
            by_id[status_id] = category
        if category and name:
            by_name.setdefault(name, category)
    return Statuses(by_id, by_name)
