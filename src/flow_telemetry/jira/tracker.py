"""Jira as a tracker: which requests a question takes, on Cloud and on Data Center."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flow_telemetry import identity
from flow_telemetry.clock import Clock
from flow_telemetry.errors import NotFoundError, PayloadError, SourceError
from flow_telemetry.http import payload as take
from flow_telemetry.jira.client import JiraClient, Listing
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
from flow_telemetry.model.items import MOST_ANCESTORS, ItemChain, Items
from flow_telemetry.settings.model import JiraSettings

_CLOUD = ".atlassian.net"
# Jira's clock and ours differ, and its search counts in minutes.
_MARGIN = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)


class Jira:
    """A tracker, see `flow_telemetry.sources.interface.Tracker`.

    What it learns about the site (its kind, its statuses, its field of Epic Links) it asks once.
    """

    def __init__(self, settings: JiraSettings, client: JiraClient, clock: Clock) -> None:
        """Take the collaborators; nothing is asked yet."""
        self._settings = settings
        self._client = client
        self._clock = clock
        self._known_site: Site | None = None
        self._known_statuses: Statuses | None = None
        self._known_epic_link: tuple[str | None] | None = None

    def chain(self, key: ItemKey) -> ItemChain:
        """Return the item of that key with its ancestors, at most `MOST_ANCESTORS` of them.

        An item that was moved has the key that Jira gives it now. What cannot be read is a reason
        in ``unread``; the item or ancestor then is known by its key alone.
        Raises DeadlineExceeded where no time is left.
        """
        items: list[WorkItem] = []
        unread: list[str] = []
        seen: set[str] = set()
        wanted: str | None = identity.upper(key.key)
        while wanted:
            issue = self._issue(wanted, unread)
            found = issue.item if issue else unread_item(wanted)
            if {wanted, found.key} & seen:  # in a circle: the chain ends with what it came back to
                items.append(found)
                break
            if len(items) > MOST_ANCESTORS:
                unread.append(f"{items[0].key} has more than {MOST_ANCESTORS} parents in Jira")
                break
            seen |= {wanted, found.key}
            items.append(found)
            wanted = issue.parent if issue else None
        return ItemChain(items=tuple(items), unread=tuple(unread))

    def details(self, item: WorkItem) -> WorkItem:
        """Return the item with all of its facts and its history.

        Its reference stays, unless it has another key by now. Without a resolution ``closed_at``
        is when it came into a status of category done.
        Raises SourceError where it cannot be read, DeadlineExceeded where no time is left.
        """
        site = self._site()
        path = _issue_path(site, item.key)
        expand = {} if site.cloud else {"expand": "changelog"}
        answer = self._client.get(path, f"{item.key} of Jira", fields=self._fields(), **expand)
        issue = parse_issue(answer, site, epic_link=self._epic_link())
        if site.cloud:
            what = f"the history of {item.key}"
            changelog = self._client.list_by_position(f"{path}/changelog", "values", what)
        else:
            changelog = _whole_changelog(answer)
        what = f"the comments of {item.key}"
        comments = self._client.list_by_position(f"{path}/comment", "comments", what)
        history = parse_history(issue, changelog.items, comments.items, self._statuses())
        read = issue.item
        return replace(
            read,
            reference=item.reference if read.key == item.key else read.reference,
            closed_at=read.closed_at or (last_closing(history) if read.state == "closed" else None),
            comments=len(comments.items),
            history=history,
            history_complete=changelog.complete and comments.complete,
        )

    def children(self, item: WorkItem) -> Items:
        """Return the items whose parent this one is, without their histories.

        Raises DeadlineExceeded where no time is left.
        """
        unread: list[str] = []
        try:
            key = _safe_key(item.key)
            clauses = [f"parent = {key}", *(f"cf[{n}] = {key}" for n in self._epic_link_numbers())]
            found = self._search(" OR ".join(clauses), f"what is below {key}", unread)
        except SourceError as error:
            return Items(unread=(str(error),))
        return Items(items=tuple(found), unread=tuple(unread))

    def changed_since(self, instant: datetime) -> Items:
        """Return the items of the configured projects that were closed since then, without history.

        Raises DeadlineExceeded where no time is left.
        """
        unread: list[str] = []
        try:
            jql = self._closed_since(instant)
            found = self._search(jql, "what was closed lately", unread)
        except SourceError as error:
            return Items(unread=(str(error),))
        dated = [self._with_closing(item, unread) for item in found]
        late = (item for item in dated if item.closed_at is None or item.closed_at >= instant)
        return Items(items=tuple(late), unread=tuple(unread))

    def status_categories(self) -> dict[str, StatusCategory]:
        """Return what each status of the site means, by its name.

        Raises SourceError where they cannot be read, DeadlineExceeded where no time is left.
        """
        return dict(self._statuses().by_name)

    def _issue(self, key: str, unread: list[str]) -> Issue | None:
        try:
            site = self._site()
            path = _issue_path(site, key)
            answer = self._client.get(path, f"{key} of Jira", fields=self._fields())
            return parse_issue(answer, site, epic_link=self._epic_link())
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
            unread.append(f"Jira's list of {what} was not read to its end")
        items = [_parsed(each, site, what, unread) for each in listing.items]
        # An issue that changes while the pages are read may stand on two of them.
        return list({item.key: item for item in items if item}.values())

    def _closed_since(self, instant: datetime) -> str:
        """Relative times, since Jira reads all others in the time zone of the token's owner."""
        minutes = max(0, -(-(self._clock.now() - instant + _MARGIN) // _MINUTE))
        closed = (
            f'(resolved >= "-{minutes}m" OR (statusCategory = Done AND resolution IS EMPTY AND '
            f'status CHANGED AFTER "-{minutes}m"))'
        )
        if not self._settings.projects:
            return closed
        projects = ", ".join(_quoted(project) for project in sorted(self._settings.projects))
        return f"project IN ({projects}) AND {closed}"

    def _with_closing(self, item: WorkItem, unread: list[str]) -> WorkItem:
        """Data Center tells in the history alone when an item without resolution was closed."""
        if item.closed_at is not None:
            return item
        try:
            return replace(item, closed_at=self.details(item).closed_at)
        except SourceError as error:
            unread.append(f"{item.key}: {error}")
            return item

    def _site(self) -> Site:
        if self._known_site is None:
            url = self._settings.url.rstrip("/")
            if (urlsplit(url).hostname or "").endswith(_CLOUD):
                self._known_site = Site(cloud=True, pages=url)
            else:
                info = self._client.get("/rest/api/2/serverInfo", "information on the server")
                self._known_site = parse_site(info, url)
        return self._known_site

    def _statuses(self) -> Statuses:
        if self._known_statuses is None:
            answer = self._client.get(f"{self._site().api}/status", "the statuses")
            self._known_statuses = parse_statuses(answer)
        return self._known_statuses

    def _epic_link(self) -> str | None:
        """The field that names an issue's epic: on Data Center ``parent`` is for sub-tasks only.

        On Cloud ``parent`` has taken its place:
        https://community.developer.atlassian.com/t/54048
        """
        if self._site().cloud:
            return None
        if self._known_epic_link is None:
            fields = self._client.get(f"{self._site().api}/field", "the fields")
            self._known_epic_link = (parse_epic_link(fields),)
        return self._known_epic_link[0]

    def _epic_link_numbers(self) -> list[str]:
        number = (self._epic_link() or "").removeprefix("customfield_")
        return [number] if number.isascii() and number.isdigit() else []

    def _fields(self) -> str:
        return ",".join((*FIELDS, *filter(None, [self._epic_link()])))


def _parsed(issue: Any, site: Site, what: str, unread: list[str]) -> WorkItem | None:
    try:
        return parse_issue(issue, site).item
    except PayloadError as error:
        unread.append(f"{what}: {error}")
        return None


def _issue_path(site: Site, key: str) -> str:
    return f"{site.api}/issue/{_safe_key(key)}"


def _safe_key(key: str) -> str:
    """The key, which goes into paths and searches: nothing else may."""
    found = item_key(key)
    if found is None:
        shown = "".join(c if c.isprintable() else " " for c in key)[:40]
        raise NotFoundError(f"{shown} is no key of Jira: these look like ACME-42")
    return found


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _whole_changelog(answer: Any) -> Listing:
    changelog = take.child(answer, "changelog") if isinstance(answer, dict) else {}
    histories = tuple(take.children(changelog, "histories"))
    total = take.number(changelog, "total") or 0
    return Listing(histories, complete=len(histories) >= total)
