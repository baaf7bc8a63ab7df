"""Sessions that answer in place of GitHub's and Jira's servers, no socket between, some mutated.

The clients themselves are the real ones: pages, retries and refusals are theirs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.fakes.faults import Answer, Request

from flow_telemetry.clock import Deadline
from fuzz.mutation import Edit, as_json, edited, edited_bytes
from fuzz.odd import ODD_TEXTS

Respond = Callable[[Request], Answer]

_HEADERS = (
    *("link", "retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"),
    *("x-accepted-github-permissions", "x-github-sso", "content-type", "x-seraph-loginreason"),
)
_HEADER_VALUES = (
    *('<https://x/?page=2>; rel="next"', '<https://x/?page=4>; rel="last", <x>; rel="next"'),
    *("0", "-1", "1e9", "9" * 30, "٣", "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 99 Foo", "nan"),
    *("AUTHENTICATED_FAILED", "required; url=javascript:x", "actions=read; checks=read", ""),
)
_STATUSES = (200, 201, 204, 301, 304, 400, 401, 403, 404, 409, 410, 422, 429, 500, 502, 503)
# Edits whose `what` is one of these are of the answer around the JSON.
_ENVELOPE = range(0xF0, 0x100)


@dataclass(slots=True)
class Kept:
    """Answers of a world that stands still, each asked for once, and the kinds that were seen."""

    respond: Respond
    answers: dict[str, Answer] = field(default_factory=dict)
    decoded: dict[str, Any] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)

    def answer(self, request: Request) -> tuple[str, Answer]:
        """Return the answer, and the key under which it is kept."""
        key = f"{request.method} {request.target} {request.body.decode()}"
        if key not in self.answers:
            if len(self.answers) > 20_000:
                self.answers.clear()
                self.decoded.clear()
            self.answers[key] = self.respond(request)
        return key, self.answers[key]

    def json(self, key: str) -> Any:
        """Return an answer's JSON (ValueError: it is none)."""
        if key not in self.decoded:
            self.decoded[key] = json.loads(self.answers[key].body)
        return self.decoded[key]


class Reply:
    """What a session returns for a request, as far as the clients look at it."""

    def __init__(self, answer: Answer, url: str) -> None:
        self.status_code = answer.status
        self.headers = dict(answer.headers)
        self.content = answer.body
        self.url = url

    def __enter__(self) -> Reply:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close nothing."""

    def iter_content(self, size: int) -> Iterator[bytes]:
        """Yield the body piece by piece."""
        return (self.content[at : at + size] for at in range(0, len(self.content), size))


class StandIn:
    """In place of a `GitHubSession` or `JiraSession`; ``edits`` are by kind of answer."""

    verify = True

    def __init__(
        self, kept: Kept, edits: Mapping[str, tuple[Edit, ...]], follow: Respond | None = None
    ) -> None:
        self._kept = kept
        self._edits = edits
        self._follow = follow

    def run_bounded(self, _url: str, _limit: Deadline, exchange: Callable[[], Any]) -> Any:
        """Take the bound, which what answers at once never meets."""
        return exchange()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        **_: object,
    ) -> Reply:
        """Answer as `requests.Session.request`, redirects to files followed."""
        asked = _request(method, url, params, json)
        key, answer = self._kept.answer(asked)
        kind = kind_of(asked)
        self._kept.kinds.add(kind)
        if answer.status == 302 and self._follow is not None:
            url = answer.headers["Location"]
            answer = self._follow(_request("GET", url, None, None))
        edits = self._edits.get(kind, ())
        if edits:
            answer = self._mutated(key, answer, edits)
        return Reply(answer, url)

    def _mutated(self, key: str, answer: Answer, edits: tuple[Edit, ...]) -> Answer:
        inside = tuple(each for each in edits if each.what not in _ENVELOPE)
        body = answer.body
        if inside:
            try:
                body = as_json(edited(self._kept.json(key), inside))
            except ValueError:
                body = edited_bytes(answer.body, inside)
        status, headers = answer.status, dict(answer.headers)
        for each in edits:
            if each.what in _ENVELOPE:
                status, headers, body = _in_envelope(each, status, headers, body)
        return Answer(status=status, headers=headers, body=body)


def _in_envelope(
    edit: Edit, status: int, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    if edit.what % 3 == 0:
        return _STATUSES[edit.how % len(_STATUSES)], headers, body
    if edit.what % 3 == 1:
        name = _HEADERS[edit.how % len(_HEADERS)]
        values = (*_HEADER_VALUES, *ODD_TEXTS)
        return status, {**headers, name: values[edit.how // len(_HEADERS) % len(values)]}, body
    return status, headers, edited_bytes(body, [Edit(0, edit.place, edit.how, edit.how)])


def kind_of(request: Request) -> str:
    """Return what answers that one edit reaches have in common: its path, without numbers."""
    if request.body:
        query = json.loads(request.body).get("query", "")
        return f"query {hashlib.sha256(query.encode()).hexdigest()[:12]}"
    return re.sub(r"[0-9a-f]{40}|[0-9]+", "N", request.path)


def _request(
    method: str, url: str, params: Mapping[str, Any] | None, body: Mapping[str, Any] | None
) -> Request:
    parts = urlsplit(url)
    query = urlencode(params or {}, errors="replace")
    target = parts.path + (f"?{query}" if query else f"?{parts.query}" if parts.query else "")
    return Request(
        method=method,
        path=parts.path,
        query=dict(parse_qsl(urlsplit(target).query, keep_blank_values=True)),
        target=target,
        headers={},
        body=b"" if body is None else json.dumps(body).encode(),
        received_at=0.0,
    )
