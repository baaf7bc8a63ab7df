"""Jira as a tracker: work items, their parents and children, on Cloud and on Data Center."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flow_telemetry import identity
from flow_telemetry.clock import Clock
from flow_telemetry.errors import NotFoundError, PayloadError, SourceError
from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import PaginatedList
from flow_telemetry.jira.client import MOST_PAGES, JiraClient
from flow_telemetry.jira.history import blocking_keys, find_closings, parse_details
from flow_telemetry.jira.parse import (
    FIELDS,
    Issue,
    Site,
    SiteFields,
    Statuses,
    item_key,
    parse_issue,
    parse_site,
    parse_site_fields,
    parse_statuses,
    unread_item,
)
from flow_telemetry.model import Event, StatusCategory, WorkItem
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.model.items import MOST_ANCESTORS, ItemList
from flow_telemetry.settings.model import JiraSettings

_CLOUD = ".atlassian.net"
# Jira's clock may differ from ours, and its search counts in minutes.
_MARGIN = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)
# The history of each is read, by two requests on Cloud.
_MOST_BLOCKERS = 10
# https://jira.atlassian.com/browse/JRACLOUD-96459
_MOST_EXPANDED = 40
# 5,000 open items of a hundred a page.
_MOST_PAGES_OF_OPEN = 50


class Jira:
    """A `Tracker`. It requests facts about the site (kind, statuses, epic field) only once."""

    def __init__(
        self,
        settings: JiraSettings,
        client: JiraClient,
        clock: Clock,
        categories: Mapping[str, StatusCategory] | None = None,
    ) -> None:
        """Take the collaborators; no request is made yet.

        ``categories`` are those that the user gives to statuses, by name in lower case.
        """
        self._settings = settings
        self._client = client
        self._clock = clock
        self._overrides = categories or {}
        self._cached_site: Site | None = None
        self._cached_statuses: Statuses | None = None
        self._cached_fields: SiteFields | None = None

    def chain(self, key: ItemKey) -> ItemList:
        """Return the item of that key with its ancestors, at most `MOST_ANCESTORS` of them.

        A moved item has its current key. ``unread`` holds the read errors; the item or ancestor
        then has only its key. Raises DeadlineExceeded if no time is left.
        """
        items: list[WorkItem] = []
        unread: list[str] = []
        seen: set[str] = set()
        next_key: str | None = identity.upper(key.key)
        while next_key:
            issue = self._read_issue(next_key, unread)
            item = issue.item if issue else unread_item(next_key)
            if {next_key, item.key} & seen:
                # The parents form a circle: the chain ends with the repeated item.
                items.append(item)
                break
            if len(items) > MOST_ANCESTORS:
                unread.append(f"{items[0].key} has more than {MOST_ANCESTORS} parents in Jira")
                break
            seen |= {next_key, item.key}
            items.append(item)
            next_key = issue.parent if issue else None
        return ItemList(items=tuple(items), unread=tuple(unread))

    def details(self, item: WorkItem) -> WorkItem:
        """Return the item with all of its details and its history.

        Its reference stays, unless its key has changed.
        Raises SourceError if it cannot be read, DeadlineExceeded if no time is left.
        """
        issue, changelog = self._read_with_changelog(item.key)
        what = f"the comments of {item.key}"
        path = _issue_path(self._site(), item.key)
        comments = self._client.list_by_position(f"{path}/comment", "comments", what)
        notices: list[str] = []
        blockers = self._read_blockers(issue, changelog.items, notices)
        found = parse_details(
            issue,
            changelog.items,
            comments.items,
            self._statuses(),
            fields=self._flag_field(),
            blockers=blockers,
        )
        return replace(
            found,
            reference=item.reference if found.key == item.key else found.reference,
            history_complete=changelog.complete and comments.complete,
            notices=(*found.notices, *notices),
        )

    def _read_with_changelog(self, key: str) -> tuple[Issue, PaginatedList[Any]]:
        site = self._site()
        path = _issue_path(site, key)
        expand = {} if site.cloud else {"expand": "changelog"}
        fields = self._detail_fields()
        payload = self._client.get(path, f"{key} of Jira", fields=fields, **expand)
        issue = self._parse_issue(payload)
        if site.cloud:
            what = f"the history of {key}"
            return issue, self._client.list_by_position(f"{path}/changelog", "values", what)
        entries = take.child(payload, "changelog")
        histories = tuple(take.children(entries, "histories"))
        total = take.number(entries, "total") or 0
        return issue, PaginatedList(items=histories, complete=len(histories) >= total)

    def _read_blockers(
        self, issue: Issue, changelog: Sequence[Any], notices: list[str]
    ) -> Mapping[str, tuple[Event, ...]]:
        """Return the closings and reopenings of the issues that block the issue, by their keys."""
        keys = blocking_keys(issue, changelog)
        if len(keys) > _MOST_BLOCKERS:
            notices.append(
                f"only the first {_MOST_BLOCKERS} of the {len(keys)} issues that block "
                f"{issue.item.key} count as blocking it"
            )
        found = {}
        for key in keys[:_MOST_BLOCKERS]:
            try:
                blocker, entries = self._read_with_changelog(key)
                found[key] = tuple(find_closings(blocker, entries.items, self._statuses()))
            except SourceError as error:
                notices.append(
                    f"{key}, which blocks {issue.item.key}, does not count as blocking it, "
                    f"because it could not be read: {error}"
                )
        return found

    def children(self, item: WorkItem) -> ItemList:
        """Return the items with this parent, without their histories.

        Raises DeadlineExceeded if no time is left.
        """
        unread: list[str] = []
        try:
            key = _safe_key(item.key)
            jql = f"parent = {key}"
            number = (self._epic_link() or "").removeprefix("customfield_")
            if number.isascii() and number.isdigit():
                jql += f" OR cf[{number}] = {key}"
            items = self._search(jql, f"the children of {key}", unread)
        except SourceError as error:
            return ItemList(unread=(str(error),))
        return ItemList(items=tuple(items), unread=tuple(unread))

    def changed_since(self, instant: datetime, projects: Collection[str]) -> ItemList:
        """Return items of projects, given by their keys, that may have been closed since then.

        They have no history; what the search has of it is kept, in place of requests for each.
        Items that were reopened are included, and the time of a resolution is some milliseconds
        before that of the closing, so only the history tells.
        Raises DeadlineExceeded if no time is left.
        """
        unread: list[str] = []
        try:
            jql = self._build_closed_query(instant, projects)
            # With the details of each, which are requested next.
            found = self._search_issues(
                *(jql, "recently closed items", unread),
                fields=self._detail_fields(),
                expand="changelog",
            )
            for item, issue in found:
                self._fill_issue(item.key, issue)
        except SourceError as error:
            return ItemList(unread=(_name_unknown_project(error, projects),))
        since = instant - _MARGIN
        closed = (item for item, _ in found if item.closed_at is None or item.closed_at >= since)
        return ItemList(items=tuple(closed), unread=tuple(unread))

    def open_items(self, projects: Collection[str]) -> PaginatedList[WorkItem]:
        """Return the open items of projects, given by their keys, without their histories.

        Of more than 5,000 only the oldest are read.
        Raises SourceError if they cannot be read, DeadlineExceeded if no time is left.
        """
        unread: list[str] = []
        done = self._done_statuses()
        # By the categories that the user gives to statuses, like the closing of an item.
        still_open = f" AND status NOT IN ({done})" if done else ""
        jql = f"project IN ({_list_projects(projects)}){still_open}"
        try:
            items = self._search(jql, "open items", unread, most_pages=_MOST_PAGES_OF_OPEN)
        except NotFoundError as error:
            raise NotFoundError(_name_unknown_project(error, projects)) from error
        opened = tuple(item for item in items if not item.ended)
        return PaginatedList(items=opened, complete=not unread)

    def check_statuses(self) -> None:
        """Read the statuses of the site.

        Raises SourceError if they cannot be read, DeadlineExceeded if no time is left.
        """
        self._statuses()

    def _read_issue(self, key: str, unread: list[str]) -> Issue | None:
        try:
            site = self._site()
            path = _issue_path(site, key)
            payload = self._client.get(path, f"{key} of Jira", fields=self._fields())
            return self._parse_issue(payload)
        except SourceError as error:
            unread.append(f"{key}: {error}")
            return None

    def _search(
        self, jql: str, what: str, unread: list[str], most_pages: int = MOST_PAGES
    ) -> list[WorkItem]:
        found = self._search_issues(jql, what, unread, most_pages, fields=self._fields())
        return [item for item, _ in found]

    def _search_issues(
        self, jql: str, what: str, unread: list[str], most_pages: int = MOST_PAGES, **query: str
    ) -> list[tuple[WorkItem, Mapping[str, Any]]]:
        """Return the items of a search, each with its issue as Jira returned it."""
        site = self._site()
        query["jql"] = f"{jql} ORDER BY created ASC, key ASC"
        if site.cloud:
            path = f"{site.api}/search/jql"
            listing = self._client.list_by_token(path, "issues", what, most_pages, **query)
        else:
            path = f"{site.api}/search"
            listing = self._client.list_by_position(path, "issues", what, most_pages, **query)
        if not listing.complete:
            unread.append(f"Jira's list of {what} was not read completely")
        items: dict[str, tuple[WorkItem, Mapping[str, Any]]] = {}
        for issue in listing.items:
            try:
                item = self._parse_issue(issue).item
            except PayloadError as error:
                unread.append(f"{what}: {error}")
            else:
                # An issue that changes during the reading may be on two pages.
                items[item.key] = item, issue
        return list(items.values())

    def _fill_issue(self, key: str, issue: Mapping[str, Any]) -> None:
        """Keep what a search has of an issue, in place of requests for that issue alone."""
        site = self._site()
        path = _issue_path(site, key)
        changelog = take.child(issue, "changelog")
        histories = list(take.children(changelog, "histories"))
        alone = {name: value for name, value in issue.items() if name != "changelog"}
        self._client.fill(path, alone, fields=self._fields())
        if not site.cloud:
            # Data Center expands all of it.
            self._client.fill(path, issue, fields=self._detail_fields(), expand="changelog")
            return
        self._client.fill(path, alone, fields=self._detail_fields())
        total = take.number(changelog, "total")
        # A search of Cloud has the latest 40, and `total` may be the number of these.
        if total == len(histories) < _MOST_EXPANDED:
            self._client.fill_list(f"{path}/changelog", "values", histories[::-1])

    def _build_closed_query(self, instant: datetime, projects: Collection[str]) -> str:
        # Jira reads absolute times in the time zone of the token's owner.
        minutes = max(0, -(-(self._clock.now() - instant + _MARGIN) // _MINUTE))
        after = f'AFTER "-{minutes}m"'
        conditions = [f'resolved >= "-{minutes}m"', f"resolution CHANGED {after}"]
        done = self._done_statuses()
        if done:
            conditions += [f"status CHANGED {way} ({done}) {after}" for way in ("TO", "FROM")]
        closed = f"({' OR '.join(conditions)})"
        return f"project IN ({_list_projects(projects)}) AND {closed}"

    def _done_statuses(self) -> str:
        """Return the ids of the statuses of category done, as a list in JQL; empty if none is."""
        statuses = self._statuses()
        done = [
            status_id
            for status_id, name in statuses.names.items()
            if status_id.isascii() and status_id.isdigit()
            if statuses.category(status_id, name) is StatusCategory.DONE
        ]
        return ", ".join(sorted(done, key=int))

    def _site(self) -> Site:
        if self._cached_site is None:
            url = self._settings.url.rstrip("/")
            if (urlsplit(url).hostname or "").endswith(_CLOUD):
                self._cached_site = Site(cloud=True, pages=url)
            else:
                info = self._client.get("/rest/api/2/serverInfo", "information on the server")
                self._cached_site = parse_site(info, url)
        return self._cached_site

    def _parse_issue(self, payload: Any) -> Issue:
        # An issue contains the category of its own status, so the site's statuses are not needed.
        statuses = self._cached_statuses or Statuses(self._overrides)
        fields = self._cached_fields or SiteFields()
        return parse_issue(payload, self._site(), statuses, fields)

    def _statuses(self) -> Statuses:
        if self._cached_statuses is None:
            payload = self._client.get(f"{self._site().api}/status", "the statuses")
            self._cached_statuses = parse_statuses(payload, self._overrides)
        return self._cached_statuses

    def _site_fields(self) -> SiteFields:
        if self._cached_fields is None:
            site = self._site()
            payload = self._client.get(f"{site.api}/field", "the fields")
            self._cached_fields = parse_site_fields(payload, cloud=site.cloud)
        return self._cached_fields

    def _flag_field(self) -> SiteFields:
        """Return the fields of the site; without them only a flag with an English name is found."""
        try:
            return self._site_fields()
        except SourceError:
            return SiteFields()

    def _epic_link(self) -> str | None:
        """Return the id of the field that names an issue's epic; None on Cloud."""
        return None if self._site().cloud else self._site_fields().epic_link

    def _detail_fields(self) -> str:
        """Return the fields of an issue's details."""
        site_fields = self._flag_field()
        return self._fields(site_fields.flag, site_fields.team)

    def _fields(self, *further: str | None) -> str:
        return ",".join((*FIELDS, *filter(None, [self._epic_link(), *further])))


