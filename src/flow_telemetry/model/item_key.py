"""Keys of work items as people write them, and their flow references."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flow_telemetry import identity

_JIRA = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[0-9]+")
_GITHUB = re.compile(r"(?:([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?#|[Gg][Hh]-)?([1-9][0-9]{0,18})")
_OTHER = re.compile(r"[A-Za-z0-9._-]+/\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKey:
    """A key that a person wrote: the tracker, and the key in it.

    ``repository`` is set for a GitHub issue of a repository other than the run's.
    """

    tracker: str
    key: str
    repository: str | None = None

    def reference(self, *, host: str, repository: str) -> str:
        """Return the flow reference; ``host`` and ``repository`` are those of the run."""
        if self.tracker == "github":
            issues_of = identity.repository_reference(host, self.repository or repository)
            return identity.github_issue_reference(issues_of, int(self.key))
        if self.tracker == "jira":
            return identity.jira_reference(self.key)
        return identity.tracker_reference(self.tracker, self.key)

    def display(self, repository: str) -> str:
        """Return the key for attributes and people: ``ACME-42``, ``acme/shop#17``."""
        if self.tracker == "github":
            return identity.fold(f"{self.repository or repository}#{self.key}")
        return identity.upper(self.key) if self.tracker == "jira" else self.key


def parse_item_key(text: str) -> ItemKey:
    """Parse a key: of Jira, of GitHub, or of any tracker as ``tracker/key``.

    Raises:
        ValueError: the text is not a key; the message lists the forms.
    """
    value = text.strip()
    tracker, _, key = value.partition("/")
    item_key = _github_key(value) or _jira_key(value)
    if item_key is None and identity.fold(tracker) in _PARSERS:
        item_key = _PARSERS[identity.fold(tracker)](key)
    elif item_key is None and _OTHER.fullmatch(value) and value.isprintable():
        item_key = ItemKey(tracker=tracker, key=key)
    if item_key is None:
        raise ValueError(
            "write ACME-42 (Jira), 17, #17, GH-17 or acme/shop#17 (GitHub), or tracker/key"
        )
    return item_key


def _github_key(text: str) -> ItemKey | None:
    match = _GITHUB.fullmatch(text)
    if match is None:
        return None
    return ItemKey(tracker="github", key=match.group(2), repository=match.group(1))


def _jira_key(text: str) -> ItemKey | None:
    return ItemKey(tracker="jira", key=identity.upper(text)) if _JIRA.fullmatch(text) else None


# Trackers whose keys have a fixed form, which also applies after the tracker's name.
_PARSERS = {"github": _github_key, "jira": _jira_key}
