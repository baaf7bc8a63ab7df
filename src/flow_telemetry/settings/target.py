"""The input `target`: what to export, as people write it or copy it from a browser.

https://github.com/acme/shop/pull/7         a pull request; also an issue, a run, a repository
https://acme.atlassian.net/browse/ACME-42   an item of Jira
acme/shop                                   a repository
acme/shop#7, #7                             an issue or a pull request: `mode` tells which
16109234567                                 the id of a run
ACME-42, linear/ENG-7                       an item of a tracker
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import host_of
from flow_telemetry.model.item_key import ItemKey, parse_item_key
from flow_telemetry.settings import parse
from flow_telemetry.settings.model import Mode

_NAME = r"[A-Za-z0-9._-]+"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}")
_NUMBERED = re.compile(rf"(?P<repository>{_NAME}/{_NAME})?#(?P<number>[0-9]{{1,19}})")
_PATH = re.compile(
    rf"/(?P<repository>{_NAME}/{_NAME}?)(?:\.git)?(?:"
    r"/actions/runs/(?P<run>[0-9]{1,19})(?:/attempts/(?P<attempt>[0-9]{1,19}))?(?:/.*)?"
    r"|/(?P<kind>pull|issues)/(?P<number>[0-9]{1,19})(?:/.*)?)?/?"
)
_JIRA_PATH = re.compile(r"(?:/.*)?/browse/(?P<key>[A-Za-z][A-Za-z0-9_]*-[0-9]+)/?")
_FORMS = (
    "must be an address of GitHub or Jira, OWNER/NAME, OWNER/NAME#N, #N, the id of a run, or the "
    "key of an item"
)
_OF_ITEMS = (Mode.ITEM, Mode.FEATURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a text names; what it does not name is None, or an empty text.

    ``origin`` is scheme and host of an address. ``mode`` is that of an address whose path tells
    whether it is a pull request or an issue.
    """

    text: str
    repository: str | None = None
    run_id: int | None = None
    run_attempt: int | None = None
    number: int | None = None
    key: ItemKey | None = None
    mode: Mode | None = None
    origin: str = ""


def parse_target(text: str) -> Target:
    """Return what a text names; nothing for an empty one. A text `a/b` is a repository.

    Raises:
        ValueError: the text has none of the forms.
    """
    text = text.strip()
    if not text:
        return Target(text="")
    if text.startswith(("http://", "https://")):
        return _parse_address(text)
    if _REPOSITORY.fullmatch(text):
        return Target(text=text, repository=parse.repository(text))
    if text.isascii() and text.isdigit():
        return Target(text=text, run_id=parse.positive_integer(text))
    if match := _NUMBERED.fullmatch(text):
        repository = match["repository"]
        return Target(
            text=text,
            repository=None if repository is None else parse.repository(repository),
            number=parse.positive_integer(match["number"]),
        )
    try:
        return Target(text=text, key=parse_item_key(text))
    except ValueError:
        raise ValueError(f"{_FORMS}, not {parse.shown(text)}") from None


def _parse_address(text: str) -> Target:
    parse.url(text, "https://github.com/acme/shop/pull/7")
    parts = urlsplit(text)
    origin = parse.origin(text)
    if match := _JIRA_PATH.fullmatch(parts.path):
        return Target(text=text, key=parse_item_key(match["key"]), mode=Mode.ITEM, origin=origin)
    match = _PATH.fullmatch(parts.path)
    if match is None:
        raise ValueError(f"{_FORMS}; the path of its address is none of these")
    run, attempt, number = match["run"], match["attempt"], match["number"]
    modes = {"pull": Mode.CHANGE, "issues": Mode.ITEM}
    return Target(
        text=text,
        repository=parse.repository(match["repository"]),
        run_id=None if run is None else parse.positive_integer(run),
        run_attempt=None if attempt is None else parse.positive_integer(attempt),
        number=None if number is None else parse.positive_integer(number),
        mode=modes.get(match["kind"] or ""),
        origin=origin,
    )


def resolve_target(target: Target, mode: Mode, *, server: str, jira: str) -> tuple[Target, Mode]:
    """Return the target with the key that ``mode`` needs, and the mode that it gives itself.

    ``server`` and ``jira`` are the addresses of GitHub and Jira; the latter is empty without one.

    Raises:
        SettingsError: the address is of another host, or the mode cannot export such a thing.
    """
    _check_origin(target, server, jira)
    if mode is Mode.AUTO and target.mode is not None:
        mode = target.mode
    elif mode is Mode.AUTO and target.key is not None:
        mode = Mode.ITEM
    if mode in _OF_ITEMS:
        return _with_key(target, mode), mode
    fits = {
        Mode.AUTO: target.number is None,
        Mode.RUN: target.number is None and target.key is None,
        Mode.CHANGE: target.run_id is None and target.key is None and target.mode is not Mode.ITEM,
    }
    only_repository = target.run_id is None and target.number is None and target.key is None
    if not fits.get(mode, only_repository):
        raise SettingsError(_mismatch(target, mode))
    return target, mode


def _check_origin(target: Target, server: str, jira: str) -> None:
    if not target.origin:
        return
    of_jira = target.key is not None
    expected = jira if of_jira else server
    # The scheme does not count: the server is read at its own address.
    if expected and host_of(target.origin) != host_of(expected):
        setting = "jira-url" if of_jira else "GITHUB_SERVER_URL"
        raise SettingsError(
            f"`target` is an address of {target.origin}, but {setting} is "
            f"{parse.origin(expected)}. Name something of that server"
        )


def _with_key(target: Target, mode: Mode) -> Target:
    """The target with the key of an item; `a/b` is the item b of the tracker a."""
    key = target.key
    if target.number is not None:
        key = ItemKey(tracker="github", key=str(target.number), repository=target.repository)
    elif target.repository and not target.origin:
        key = parse_item_key(target.text)
    is_wrong = target.run_id is not None or target.mode is Mode.CHANGE
    if is_wrong or (key is None and target.text):
        raise SettingsError(_mismatch(target, mode))
    # The repository of a key is in it; the run's stays that of the workflow.
    return Target(text=target.text, key=key, mode=target.mode, origin=target.origin)


def _mismatch(target: Target, mode: Mode) -> str:
    text = parse.shown(target.text)
    if mode is Mode.AUTO:
        return (
            f"`target` is {text}, which may be an issue or a pull request: set `mode` to change, "
            "item or feature"
        )
    forms = {
        Mode.RUN: "the id or address of a run",
        Mode.CHANGE: "#N, OWNER/NAME#N or the address of a pull request",
        Mode.ITEM: "the key or address of an item, such as ACME-42 or #17",
        Mode.FEATURE: "the key or address of a feature, such as ACME-42 or #17",
    }
    wanted = forms.get(mode, "a repository")
    return f"`target` is {text}, but `mode` is {mode.value}: set `target` to {wanted}"
