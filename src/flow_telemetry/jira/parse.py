"""Records from Jira's JSON, by pure functions.

Cloud and Data Center differ in the ids of people and in the field of the epic. An optional value
of the wrong type is missing.
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

# The fields of an item to request. By default Jira returns all fields, or none.
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
    """A Jira site: Cloud or Data Center, and the address of its web pages."""

    cloud: bool
    pages: str

    @property
    def api(self) -> str:
        """The beginning of paths of the REST API."""
        return "/rest/api/3" if self.cloud else "/rest/api/2"


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue, its parent's key, whether it has a resolution, and the people named in it.

    ``people`` has logins by the ids that a changelog uses.
    """

    item: WorkItem
    parent: str | None
    resolved: bool
    people: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Statuses:
    """The categories of a site's statuses, by id and by name."""

    by_id: Mapping[str, StatusCategory] = field(default_factory=dict)
    by_name: Mapping[str, StatusCategory] = field(default_factory=dict)

    def category(self, status_id: str | None, name: str | None) -> StatusCategory | None:
        """Return the category of a status; None if it was deleted."""
        return self.by_id.get(status_id or "") or self.by_name.get(name or "")


def item_key(text: object) -> str | None:
    """Return an issue key in upper case; None for any other text."""
    key = identity.upper(text) if isinstance(text, str) else ""
    return key if _KEY.fullmatch(key) else None


def unread_item(key: str) -> WorkItem:
    """Return an item that was not read, with only its key."""
    key = identity.upper(key)
    return WorkItem(tracker="jira", key=key, reference=identity.jira_reference(key), read=False)


def parse_issue(issue: Any, site: Site, *, epic_link: str | None = None) -> Issue:
    """Return an issue; ``epic_link`` is the id of the field that names its epic.

    A moved issue has its current key, not the requested one. It is closed while it has a resolution
    or a status of category done. ``closed_at`` is the time of the resolution. Without a resolution
    it is the time of the change to that category, which only Cloud returns here.

    Raises:
        PayloadError: it is not an issue, or has no key.
    """
    key = item_key(issue.get("key")) if isinstance(issue, dict) else None
    if key is None:
        raise PayloadError(
            "Jira returned an issue without a usable `key`. The response is damaged, or does not "
            "come from Jira's API. Check `jira-url`, and try again"
        )
    fields = take.child(issue, "fields")
    named = (take.child(fields, name) for name in ("assignee", "reporter"))
    parent = item_key(take.child(fields, "parent").get("key"))
    return Issue(
        item=_parse_item(key, fields, site),
        parent=parent or (item_key(fields.get(epic_link)) if epic_link else None),
        resolved=bool(take.child(fields, "resolution")),
        people=dict(parse_people(named)),
    )


def _parse_item(key: str, fields: Payload, site: Site) -> WorkItem:
    status, kind = take.child(fields, "status"), take.child(fields, "issuetype")
    category = parse_category(status)
    done = category is StatusCategory.DONE
    resolution = take.text(take.child(fields, "resolution"), "name")
    resolved = parse_time(fields, "resolutiondate") if resolution else None
    status_name = take.text(status, "name") or ""
    assignee = parse_actor(take.child(fields, "assignee"))
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
        created_at=parse_time(fields, "created"),
        closed_at=resolved or (parse_time(fields, "statuscategorychangedate") if done else None),
        result=resolution or (status_name if done else ""),
        author=parse_actor(take.child(fields, "reporter")),
        assignees=(assignee.login,) if assignee else (),
        labels=take.texts(fields, "labels"),
    )


def _level(kind: Payload) -> int | None:
    """Return the level: -1 for sub-tasks, 0 for stories, 1 for epics. Data Center has no levels."""
    level = kind.get("hierarchyLevel")
    if isinstance(level, bool) or not isinstance(level, int):
        return None
    return level if -100 <= level <= 100 else None


def parse_category(status: Payload) -> StatusCategory | None:
    """Return the category of a status; None for Jira's "undefined"."""
    return _CATEGORIES.get(take.text(take.child(status, "statusCategory"), "key") or "")


def parse_actor(user: Payload) -> Actor | None:
    """Return the actor of a Jira user: by the user name, on Cloud by the display name.

    A name that is an e-mail address is never used; the next of display name, key and account id
    takes its place. Apps are bots. Data Center does not distinguish them.
    """
    names = (take.text(user, name) for name in ("name", "displayName", "key", "accountId"))
    login = next((name for name in names if name and "@" not in name), None)
    if login is None:
        return None
    return Actor(
        login=login, kind=ActorKind.BOT if user.get("accountType") == "app" else ActorKind.HUMAN
    )


def parse_people(users: Iterable[Payload]) -> Iterator[tuple[str, str]]:
    """Yield an id and the login of users, for every id that a changelog may use."""
    for user in users:
        person = parse_actor(user)
        for name in ("accountId", "key", "name"):
            person_id = take.text(user, name)
            if person and person_id:
                yield person_id, person.login


def parse_time(payload: Payload, key: str) -> datetime | None:
    """Return a time, aware and in UTC: Jira writes ``2026-11-24T03:43:00.000+0000``."""
    value = payload.get(key)
    return take.time({key: _ZONE.sub(r"\1:\2", value)}, key) if isinstance(value, str) else None


def parse_site(info: Any, url: str) -> Site:
    """Return the site of a ``serverInfo`` response; without a type it is a Data Center."""
    fields = info if isinstance(info, dict) else {}
    cloud = (take.text(fields, "deploymentType") or "").lower() == "cloud"
    pages = take.text(fields, "baseUrl") or url
    # The base URL of a Data Center is often an address inside a network.
    return Site(cloud=cloud, pages=(pages if cloud else url).rstrip("/"))


def parse_epic_link(fields: Any) -> str | None:
    """Return the id of the field that names an issue's epic; None if the site has none."""
    for field_info in fields if isinstance(fields, list) else ():
        schema = take.child(field_info, "schema") if isinstance(field_info, dict) else {}
        if schema.get("custom") == _EPIC_LINK:
            return take.text(field_info, "id")
    return None


def parse_statuses(statuses: Any) -> Statuses:
    """Return the categories of all statuses.

    If a project has a status with the same name as one of the site, the site's status counts.
    """
    objects = [s for s in statuses if isinstance(s, dict)] if isinstance(statuses, list) else []
    by_id: dict[str, StatusCategory] = {}
    by_name: dict[str, StatusCategory] = {}
    for status in sorted(objects, key=lambda each: bool(take.child(each, "scope"))):
        category, status_id = parse_category(status), take.text(status, "id")
        name = take.text(status, "name")
        if category and status_id:
            by_id[status_id] = category
        if category and name:
            by_name.setdefault(name, category)
    return Statuses(by_id, by_name)
