"""Answers as values, so that a test states a fault in the line where it matters.

A scripted answer is either an `Answer`, given in place of the real one, or a function from the
request and the real answer to the one that is sent (a cut, a delay, a drip).
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came in; headers under lower-case names, the time of a monotonic clock."""

    method: str
    path: str
    query: Mapping[str, str]
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server sends back.

    `delay` is the seconds before the first byte, `drip` the seconds after each single byte, from
    the headers' or the body's first. `promised` is a Content-Length other than the body's. A
    `behaviour` other than "answer" sends no byte: the connection is closed, reset, or left open.
    `kept` are the positions of the items that an OTLP backend keeps whatever it answers; where it
    is None, the answer itself decides.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    drip: float | None = None
    drip_from: Literal["headers", "body"] = "body"
    promised: int | None = None
    behaviour: Literal["answer", "drop", "reset", "black hole"] = "answer"
    kept: tuple[int, ...] | None = None


Alteration = Callable[[Request, Answer], Answer]
Scripted = Answer | Alteration


@dataclass(slots=True, kw_only=True)
class _Entry:
    to: Callable[[Request], bool]
    scripted: Scripted
    after: int
    times: int | None


class Script:
    """The queue of scripted answers; the first entry that fits a request is used."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._lock = threading.Lock()

    def add(
        self,
        to: str | Callable[[Request], bool],
        *answers: Scripted,
        after: int = 0,
        times: int | None = 1,
    ) -> None:
        """Queue `answers` for requests whose target contains `to`, or for which it is true.

        The first `after` of those are answered truly; then each answer is used `times` times
        (None: for ever).
        """
        fits = to if callable(to) else _target_contains(to)
        with self._lock:
            for position, scripted in enumerate(answers):
                self._entries.append(
                    _Entry(
                        to=fits,
                        scripted=scripted,
                        after=0 if position else after,
                        times=times,
                    )
                )

    def apply(self, request: Request, real: Callable[[], Answer]) -> Answer:
        """Return the answer to send; `real` is asked only where no value takes its place."""
        scripted = self._next(request)
        if scripted is None:
            return real()
        return scripted if isinstance(scripted, Answer) else scripted(request, real())

    def _next(self, request: Request) -> Scripted | None:
        with self._lock:
            for entry in self._entries:
                if entry.times == 0 or not entry.to(request):
                    continue
                if entry.after > 0:
                    entry.after -= 1
                    return None
                if entry.times is not None:
                    entry.times -= 1
                return entry.scripted
        return None


def _target_contains(part: str) -> Callable[[Request], bool]:
    return lambda request: part in request.target


def status(code: int, body: str = "", **headers: str) -> Answer:
    """Return a bare status; `retry_after="1"` becomes the header `retry-after`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=code, headers={"Content-Type": "text/plain", **named}, body=body.encode())


def html(code: int = 200, title: str = "Sign in") -> Answer:
    """Return a page for people, as proxies and login walls answer."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body></body></html>"
    return Answer(status=code, headers={"Content-Type": "text/html"}, body=page.encode())


def redirect(location: str, code: int = 307) -> Answer:
    """Return a redirect to `location`, which may be of another origin."""
    return Answer(status=code, headers={"Location": location})


def empty(code: int = 200) -> Answer:
    """No body and no content type."""
    return Answer(status=code)


def drop() -> Answer:
    """End the connection without an answer."""
    return Answer(behaviour="drop")


def reset() -> Answer:
    """Reset the connection (RST)."""
    return Answer(behaviour="reset")


def black_hole() -> Answer:
    """Silence: the connection stays open until the server stops or the client gives up."""
    return Answer(behaviour="black hole")


def delayed(seconds: float) -> Alteration:
    """Return the real answer, but that many seconds later."""
    return lambda _, answer: replace(answer, delay=seconds)


def dripping(seconds: float, *, since: Literal["headers", "body"] = "body") -> Alteration:
    """Return the real answer, one byte every `seconds`."""
    return lambda _, answer: replace(answer, drip=seconds, drip_from=since)


def truncated(keep: int) -> Alteration:
    """Return the first `keep` bytes of the real body, whole as far as HTTP tells: damaged JSON."""
    return lambda _, answer: replace(answer, body=answer.body[:keep])


def cut_off(keep: int) -> Alteration:
    """End the connection after `keep` bytes of the body that the Content-Length promised."""
    return lambda _, answer: replace(answer, body=answer.body[:keep], promised=len(answer.body))


def huge(size: int, content_type: str = "application/json") -> Alteration:
    """Return `size` bytes that mean nothing."""
    return lambda *_: Answer(headers={"Content-Type": content_type}, body=bytes(size))


def bomb(size: int = 256 * 1024 * 1024) -> Answer:
    """Return zeros that a thousandth of their `size` travels as."""
    compressor = zlib.compressobj(9, wbits=31)
    pieces = [compressor.compress(bytes(1024 * 1024)) for _ in range(size // 1024**2)]
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return Answer(headers=headers, body=b"".join([*pieces, compressor.flush()]))


def no_gzip() -> Alteration:
    """Return the real answer, said to be compressed, which it is not."""
    return lambda _, answer: replace(answer, headers={**answer.headers, "Content-Encoding": "gzip"})


def echo(code: int) -> Alteration:
    """Refuse, and repeat in the message the credentials that came with the request."""

    def alter(request: Request, _: Answer) -> Answer:
        names = [n for n in request.headers if n == "authorization" or n.startswith("x-api")]
        told = " ".join(f"{name}={request.headers[name]}" for name in sorted(names))
        body = json.dumps({"message": told, "errorMessages": [told]}).encode()
        return Answer(status=code, headers={"Content-Type": "application/json"}, body=body)

    return alter


def endless() -> Alteration:
    """Let a list begin anew on every page, with a link to the next one."""
    first: list[bytes] = []

    def alter(request: Request, answer: Answer) -> Answer:
        first.append(answer.body)
        link = {"Link": f'<{request.path}?page=2>; rel="next"'}
        return replace(answer, headers={**answer.headers, **link}, body=first[0])

    return alter


def altered(change: Callable[[Any], Any]) -> Alteration:
    """Return the real answer with its JSON changed by `change`, in place or by what it returns."""

    def alter(_: Request, answer: Answer) -> Answer:
        payload = json.loads(answer.body)
        changed = change(payload)
        body = json.dumps(payload if changed is None else changed).encode()
        return replace(answer, body=body)

    return alter
