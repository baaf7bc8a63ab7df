"""Records from Jira's JSON, by pure functions.

Cloud and Data Center differ in the ids of people and in the field of the epic. An optional value
of the wrong type is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
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
    *("resolution", "resolutiondate", "created", "labels", "assignee", "reporter", "issuelinks"),
    *("components", "priority"),
)
# The inward name of Jira's own type of links for it.
BLOCKED_BY = "is blocked by"
_EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
# https://developer.atlassian.com/platform/teams/components/team-field-in-jira-rest-api names the
# first one; Cloud sites that were set up lately have the second one.
_TEAMS = (
    "com.atlassian.teams:rm-teams-custom-field-team",
    "com.atlassian.jira.plugin.system.customfieldtypes:atlassian-team",
)
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
class SiteFields:
    """The ids of a site's custom fields: of an issue's epic, its team, and its flag with its names.

    The names are in lower case: a changelog of Data Center has no ids of fields.
    """

    epic_link: str | None = None
    team: str | None = None
    flag: str | None = None
    flag_names: frozenset[str] = frozenset({"flagged"})

    def is_flag(self, change: Payload) -> bool:
        """Whether an entry of a changelog is about the flag."""
        if take.text(change, "fieldtype") != "custom":
            return False
        field_id = take.text(change, "fieldId")
        if field_id and self.flag:
            return field_id == self.flag
        return (take.text(change, "field") or "").lower() in self.flag_names


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue, its parent's key, whether it has a resolution, and the people named in it.

    ``people`` has logins by the ids that a changelog uses. ``blockers`` are the keys of the issues
    that it "is blocked by" now, ``flagged`` is whether its flag is set now.
    """

    item: WorkItem
    parent: str | None
    resolved: bool
    people: Mapping[str, str]
    blockers: tuple[str, ...] = ()
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Statuses:
    """The categories of statuses: the user's by name in lower case, the site's by id.

    ``names`` are the present names by id, ``former`` further names by id in a changelog.
    """

    overrides: Mapping[str, StatusCategory] = field(default_factory=dict)
    by_id: Mapping[str, StatusCategory] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    former: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def category(self, status_id: str | None, name: str | None) -> StatusCategory | None:
        """Return the category of a status in a changelog; None if it was deleted.

        The site's category is found by id: a status that was renamed has another name in older
        entries, and several projects may have a status of one name. The user may name a status as
        it was called or as it is called now: a renamed status has one category.
        """
        own_id = status_id or ""
        for known in (self.names.get(own_id), name, *self.former.get(own_id, ())):
            override = self.overrides.get((known or "").strip().casefold())
            if override is not None:
                return override
        return self.by_id.get(own_id)

    def with_former(self, named: Iterable[tuple[str, str]]) -> Statuses:
        """Return the statuses with further names, as pairs of an id and a name."""
        former: dict[str, tuple[str, ...]] = {}
        for status_id, name in named:
            if name not in (self.names.get(status_id), *former.get(status_id, ())):
                former[status_id] = (*former.get(status_id, ()), name)
        return replace(self, former=former)

    def present_category(self, status: Payload) -> StatusCategory | None:
        """Return the category of a status as an issue has it."""
        for known in (take.text(status, "name"), take.text(status, "untranslatedName")):
            override = self.overrides.get((known or "").strip().casefold())
            if override is not None:
                return override
        return parse_category(status)


def item_key(text: object) -> str | None:
    """Return an issue key in upper case; None for any other text."""
    key = identity.upper(text) if isinstance(text, str) else ""
    return key if _KEY.fullmatch(key) else None


def unread_item(key: str) -> WorkItem:
    """Return an item that was not read, with only its key."""
    key = identity.upper(key)
    return WorkItem(tracker="jira", key=key, reference=identity.jira_reference(key), read=False)


