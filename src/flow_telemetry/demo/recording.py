"""Recording of the demo's GitHub: the events of a feature, and the responses to all requests.

`make demo-data` makes the recording with the tests' fake GitHub; a test compares the two.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

FILE = "recording.json.gz"
# Replaces the address of the API in recorded responses, because it differs at each start.
API = "{api}"
# An instant in JSON, and percent-encoded in a query. All of the recording's are in UTC.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d(?::|%3A)\d\d(?::|%3A)\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event that starts the ready workflow; ``what`` describes it, ``payload`` is its file.

    ``variables`` are those that the runner and `action.yml` set for this event alone.
    """

    time: datetime
    event: str
    what: str
    payload: Mapping[str, Any] = field(repr=False)
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedResponse:
    """A response of GitHub's API; ``body`` is JSON, with `API` in place of the API's address."""

    status: int
    link: str = ""
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Everything that the demo needs of a GitHub; ``responses`` by `request_key`."""

    repository: str
    server_url: str
    feature: int
    title: str
    events: tuple[RecordedEvent, ...]
    responses: Mapping[str, RecordedResponse]


def request_key(method: str, target: str, body: bytes) -> str:
    """Return the key of a request: method, path, sorted query, and the JSON of the body."""
    parts = urlsplit(target)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    content = json.dumps(json.loads(body), sort_keys=True) if body else ""
    return f"{method} {parts.path}?{query} {content}".rstrip()


def load_recording(newest: datetime | None = None) -> Recording:
    """Return the recording of this package; its last event is at ``newest``, if that is given.

    All other instants are moved by the same whole seconds, in requests, responses and events.
    """
    content = files("flow_telemetry.demo").joinpath(FILE).read_bytes()
    recording = decode(content)
    if newest is None:
        return recording
    last = max(event.time for event in recording.events)
    distance = newest.replace(microsecond=0) - last

    @cache
    def move(text: str) -> str:
        instant = datetime.fromisoformat(text.replace("%3A", ":")) + distance
        return instant.isoformat().replace(":", "%3A" if "%3A" in text else ":")

    text = gzip.decompress(content).decode()
    return decode(gzip.compress(_INSTANT.sub(lambda found: move(found[0]), text).encode()))


def encode(recording: Recording) -> bytes:
    """Return a recording as the content of its file; equal recordings are equal files."""
    content = {
        "repository": recording.repository,
        "server_url": recording.server_url,
        "feature": recording.feature,
        "title": recording.title,
        "events": [
            {
                "time": event.time.isoformat(),
                "event": event.event,
                "what": event.what,
                "payload": event.payload,
                "variables": dict(event.variables),
            }
            for event in recording.events
        ],
        "responses": {
            key: {"status": response.status, "link": response.link, "body": response.body}
            for key, response in sorted(recording.responses.items())
        },
    }
    return gzip.compress(json.dumps(content, sort_keys=True).encode(), mtime=0)


def decode(content: bytes) -> Recording:
    """Return the recording in the content of a file."""
    recorded = json.loads(gzip.decompress(content))
    return Recording(
        repository=recorded["repository"],
        server_url=recorded["server_url"],
        feature=recorded["feature"],
        title=recorded["title"],
        events=tuple(
            RecordedEvent(**{**event, "time": datetime.fromisoformat(event["time"])})
            for event in recorded["events"]
        ),
        responses={
            key: RecordedResponse(**fields) for key, fields in recorded["responses"].items()
        },
    )
