"""Flow references as people write them: with other case, or as an address of GitHub or Jira."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flow_telemetry import identity
from flow_telemetry.model.item_key import parse_item_key

_NUMBER = r"[1-9][0-9]{0,18}"
_HOST = r"(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::[0-9]{1,5})?"
# The path of an entity of GitHub below its repository, of which only the names have a case.
_ENTITY = (
    rf"pull/{_NUMBER}|issues/{_NUMBER}|deployments/{_NUMBER}"
    rf"|actions/runs/{_NUMBER}/(?:attempts/{_NUMBER}|job/{_NUMBER})"
)
_GITHUB = re.compile(
    rf"(?P<repository>{_HOST}/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+)/(?P<entity>{_ENTITY})"
)
# What an address of a browser has after the entity: tabs of a pull request, for example.
_GITHUB_PATH = re.compile(
    rf"/(?P<repository>[A-Za-z0-9._-]+/[A-Za-z0-9._-]+)/(?P<entity>{_ENTITY})(?:/.*)?"
)
_RUN_ALONE = re.compile(rf".*/actions/runs/{_NUMBER}/?")
_JIRA_PATH = re.compile(r".*/browse/(?P<key>[A-Za-z][A-Za-z0-9_]*-[0-9]+)/?")
_TRACKER = re.compile(r"[A-Za-z][A-Za-z0-9_-]*/[^\s/#]+")
# A part of an entity, as docs/reference/identity.md lists them.
_PART = re.compile(
    r"(?:queued|measured|(?:waiting|phase|step|status|blocked|life|event|log|test|exception):.+)"
)
_DELIVERS = "delivers:"
_TIME = re.compile(r"@\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FORMS = (
    "is not a flow reference: write github.com/acme/shop/pull/123, "
    "github.com/acme/shop/actions/runs/999/attempts/1 or jira/ACME-42, or the address of one. "
    "docs/reference/identity.md lists all forms"
)


def parse_reference(text: str) -> str:
    """Return the flow reference that a text names, in the case of references.

    Raises:
        ValueError: it names none; the text continues a sentence that begins with the value.
    """
    text = text.strip()
    if text.lower().startswith(("https://", "http://")):
        return _parse_address(text)
    entity, mark, part = text.partition("#")
    entity, at, time = entity.partition("@")
    if part.startswith(_DELIVERS):
        part = _DELIVERS + parse_reference(part.removeprefix(_DELIVERS))
    elif mark and not (_PART.fullmatch(part) and part.isprintable()):
        raise ValueError(_FORMS)
    if at and not _TIME.fullmatch(at + time):
        raise ValueError(_FORMS)
    return f"{_parse_entity(entity)}{at}{time}{mark}{part}"


def _parse_entity(text: str) -> str:
    match = _GITHUB.fullmatch(text)
    if match:
        return f"{identity.fold(match['repository'])}/{match['entity']}"
    if _RUN_ALONE.fullmatch(text):
        raise ValueError(
            f"names a run without its attempt, but each attempt has its own ids: write "
            f"{text.rstrip('/')}/attempts/1"
        )
    if "." not in text.partition("/")[0] and _TRACKER.fullmatch(text):
        tracker, _, key = text.partition("/")
        if identity.fold(tracker) == "jira":
            return _jira(key)
        if identity.fold(tracker) != "github":
            return text
    try:
        key_alone = parse_item_key(text)
    except ValueError:
        raise ValueError(_FORMS) from None
    if key_alone.tracker == "jira":
        return identity.jira_reference(key_alone.key)
    raise ValueError(_FORMS)


def _jira(key: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*-[0-9]+", key):
        raise ValueError(_FORMS)
    return identity.jira_reference(key)


def _parse_address(text: str) -> str:
    try:
        parts, host = urlsplit(text), identity.host_of(text)
    except ValueError:
        raise ValueError(_FORMS) from None
    if match := _JIRA_PATH.fullmatch(parts.path):
        return _jira(match["key"])
    if match := _GITHUB_PATH.fullmatch(parts.path):
        repository = identity.repository_reference(host, match["repository"])
        return f"{repository}/{match['entity']}"
    return _parse_entity(f"{host}{parts.path}")
