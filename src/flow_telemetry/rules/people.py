"""A person as the user wants people shown (input `actors`), the same in telemetry and in views."""

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
_REDACTED = "***"
_ABOUT_PEOPLE = (
    EventKind.ASSIGNED,
    EventKind.UNASSIGNED,
    EventKind.REVIEW_REQUESTED,
    EventKind.REVIEW_REQUEST_REMOVED,
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# What a name stands between. In prose `jane-smith` is another than `jane`; branches are made of
# names and words, such as `jane-patch-1`, which GitHub's editor proposes.
_IN_PROSE = (r"(?<![\w-])", r"(?=-patch-\d|(?![\w-]))")
_IN_BRANCHES = (r"(?<![^\W_])", r"(?![^\W_])")
_ABOUT_BRANCHES = re.compile(
    r"\bMerge (?:pull request|(?:remote-tracking )?branch)\b.*|(?:\brefs/heads|/tree)/\S+"
)
# GitHub's logins; `@acme/shop` is a team or the scope of a package.
_MENTION = re.compile(r"(?<![\w/.@+-])@([A-Za-z0-9][A-Za-z0-9-]{0,38})(?![\w/-])")


def shown(login: str, actors: Actors) -> str | None:
    """Return the login, a hash of it, or None if people are not to be named."""
    if actors is Actors.NONE:
        return None
    return hashed(login) if actors is Actors.HASH else login


def hashed(login: str) -> str:
    """Return 16 hexadecimal digits: the same for a login each time, and of no meaning."""
    return sha256(login.encode(errors="replace")).hexdigest()[:_HASH_DIGITS]


@dataclass(slots=True)
class People:
    """The people who took part, and the redaction of their names in texts.

    ``actors`` is what the user wants. Repositories are named as they are, also by their owners.
    """

    actors: Actors
    _known: dict[str, str] = field(default_factory=dict)
    _in_prose: re.Pattern[str] | None = None
    _in_branches: re.Pattern[str] | None = None

    def meet(self, record: object) -> None:
        """Remember everybody who is in a record, such as a run or a pull request."""
        if self.actors is Actors.LOGIN:
            return
        owners = {each.owner.lower() for each in _all(record, Repository)}
        for login in _logins(record):
            if login and login.lower() not in owners:
                self._known[login.lower()] = login
        self._in_prose = _any_of(self._known, *_IN_PROSE)
        self._in_branches = _any_of(self._known, *_IN_BRANCHES)

    def text(self, text: str) -> str:
        """Return what somebody wrote, such as a title, with no more of people than wanted.

        Replaces known people, mentions with an @, and e-mail addresses.
        """
        if self._in_branches is not None:
            text = _ABOUT_BRANCHES.sub(lambda found: self.branch(found[0]), text)
        return self._without(text, self._in_prose)

    def branch(self, name: str) -> str:
        """Return the name of a branch with no more of people than wanted.

        As `text` has it, but known people also where a hyphen or an underscore joins them to what
        else the name is made of.
        """
        return self._without(name, self._in_branches)

    def _without(self, text: str, known: re.Pattern[str] | None) -> str:
        if self.actors is Actors.LOGIN:
            return text
        if "@" in text:
            text = _ADDRESS.sub(_REDACTED, text)
            text = _MENTION.sub(lambda found: "@" + self._name(found[1]), text)
        return text if known is None else known.sub(lambda found: self._name(found[0]), text)

    def _name(self, name: str) -> str:
        return shown(self._known.get(name.lower(), name), self.actors) or _REDACTED


def _any_of(names: Iterable[str], before: str, after: str) -> re.Pattern[str] | None:
    """Return a pattern for names, the longest first, between borders; None without names."""
    either = "|".join(map(re.escape, sorted(names, key=lambda each: (-len(each), each))))
    return re.compile(rf"{before}(?:{either}){after}", re.IGNORECASE) if either else None


def _logins(record: object) -> Iterator[str]:
    yield from (actor.login for actor in _all(record, Actor))
    yield from (login for item in _all(record, WorkItem) for login in item.assignees)
    yield from (e.subject for e in _all(record, Event) if e.kind in _ABOUT_PEOPLE)


def _all(value: Any, kind: type[Any]) -> Iterator[Any]:
    """Yield all records of a kind inside another; jobs and traces hold none."""
    if isinstance(value, kind):
        yield value
    if isinstance(value, tuple):
        for each in value:
            yield from _all(each, kind)
    elif is_dataclass(value) and not isinstance(value, (Enum, type)):
        for each in fields(value):
            content = getattr(value, each.name)
            if each.name not in ("jobs", "trace") and (
                is_dataclass(content) or isinstance(content, tuple)
            ):
                yield from _all(content, kind)


def texts_without(people: People, texts: Iterable[str]) -> tuple[str, ...]:
    """Return several texts as `People.text` has them."""
    return tuple(people.text(each) for each in texts)
