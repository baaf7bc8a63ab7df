"""Keys of work items as people write them, and the flow references that they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flow_telemetry import identity

_JIRA = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[0-9]+")
_GITHUB = re.compile(r"(?:([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?#|[Gg][Hh]-)?([1-9][0-9]{0,18})")
_OTHER = re.compile(r"[A-Za-z0-9._-]+/\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKey:
    """A key given by hand: the tracker that it is of, and the key there.

    ``repository`` is set for a GitHub issue of another repository than the run's.
    """

    tracker: str
    key: str
    repository: str | None = None

    def reference(self, *, host: str, repository: str) -> str:
        """Return the flow reference; ``host`` and ``repository`` are those of the run."""
        if self.tracker == "github":
            home = identity.repository_reference(host, self.repository or repository)
            return identity.github_issue_reference(home, int(self.key))
        if self.tracker == "jira":
            return identity.jira_reference(self.key)
        return identity.tracker_reference(self.tracker, self.key)

    def display(self, repository: str) -> str:
        """Return the key as attributes and people read it: ``ACME-42``, ``acme/shop#17``."""
        if self.tracker == "github":
            return identity.fold(f"{self.repository or repository}#{self.key}")
        return identity.upper(self.key) if self.tracker == "jira" else self.key


def parse_item_key(text: str) -> ItemKey:
    """Return the key that a text writes.

    ``ACME-42`` is Jira's, ``17``, ``#17``, ``GH-17`` and ``acme/shop#17`` are GitHub's, and
    ``tracker/key`` is of any tracker.

    Raises:
        ValueError: it is none of these.
    """
    value = text.strip()
    tracker, _, key = value.partition("/")
    found = _github_key(value) or _jira_key(value)
    if found is None and identity.fold(tracker) in _KNOWN:
        found = _KNOWN[identity.fold(tracker)](key)
    elif found is None and _OTHER.fullmatch(value) and value.isprintable():
        found = ItemKey(tracker=tracker, key=key)
    if found is None:
        raise ValueError(
            "write ACME-42 (Jira), 17, #17, GH-17 or acme/shop#17 (GitHub), or tracker/key"
        )
    return found


def _github_key(text: str) -> ItemKey | None:
    match = _GITHUB.fullmatch(text)
    if match is None:
        return None
    return ItemKey(tracker="github", key=match.group(2), repository=match.group(1))


def _jira_key(text: str) -> ItemKey | None:
    return ItemKey(tracker="jira", key=identity.upper(text)) if _JIRA.fullmatch(text) else None


# Trackers whose keys have a form, which holds where the tracker is named too.
_KNOWN = {"github": _github_key, "jira": _jira_key}
