"""Which Jira to read, and with what credentials."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraSettings:
    """A Jira site; the token is in no representation.

    ``url`` is its base URL (`https://acme.atlassian.net`, `https://jira.example.com/jira`). With
    ``email`` the token is an API token of that Atlassian account, without it a personal access
    token of Data Center. No token: what everybody may see. ``projects`` are project keys, in
    upper case; empty for all that the token sees. ``authorities`` is the file or folder with those
    that are trusted in place of the usual ones; empty for these.
    """

    url: str
    email: str = ""
    token: str = field(default="", repr=False)
    projects: frozenset[str] = frozenset()
    authorities: str = ""
