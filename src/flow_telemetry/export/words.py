"""What a server says in the body of an answer, in whatever form it says it.

OTLP asks for a google.rpc.Status, as protobuf or JSON; what stands before a backend answers with
pages and plain text.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from flow_telemetry.export.answer import Answer

# A page's title stands near its beginning, and a search for one in much text takes long.
_LONGEST_HEAD = 8192
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_MESSAGE_FIELDS = ("message", "error", "detail", "error_description", "errors", "reason", "title")


def is_page(answer: Answer) -> bool:
    """Whether the body is a page for people."""
    start = answer.body[:512].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html")) or "html" in answer.content_type.lower()


def server_words(answer: Answer) -> str:
    """Return the message of the body, or an empty text where it has none.

    It is as the server wrote it, secrets that it echoes included: not yet fit to be shown.
    """
    if "protobuf" in answer.content_type.lower():
        return _status_message(answer.body)
    text = answer.body.decode(errors="replace")
    if is_page(answer):
        title = _TITLE.search(text[:_LONGEST_HEAD])
        return html.unescape(title.group(1)) if title else ""
    try:
        return _message(json.loads(text)) or text
    except (ValueError, RecursionError):
        return text if _is_mostly_text(text) else ""


def _status_message(body: bytes) -> str:
    # Loaded where a server says so much.
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from google.rpc.status_pb2 import (  # type: ignore[import-untyped]  # noqa: PLC0415
        Status,
    )

    status = Status()
    try:
        status.ParseFromString(body)
    except DecodeError:
        return ""
    return str(status.message)


def _message(said: Any) -> str:
    """The text of the first field that commonly holds one, however deep."""
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        return _message(said[0]) if said else ""
    if not isinstance(said, Mapping):
        return ""
    return next((text for name in _MESSAGE_FIELDS if (text := _message(said.get(name)))), "")


def _is_mostly_text(text: str) -> bool:
    start = text[:200]
    return sum(c.isprintable() or c.isspace() for c in start) >= 0.9 * len(start)
