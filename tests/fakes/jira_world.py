"""A small world of Jira issues, in the words of those who work with them.

    world = JiraWorld()
    world.issue("ACME-42", type="Epic")
    story = world.issue("ACME-57", parent="ACME-42")
    story.move("Done", at="2026-11-24T03:43:00Z", resolution="Done")

Whoever changes nothing about it gets people, statuses and times that fit together.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

Json = dict[str, Any]

STATUSES = {
    "To Do": ("10000", "new"),
    "In Progress": ("3", "indeterminate"),
    "In Review": ("10001", "indeterminate"),
    "Done": ("10002", "done"),
    "Rejected": ("10003", "done"),
}
# Sub-tasks, stories, epics and what stands above, as Jira counts.
LEVELS = {"Sub-task": -1, "Story": 0, "Task": 0, "Bug": 0, "Epic": 1, "Initiative": 2}
BEFORE_ITS_ENTRY = timedelta(milliseconds=62)
EPIC_LINK = "customfield_10008"
FLAGGED = "customfield_10021"
TEAM = "customfield_10001"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody; `name` is the user name of Data Center, `display` what Cloud shows."""

    name: str
    display: str
    app: bool = False

    @property
    def account(self) -> str:
        """The account id of Cloud."""
        return f"5b10a2844c20165700ede-{self.name}"

    @property
    def key(self) -> str:
        """The user key of Data Center."""
        return f"JIRAUSER-{self.name}"


MONA = Person("mona", "Mona Lisa")
OLAF = Person("olaf", "Olaf Octo")
ROBOT = Person("automation", "Automation for Jira", app=True)


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a changelog entry: `before` and `after` are pairs of id and name."""

    field: str
    before: tuple[str | None, str | None]
    after: tuple[str | None, str | None]
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a changelog."""

    id: int
    at: datetime
    by: Person
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; its text is the same everywhere, so that tests can look for it."""

    id: int
    at: datetime
    by: Person


@dataclass(slots=True, kw_only=True)
class Issue:
    """An issue; its methods change it as people do, each leaving an entry in its changelog."""

    key: str
    type: str
    summary: str
    created: datetime
    reporter: Person
    parent: str | None
    status: str
    ids: count[int]
    resolution: str | None = None
    resolved_at: datetime | None = None
    category_changed_at: datetime | None = None
    assignee: Person | None = None
    labels: tuple[str, ...] = ()
    entries: list[Entry] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    old_keys: list[str] = field(default_factory=list)
    hidden: bool = False
    flagged: bool = False
    blockers: list[Issue] = field(default_factory=list)
    components: tuple[str, ...] = ()
    priority: str = "Medium"
    team: str = ""

    @property
    def project(self) -> str:
        """The project's key."""
        return self.key.rpartition("-")[0]

    @property
    def number(self) -> int:
        """A number for ids that are nowhere the key."""
        return 10000 + int(self.key.rpartition("-")[2])

    @property
    def category(self) -> str:
        """The key of the status's category."""
        return STATUSES[self.status][1]

    def move(
        self,
        status: str,
        *,
        at: str | datetime,
        by: Person = MONA,
        resolution: str | None = None,
    ) -> Issue:
        """Change the status; and with it the resolution where one is given, or cleared by ""."""
        when = moment(at)
        changes = [Change("status", self._status_pair(self.status), self._status_pair(status))]
        if STATUSES[status][1] != self.category:
            self.category_changed_at = when
        self.status = status
        if resolution is not None:
            changes.append(self._resolve(resolution or None, when))
        return self._enter(when, by, *changes)

    def resolve(self, resolution: str | None, *, at: str | datetime, by: Person = MONA) -> Issue:
        """Set or clear the resolution alone."""
        return self._enter(moment(at), by, self._resolve(resolution, moment(at)))

    def assign(self, person: Person | None, *, at: str | datetime, by: Person = MONA) -> Issue:
        """Give the issue to somebody, or to nobody."""
        before, self.assignee = self.assignee, person
        return self._enter(moment(at), by, Change("assignee", _person(before), _person(person)))

    def label(self, *labels: str, at: str | datetime, by: Person = MONA) -> Issue:
        """Set the labels to these."""
        before, self.labels = self.labels, labels
        pairs = [(None, " ".join(each)) for each in (before, labels)]
        return self._enter(moment(at), by, Change("labels", pairs[0], pairs[1]))

    def flag(self, flagged: bool = True, *, at: str | datetime, by: Person = MONA) -> Issue:
        """Mark the issue as impeded, or no longer."""
        self.flagged = flagged
        pairs = [(None, ""), ("[10019]", "Impediment")]
        before, after = pairs if flagged else reversed(pairs)
        return self._enter(moment(at), by, Change("Flagged", before, after, custom=True))

    def block(self, blocker: Issue, *, at: str | datetime, by: Person = MONA) -> Issue:
        """Link the issue as blocked by another one."""
        self.blockers.append(blocker)
        text = f"This issue is blocked by {blocker.key}"
        return self._enter(moment(at), by, Change("Link", (None, None), (blocker.key, text)))

    def unblock(self, blocker: Issue, *, at: str | datetime, by: Person = MONA) -> Issue:
        """Remove that link."""
        self.blockers.remove(blocker)
        text = f"This issue is blocked by {blocker.key}"
        return self._enter(moment(at), by, Change("Link", (blocker.key, text), (None, None)))

    def change(self, *changes: Change, at: str | datetime, by: Person = MONA) -> Issue:
        """Leave any other entry in the changelog."""
        return self._enter(moment(at), by, *changes)

    def comment(self, *, at: str | datetime, by: Person = MONA) -> Issue:
        """Say something about the issue."""
        self.comments.append(Comment(next(self.ids), moment(at), by))
        return self

    def rename(self, key: str, *, at: str | datetime, by: Person = MONA) -> Issue:
        """Move the issue to where it has another key; the old one goes on to lead to it."""
        before, self.key = self.key, key
        self.old_keys.append(before)
        return self._enter(moment(at), by, Change("Key", (None, before), (None, key)))

    def as_of_now(self) -> Issue:
        """Return a copy that later changes leave alone."""
        return replace(self, entries=[*self.entries], comments=[*self.comments])

    def _resolve(self, resolution: str | None, when: datetime) -> Change:
        before, self.resolution = self.resolution, resolution
        # Jira's own time of a resolution is 25 to 119 ms before the entry that sets it.
        self.resolved_at = when - BEFORE_ITS_ENTRY if resolution else None
        return Change("resolution", _resolution_pair(before), _resolution_pair(resolution))

    def _status_pair(self, status: str) -> tuple[str, str]:
        return STATUSES[status][0], status

    def _enter(self, when: datetime, by: Person, *changes: Change) -> Issue:
        self.entries.append(Entry(next(self.ids), when, by, changes))
        return self


