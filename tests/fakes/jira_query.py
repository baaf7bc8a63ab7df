"""The part of Jira's query language that this project uses, over a world of issues.

What it does not know is an error of 400, as Jira answers to a query that it cannot read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.fakes.jira_world import EPIC_LINK, STATUSES, Issue, JiraWorld

Matches = Callable[[Issue], bool]

_ORDER = " ORDER BY created ASC, key ASC"
_TOKEN = re.compile(r'\s*("[^"]*"|[()]|>=|=|,|[^\s()=,">]+)')


class QueryError(Exception):
    """Jira cannot read the query, or it names what does not exist; the text is Jira's word."""


def search(world: JiraWorld, jql: str, *, cloud: bool, now: datetime) -> list[Issue]:
    """Return the visible issues that a query finds, oldest first (QueryError: a bad query)."""
    if not jql.endswith(_ORDER):
        raise QueryError("Expecting ORDER BY created ASC, key ASC")
    matches = _Reader(world, jql.removesuffix(_ORDER), cloud=cloud, now=now).whole()
    found = (issue for issue in world.issues if not issue.hidden and matches(issue))
    return sorted(found, key=lambda issue: (issue.created, issue.number))


class _Reader:
    """A recursive descent over: or ← and ← ( … ) | clause."""

    def __init__(self, world: JiraWorld, jql: str, *, cloud: bool, now: datetime) -> None:
        self._world = world
        self._cloud = cloud
        self._now = now
        self._tokens = [match[1] for match in _TOKEN.finditer(jql)]

    def whole(self) -> Matches:
        matches = self._either()
        if self._tokens:
            raise QueryError(f"Error in the JQL Query: '{self._tokens[0]}' is not expected here")
        return matches

    def _either(self) -> Matches:
        parts = [self._both()]
        while self._accept("OR"):
            parts.append(self._both())
        return lambda issue: any(part(issue) for part in parts)

    def _both(self) -> Matches:
        parts = [self._one()]
        while self._accept("AND"):
            parts.append(self._one())
        return lambda issue: all(part(issue) for part in parts)

    def _one(self) -> Matches:
        if self._accept("("):
            inner = self._either()
            self._expect(")")
            return inner
        name = self._next()
        readers = {
            "parent": self._parent,
            "project": self._project,
            "resolved": self._resolved,
            "resolution": self._resolution,
            "status": self._status,
            "statusCategory": self._done,
        }
        if not self._cloud:
            readers[f"cf[{EPIC_LINK.removeprefix('customfield_')}]"] = self._epic
        if name not in readers:
            raise QueryError(f"Field '{name}' does not exist or you do not have permission")
        return readers[name]()

    def _parent(self) -> Matches:
        key = self._key("parent")
        return lambda issue: issue.parent == key and (self._cloud or issue.type == "Sub-task")

    def _epic(self) -> Matches:
        key = self._key("Epic Link")
        return lambda issue: issue.parent == key and issue.type != "Sub-task"

    def _key(self, name: str) -> str:
        self._expect("=")
        issue = self._world.find(self._next())
        if issue is None:
            raise QueryError(f"The issue key for field '{name}' is invalid or does not exist.")
        return issue.key

    def _project(self) -> Matches:
        self._expect("IN", "(")
        projects = {self._next().strip('"')}
        while self._accept(","):
            projects.add(self._next().strip('"'))
        self._expect(")")
        for project in projects - {issue.project for issue in self._world.issues}:
            raise QueryError(f"The value '{project}' does not exist for the field 'project'.")
        return lambda issue: issue.project in projects

    def _resolved(self) -> Matches:
        self._expect(">=")
        since = self._relative()
        return lambda issue: issue.resolved_at is not None and issue.resolved_at >= since

    def _resolution(self) -> Matches:
        if not self._accept("IS"):
            return self._changed("resolution")
        self._expect("EMPTY")
        return lambda issue: issue.resolution is None

    def _status(self) -> Matches:
        if not self._accept("NOT"):
            return self._changed("status")
        self._expect("IN")
        left_out = self._ids()
        return lambda issue: STATUSES[issue.status][0] not in left_out

    def _done(self) -> Matches:
        self._expect("=", "Done")
        return lambda issue: issue.category == "done"

    def _changed(self, field: str) -> Matches:
        """`CHANGED [FROM (IDS)] [TO (IDS)] AFTER TIME`."""
        self._expect("CHANGED")
        before = self._ids() if self._accept("FROM") else None
        after = self._ids() if self._accept("TO") else None
        self._expect("AFTER")
        since = self._relative()
        return lambda issue: any(
            change.field == field
            and entry.at > since
            and (before is None or change.before[0] in before)
            and (after is None or change.after[0] in after)
            for entry in issue.entries
            for change in entry.changes
        )

    def _ids(self) -> set[str]:
        self._expect("(")
        ids = {self._next()}
        while self._accept(","):
            ids.add(self._next())
        self._expect(")")
        return ids

    def _relative(self) -> datetime:
        token = self._next()
        match = re.fullmatch(r'"-([0-9]+)m"', token)
        if match is None:
            raise QueryError(f"Date value {token} is invalid. Valid formats include: '-5d'")
        return self._now - timedelta(minutes=int(match[1]))

    def _next(self) -> str:
        if not self._tokens:
            raise QueryError("Error in the JQL Query: it ends too early")
        return self._tokens.pop(0)

    def _accept(self, token: str) -> bool:
        if self._tokens[:1] == [token]:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, *tokens: str) -> None:
        for token in tokens:
            found = self._next()
            if found != token:
                raise QueryError(f"Error in the JQL Query: expecting '{token}' but got '{found}'")