def _list_projects(projects: Collection[str]) -> str:
    """Return the keys of projects as a list in JQL."""
    escaped = (project.replace("\\", "\\\\").replace('"', '\\"') for project in sorted(projects))
    return ", ".join(f'"{project}"' for project in escaped)


def _issue_path(site: Site, key: str) -> str:
    return f"{site.api}/issue/{_safe_key(key)}"


def _safe_key(key: str) -> str:
    """Return a valid key: only that may become part of paths and searches."""
    safe_key = item_key(key)
    if safe_key is None:
        printable = "".join(c if c.isprintable() else " " for c in key)[:40]
        raise NotFoundError(f"{printable} is not a Jira key: Jira keys look like ACME-42")
    return safe_key


def _name_unknown_project(error: SourceError, projects: Collection[str]) -> str:
    """Return the text of an error, which may be about a key of `sweep-jira`.

    Jira refuses a search with an unknown project by status 400 and the text "The value 'NOPE' does
    not exist for the field 'project'."
    """
    named = [key for key in sorted(projects) if f"'{key}'" in str(error)]
    if not isinstance(error, NotFoundError) or not named:
        return str(error)
    return (
        f"Jira does not know the project {', '.join(named)} of `sweep-jira`, or the account may "
        f"not see it. Correct or remove the key. Jira's own text: {error}"
    )
