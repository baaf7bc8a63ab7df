"""Answers of an OTLP backend, byte by byte: it may be compromised, or a proxy answers instead.

The first line is status, content type, `Location`, `Retry-After` with `|` between; then the body.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timezone

from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.http.response import Response
from flow_telemetry.otlp.response import TargetDescription, build_failure, classify_response
from flow_telemetry.otlp.transport import pause, should_retry
from flow_telemetry.report.text import terminal_line
from flow_telemetry.telemetry import Signal, SignalTarget

_NOW = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
_SECRET = "canary-5f3a9c"
_TARGETS = tuple(
    SignalTarget(signal=each, url=f"https://x/v1?k={_SECRET}", headers={"authorization": _SECRET})
    for each in Signal
)
_SEEDS = (
    b"200|application/x-protobuf||\n",
    b"200|application/x-protobuf||\n\n\x05\x08\x03\x12\x01x",
    b'200|application/json||\n{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "old"}}',
    b"200|text/html||\n<!DOCTYPE html><html><head><title>Sign in</title></head></html>",
    b"307||https://u:p@login.example.com/x?y=1|\n",
    b"429|text/plain||Wed, 25 Nov 2026 03:43:00 GMT\nslow down",
    b"503|text/plain||1.5\n<html><title>503</title>",
    b'400|application/json||\n{"code": 3, "message": "timestamp too old, delta temporality"}',
    b'401|application/json||\n{"error": "canary-5f3a9c is no token"}',
    b"|||\n",
)


def run(data: bytes) -> None:
    """Judge an answer for each signal, and tell it."""
    answer = _answer(data)
    for target in _TARGETS:
        verdict = classify_response(answer, TargetDescription.of(target), 10)
        assert 0 <= verdict.rejected <= 10
        told = [verdict.warning]
        if verdict.reason is not None:
            failed = build_failure(verdict.reason, 10, 3)
            told += [failed.problem, failed.advice]
        for text in told:
            text.encode()
            assert _SECRET not in text
            assert "\x1b" not in terminal_line(text, 500)
    assert should_retry(answer, 1) in (True, False)
    assert 0 <= pause(answer, 1, now=_NOW, chance=0.5) < math.inf


def _answer(data: bytes) -> Response:
    head, _, body = data.partition(b"\n")
    # As http.client reads headers.
    status, kind, location, after, *_ = [*head.decode("latin-1").split("|"), "", "", "", ""]
    number = int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 0
    return Response(
        status=number,
        headers={"content-type": kind, "location": location, "retry-after": after},
        body=body,
        error=list(NetworkErrorKind)[len(data) % len(NetworkErrorKind)] if not number else None,
        truncated=len(data) % 7 == 0,
    )


def seeds() -> Iterator[bytes]:
    """Yield answers as backends and proxies give them."""
    yield from _SEEDS
