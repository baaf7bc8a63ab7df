"""Names of people: login, hash or nothing (setting `actors`), in telemetry and in reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from hashlib import sha256
from typing import Any

from flow_telemetry.model import Actor, Event, EventKind, Repository, WorkItem
from flow_telemetry.settings import Actors

_HASH_DIGITS = 16
_REMOVED = "***"
_EVENTS_ABOUT_PEOPLE = (
    EventKind.ASSIGNED,
    EventKind.UNASSIGNED,
    EventKind.REVIEW_REQUESTED,
    EventKind.REVIEW_REQUEST_REMOVED,
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# The borders of a name. In prose, `jane-smith` is not `jane`. Branches are made of names and words,
# such as `jane-patch-1`, which GitHub's editor proposes.
_IN_PROSE = (r"(?<![\w-])", r"(?=-patch-\d|(?![\w-]))")
_IN_BRANCHES = (r"(?<![^\W_])", r"(?![^\W_])")
_BRANCH_NAMES = re.compile(
    r"\bMerge (?:pull request|(?:remote-tracking )?branch)\b.*|(?:\brefs/heads|/tree)/\S+"
)
# A login of GitHub; `@acme/shop` is a team or the scope of a package.
_MENTION = re.compile(r"(?<![\w/.@+-])@([A-Za-z0-9][A-Za-z0-9-]{0,38})(?![\w/-])")


def format_login(login: str, actors: Actors) -> str | None:
    """Return the login, a hash of it, or None if people are not shown."""
    if actors is Actors.NONE:
        return None
    return hash_login(login) if actors is Actors.HASH else login


def hash_login(login: str) -> str:
    """Return 16 hexadecimal digits, always the same for a login."""
    return sha256(login.encode(errors="replace")).hexdigest()[:_HASH_DIGITS]


@dataclass(slots=True)
class People:
    """The people in the exported records, and the replacement of their names in texts.

    The names of owners of repositories are not replaced.
    """

    actors: Actors
    _known: dict[str, str] = field(default_factory=dict)
    _in_prose: re.Pattern[str] | None = None
    _in_branches: re.Pattern[str] | None = None

    def meet(self, record: object) -> None:
        """Remember all people in a record, such as a run or a pull request."""
        if self.actors is Actors.LOGIN:
            return
        owners = {repository.owner.lower() for repository in _find_records(record, Repository)}
        logins = [actor.login for actor in _find_records(record, Actor)]
        for item in _find_records(record, WorkItem):
            logins += item.assignees
        for event in _find_records(record, Event):
            if event.kind in _EVENTS_ABOUT_PEOPLE:
                logins.append(event.subject)
        for login in logins:
            if login and login.lower() not in owners:
                self._known[login.lower()] = login
        self._in_prose = _compile_names(self._known, *_IN_PROSE)
        self._in_branches = _compile_names(self._known, *_IN_BRANCHES)

    def text(self, text: str) -> str:
        """Return a text that a person wrote, such as a title, with names of people replaced.

        These are the remembered people, logins after an @, and e-mail addresses.
        """
        if self._in_branches is not None:
            text = _BRANCH_NAMES.sub(lambda match: self.branch(match[0]), text)
        return self._hide(text, self._in_prose)

    def branch(self, name: str) -> str:
        """Return the name of a branch with names of people replaced, as by `text`.

        The remembered people are also found next to a hyphen or an underscore.
        """
        return self._hide(name, self._in_branches)

    def _hide(self, text: str, names: re.Pattern[str] | None) -> str:
        if self.actors is Actors.LOGIN:
            return text
        if "@" in text:
            text = _ADDRESS.sub(_REMOVED, text)
            text = _MENTION.sub(lambda match: "@" + self._replacement(match[1]), text)
        return text if names is None else names.sub(lambda m: self._replacement(m[0]), text)

    def _replacement(self, name: str) -> str:
        return format_login(self._known.get(name.lower(), name), self.actors) or _REMOVED


def _compile_names(names: Iterable[str], before: str, after: str) -> re.Pattern[str] | None:
    """Return a pattern of names between these borders, the longest first; None without names."""
    either = "|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name))))
    return re.compile(rf"{before}(?:{either}){after}", re.IGNORECASE) if either else None


def _find_records(value: Any, kind: type[Any]) -> Iterator[Any]:
    """Yield all records of a class within another record or a tuple of records."""
    if isinstance(value, kind):
        yield value
    if isinstance(value, tuple):
        for item in value:
            yield from _find_records(item, kind)
    elif is_dataclass(value) and not isinstance(value, (Enum, type)):
        # Jobs do not contain names of people, and there are many of them.
        for name in (f.name for f in fields(value) if f.name not in ("jobs", "trace")):
            child = getattr(value, name)
            if is_dataclass(child) or isinstance(child, tuple):
                yield from _find_records(child, kind)