def parse_issue(issue: Any, site: Site, statuses: Statuses, fields_of_site: SiteFields) -> Issue:
    """Return an issue.

    A moved issue has its current key, not the requested one. It is closed while it has a resolution
    or a status of category done. ``closed_at`` is the time of the resolution, some milliseconds
    before the entry of the changelog that set it. Without a resolution it is the time of the change
    to that category, which only Cloud returns here.

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
    epic_link, flag = fields_of_site.epic_link, fields_of_site.flag
    return Issue(
        item=replace(
            _parse_item(key, fields, site, statuses), team=_parse_team(fields, fields_of_site)
        ),
        parent=parent or (item_key(fields.get(epic_link)) if epic_link else None),
        resolved=bool(take.child(fields, "resolution")),
        people=dict(parse_people(named)),
        blockers=tuple(_parse_blockers(fields)),
        flagged=bool(flag and fields.get(flag)),
    )


def _parse_item(key: str, fields: Payload, site: Site, statuses: Statuses) -> WorkItem:
    status, kind = take.child(fields, "status"), take.child(fields, "issuetype")
    category = statuses.present_category(status)
    done = category is StatusCategory.DONE
    resolution = _untranslated_name(take.child(fields, "resolution"))
    resolved = parse_time(fields, "resolutiondate") if resolution else None
    status_name = _untranslated_name(status)
    assignee = parse_actor(take.child(fields, "assignee"))
    return WorkItem(
        tracker="jira",
        key=key,
        reference=identity.jira_reference(key),
        title=take.text(fields, "summary") or "",
        type=_untranslated_name(kind),
        level=_level(kind),
        url=f"{site.pages}/browse/{key}",
        state="closed" if resolution or done else "open",
        status=status_name,
        status_id=take.text(status, "id") or "",
        category=category,
        created_at=parse_time(fields, "created"),
        closed_at=resolved or (parse_time(fields, "statuscategorychangedate") if done else None),
        result=resolution or (status_name if done else ""),
        author=parse_actor(take.child(fields, "reporter")),
        assignees=(assignee.login,) if assignee else (),
        labels=take.texts(fields, "labels"),
        project=take.text(take.child(fields, "project"), "key") or key.rpartition("-")[0],
        components=tuple(
            filter(None, map(_untranslated_name, take.children(fields, "components")))
        ),
        priority=_untranslated_name(take.child(fields, "priority")),
    )


def _parse_team(fields: Payload, fields_of_site: SiteFields) -> str:
    """Return the name of an issue's team, else its id; empty if there is none."""
    field_id = fields_of_site.team or ""
    team = take.child(fields, field_id)
    names = (take.text(team, "name"), take.text(team, "title"), take.text(team, "id"))
    # Data Center returns only the id.
    return next(filter(None, names), take.text(fields, field_id) or "")


def _untranslated_name(thing: Payload) -> str:
    """Return a name that does not depend on the language of the account that reads it."""
    return take.text(thing, "untranslatedName") or take.text(thing, "name") or ""


def _parse_blockers(fields: Payload) -> Iterator[str]:
    for link in take.children(fields, "issuelinks"):
        blocker = item_key(take.child(link, "inwardIssue").get("key"))
        if blocker and is_blocking(take.child(link, "type")):
            yield blocker


def is_blocking(link_type: Payload) -> bool:
    """Whether a type of links is Jira's own "Blocks", which a site may have renamed."""
    names = (take.text(link_type, "name"), take.text(link_type, "inward"))
    return any((name or "").strip().casefold() in ("blocks", BLOCKED_BY) for name in names)


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


def parse_site_fields(fields: Any, *, cloud: bool) -> SiteFields:
    """Return the custom fields that are of interest.

    The flag's name is translated for the account that reads it; Cloud returns the original too. On
    Data Center `parent` is for sub-tasks only, and an epic is named in a field of its own. On Cloud
    `parent` has replaced that field: https://community.developer.atlassian.com/t/54048
    """
    found = SiteFields()
    for field_info in fields if isinstance(fields, list) else ():
        if not isinstance(field_info, dict):
            continue
        field_id, name = take.text(field_info, "id"), take.text(field_info, "name") or ""
        original = take.text(field_info, "untranslatedName") or name
        kind = take.text(take.child(field_info, "schema"), "custom")
        if not cloud and kind == _EPIC_LINK:
            found = replace(found, epic_link=field_id)
        if kind in _TEAMS and found.team is None:
            found = replace(found, team=field_id)
        if field_info.get("custom") is True and original.lower() == "flagged":
            names = found.flag_names | {name.lower()}
            found = replace(found, flag=field_id, flag_names=names)
    return found


def parse_statuses(statuses: Any, overrides: Mapping[str, StatusCategory]) -> Statuses:
    """Return the categories of all statuses of a site, with those of the user before them."""
    by_id: dict[str, StatusCategory] = {}
    names: dict[str, str] = {}
    for status in statuses if isinstance(statuses, list) else ():
        status_id = take.text(status, "id") if isinstance(status, dict) else None
        if status_id:
            names[status_id] = take.text(status, "name") or ""
            category = parse_category(status)
            if category:
                by_id[status_id] = category
    return Statuses(overrides, by_id, names)