class JiraWorld:
    """All the issues of one Jira."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        # The names of the account's language, by the English ones.
        self.translations: dict[str, str] = {}
        self._ids = count(20001)

    def issue(
        self,
        key: str,
        *,
        type: str = "Story",  # noqa: A002 - Jira's word
        summary: str | None = None,
        parent: str | None = None,
        status: str = "To Do",
        created: str | datetime = "2026-11-01T08:00:00Z",
        reporter: Person = MONA,
        resolution: str | None = None,
        flagged: bool = False,
        hidden: bool = False,
    ) -> Issue:
        """Add an issue; one that is `hidden` exists, but not for whoever asks.

        Its changelog lacks what it was created with, as that of an import does.
        """
        made = Issue(
            key=key,
            type=type,
            summary=summary or f"{type} {key}",
            created=moment(created),
            reporter=reporter,
            parent=parent,
            status=status,
            ids=self._ids,
            resolution=resolution,
            resolved_at=moment(created) if resolution else None,
            flagged=flagged,
            hidden=hidden,
        )
        self.issues.append(made)
        return made

    def put(self, issue: Issue) -> Issue:
        """Add an issue as it is, or replace the one of that key."""
        self.issues = [each for each in self.issues if each.key != issue.key] + [issue]
        return issue

    def find(self, key: str) -> Issue | None:
        """Return the visible issue of a key, or of one that it had, in either case of letters."""
        wanted = key.upper()
        for issue in self.issues:
            if wanted in (issue.key, *issue.old_keys) and not issue.hidden:
                return issue
        return None

    def any_issue(self, key: str) -> Issue | None:
        """Return the issue of a key, hidden ones too."""
        return next((issue for issue in self.issues if issue.key == key), None)


def moment(time: str | datetime) -> datetime:
    """Return an aware time, from ISO text too."""
    if isinstance(time, datetime):
        return time
    return datetime.fromisoformat(time.replace("Z", "+00:00"))


def _person(person: Person | None) -> tuple[str | None, str | None]:
    """Data Center's ids; the answers turn them into Cloud's where that is asked."""
    return (person.key, person.display) if person else (None, None)


def _resolution_pair(resolution: str | None) -> tuple[str | None, str | None]:
    return ("10000", resolution) if resolution else (None, None)
