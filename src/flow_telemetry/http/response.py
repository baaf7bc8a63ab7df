"""HTTP responses, and the server's message in their body."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.text import one_line, squeeze

# The title of a page is near its beginning, and searching a long text takes long.
_LONGEST_HEAD = 8192
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_MESSAGE_FIELDS = ("message", "error", "detail", "error_description", "errors", "reason", "title")
_LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response, or the network error in its place.

    ``status`` is 0 if no response came. If there is a status, ``error`` is the reason why the body
    is incomplete. ``headers`` have lower-case names. ``truncated`` is whether the body had more
    than was read. ``url`` is the final address after redirects, ``seconds`` the duration with the
    body, ``timeout`` the seconds that the request was allowed to take. ``detail`` describes the
    error, without addresses. Headers and body are in no repr, because a server may echo a secret.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)
    seconds: float = 0.0
    timeout: float = 0.0
    truncated: bool = False
    error: NetworkErrorKind | None = None
    detail: str = ""

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", errors="replace")

    @property
    def content_type(self) -> str:
        """The header `Content-Type` in lower case, or an empty text."""
        return self.headers.get("content-type", "").lower()

    @property
    def is_page(self) -> bool:
        """Whether the body is an HTML page."""
        start = self.body[:512].lstrip().lower()
        return start.startswith((b"<!doctype html", b"<html")) or "html" in self.content_type


def server_message(response: Response) -> str:
    """Return the message in the body on one line, or an empty text.

    It is complete and may echo secrets: redact it, then shorten it. These forms are known: the
    JSON of GitHub (`message`), Jira (`errorMessages`, `errors`) and OTLP (`message`), the title of
    an HTML page, and plain text.
    """
    text = response.text
    if response.is_page:
        title = _TITLE.search(text[:_LONGEST_HEAD])
        return squeeze(html.unescape(title.group(1))) if title else ""
    try:
        content = json.loads(text)
        return squeeze(_find_message(content) or text) if content else ""
    except (ValueError, RecursionError):
        start = text[:200]
        printable = sum(c.isprintable() or c.isspace() for c in start)
        return squeeze(text) if printable >= 0.9 * len(start) else ""


def in_brackets(response: Response) -> str:
    """Return the server's message with a space and brackets, at most 200 characters, or nothing."""
    message = one_line(server_message(response), _LONGEST_MESSAGE)
    return f" ({message})" if message else ""


def _find_message(content: Any) -> str:
    """Return the text of the first field that usually contains a message, at any depth."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "; ".join(dict.fromkeys(filter(None, map(_find_message, content))))
    if not isinstance(content, Mapping):
        return ""
    errors = content.get("errors")
    if "errorMessages" in content or isinstance(errors, Mapping):  # Jira
        by_field = list(errors.values()) if isinstance(errors, Mapping) else errors
        texts = [content.get("errorMessages"), by_field, content.get("message")]
        return _find_message(texts)
    return next(
        (text for name in _MESSAGE_FIELDS if (text := _find_message(content.get(name)))), ""
    )
