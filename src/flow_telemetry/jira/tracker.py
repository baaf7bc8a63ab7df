"""Jira as a tracker: work items, their parents and children, on Cloud and on Data Center."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flow_telemetry import identity
from flow_telemetry.clock import Clock
from flow_telemetry.errors import NotFoundError, PayloadError, SourceError
from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import PaginatedList
from flow_telemetry.jira.client import JiraClient
from flow_telemetry.jira.history import last_closing, parse_history
from flow_telemetry.jira.parse import (
    FIELDS,
    Issue,
    Site,
    Statuses,
    item_key,
    parse_epic_link,
    parse_issue,
    parse_site,
    parse_statuses,
    unread_item,
)
from flow_telemetry.model import StatusCategory, WorkItem
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.model.items import MOST_ANCESTORS, ItemList
from flow_telemetry.settings.model import JiraSettings

_CLOUD = ".atlassian.net"
# Jira's clock may differ from ours, and its search counts in minutes.
_MARGIN = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)


class Jira:
    """A `Tracker`. It requests facts about the site (kind, statuses, epic field) only once."""

    def __init__(self, settings: JiraSettings, client: JiraClient, clock: Clock) -> None:
        """Take the collaborators; no request is made yet."""
        self._settings = settings
        self._client = client
        self._clock = clock
        self._cached_site: Site | None = None
        self._cached_statuses: Statuses | None = None
        self._cached_epic_link: tuple[str | None] | None = None

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

        Its reference stays, unless its key has changed. Without a resolution ``closed_at`` is the
        time of the change to a status of category done.
        Raises SourceError if it cannot be read, DeadlineExceeded if no time is left.
        """
        site = self._site()
        path = _issue_path(site, item.key)
        expand = {} if site.cloud else {"expand": "changelog"}
        payload = self._client.get(path, f"{item.key} of Jira", fields=self._fields(), **expand)
        issue = parse_issue(payload, site, epic_link=self._epic_link())
        if site.cloud:
            what = f"the history of {item.key}"
            changelog = self._client.list_by_position(f"{path}/changelog", "values", what)
        else:
            entries = take.child(payload, "changelog")
            histories = tuple(take.children(entries, "histories"))
            total = take.number(entries, "total") or 0
            changelog = PaginatedList(items=histories, complete=len(histories) >= total)
        what = f"the comments of {item.key}"
        comments = self._client.list_by_position(f"{path}/comment", "comments", what)
        history = parse_history(issue, changelog.items, comments.items, self._statuses())
        current = issue.item
        closed_at = current.closed_at
        if closed_at is None and current.state == "closed":
            closed_at = last_closing(history)
        return replace(
            current,
            reference=item.reference if current.key == item.key else current.reference,
            closed_at=closed_at,
            comments=len(comments.items),
            history=history,
            history_complete=changelog.complete and comments.complete,
        )

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

    def changed_since(self, instant: datetime) -> ItemList:
        """Return items of the configured projects that were closed since then, without history.

        Raises DeadlineExceeded if no time is left.
        """
        unread: list[str] = []
        try:
            jql = self._build_closed_query(instant)
            items = self._search(jql, "recently closed items", unread)
        except SourceError as error:
            return ItemList(unread=(str(error),))
        items = [self._with_closing_time(item, unread) for item in items]
        closed = (item for item in items if item.closed_at is None or item.closed_at >= instant)
        return ItemList(items=tuple(closed), unread=tuple(unread))

    def status_categories(self) -> dict[str, StatusCategory]:
        """Return the categories of the site's statuses by their names.

        Raises SourceError if they cannot be read, DeadlineExceeded if no time is left.
        """
        return dict(self._statuses().by_name)

    def _read_issue(self, key: str, unread: list[str]) -> Issue | None:
        try:
            site = self._site()
            path = _issue_path(site, key)
            payload = self._client.get(path, f"{key} of Jira", fields=self._fields())
            return parse_issue(payload, site, epic_link=self._epic_link())
        except SourceError as error:
            unread.append(f"{key}: {error}")
            return None

    def _search(self, jql: str, what: str, unread: list[str]) -> list[WorkItem]:
        site = self._site()
        query = {"jql": f"{jql} ORDER BY created ASC, key ASC", "fields": self._fields()}
        if site.cloud:
            path = f"{site.api}/search/jql"
            listing = self._client.list_by_token(path, "issues", what, **query)
        else:
            listing = self._client.list_by_position(f"{site.api}/search", "issues", what, **query)
        if not listing.complete:
            unread.append(f"Jira's list of {what} was not read completely")
        items: dict[str, WorkItem] = {}
        for issue in listing.items:
            try:
                item = parse_issue(issue, site).item
            except PayloadError as error:
                unread.append(f"{what}: {error}")
            else:
                # An issue that changes during the reading may be on two pages.
                items[item.key] = item
        return list(items.values())

    def _build_closed_query(self, instant: datetime) -> str:
        # Jira reads absolute times in the time zone of the token's owner.
        minutes = max(0, -(-(self._clock.now() - instant + _MARGIN) // _MINUTE))
        closed = (
            f'(resolved >= "-{minutes}m" OR (statusCategory = Done AND resolution IS EMPTY AND '
            f'status CHANGED AFTER "-{minutes}m"))'
        )
        if not self._settings.projects:
            return closed
        escaped = (
            project.replace("\\", "\\\\").replace('"', '\\"')
            for project in sorted(self._settings.projects)
        )
        projects = ", ".join(f'"{project}"' for project in escaped)
        return f"project IN ({projects}) AND {closed}"

    def _with_closing_time(self, item: WorkItem, unread: list[str]) -> WorkItem:
        """Return the item with ``closed_at``, which may be only in Data Center's history."""
        if item.closed_at is not None:
            return item
        try:
            return replace(item, closed_at=self.details(item).closed_at)
        except SourceError as error:
            unread.append(f"{item.key}: {error}")
            return item

    def _site(self) -> Site:
        if self._cached_site is None:
            url = self._settings.url.rstrip("/")
            if (urlsplit(url).hostname or "").endswith(_CLOUD):
                self._cached_site = Site(cloud=True, pages=url)
            else:
                info = self._client.get("/rest/api/2/serverInfo", "information on the server")
                self._cached_site = parse_site(info, url)
        return self._cached_site

    def _statuses(self) -> Statuses:
        if self._cached_statuses is None:
            payload = self._client.get(f"{self._site().api}/status", "the statuses")
            self._cached_statuses = parse_statuses(payload)
        return self._cached_statuses

    def _epic_link(self) -> str | None:
        """Return the id of the field that names an issue's epic; None on Cloud."""
        # On Data Center `parent` is for sub-tasks only. On Cloud it has replaced the field:
        # https://community.developer.atlassian.com/t/54048
        if self._site().cloud:
            return None
        if self._cached_epic_link is None:
            fields = self._client.get(f"{self._site().api}/field", "the fields")
            self._cached_epic_link = (parse_epic_link(fields),)
        return self._cached_epic_link[0]

    def _fields(self) -> str:
        return ",".join((*FIELDS, *filter(None, [self._epic_link()])))


def _issue_path(site: Site, key: str) -> str:
    return f"{site.api}/issue/{_safe_key(key)}"


def _safe_key(key: str) -> str:
    """Return a valid key: only that may become part of paths and searches."""
    safe_key = item_key(key)
    if safe_key is None:
        printable = "".join(c if c.isprintable() else " " for c in key)[:40]
        raise NotFoundError(f"{printable} is not a Jira key: Jira keys look like ACME-42")
    return safe_key
