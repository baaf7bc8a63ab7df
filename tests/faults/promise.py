"""The promise, checked after one export: docs/operate/reliability.md says it in words."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.fakes.faults import Request
from tests.fakes.receiver import Received
from tests.fakes.spans import SpanRecord
from tests.faults.items import OF_REQUESTS, RELAYED, Items, both, received_by, spooled_in
from tests.faults.stage import (
    GITHUB_TOKEN,
    JIRA_EMAIL,
    JIRA_TOKEN,
    OTLP_HEADER,
    URL_PASSWORD,
    URL_USER,
    Stage,
)
from tests.support.program import Result

SIGNALS = ("traces", "logs", "metrics")
# For what needs no network: starting threads, writing spool and summary, on a busy machine. Who
# waits without a bound, or for each of several requests anew, waits longer.
SLACK = 5.0
OTLP_SECRETS = (OTLP_HEADER, URL_USER, URL_PASSWORD)
JIRA_SECRETS = (JIRA_EMAIL, JIRA_TOKEN)
ALL_SECRETS = (GITHUB_TOKEN, *OTLP_SECRETS, *JIRA_SECRETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an export ended: what came back, how long it took, and where its items are."""

    result: Result
    seconds: float
    most_seconds: float
    received: Items
    spooled: Items

    @property
    def wrong(self) -> list[str]:
        """The annotations that say that something went wrong."""
        return self.result.warnings + self.result.errors

    @property
    def kept(self) -> Items:
        """All that was not lost."""
        return both(self.received, self.spooled)

    def declined(self, signal: str) -> bool:
        """Whether a notice tells that the backend does not take that signal."""
        return any(f"at /v1/{signal})" in notice for notice in self.result.notices)


def ending(stage: Stage, *, timeout: int, fail_on_error: bool) -> Ending:
    """Let the stage's program run; check that the build and all secrets are safe."""
    result, seconds = stage.export(timeout=timeout, fail_on_error=fail_on_error)
    end = Ending(
        result=result,
        seconds=seconds,
        most_seconds=timeout + SLACK,
        received=received_by(stage.receiver),
        spooled=spooled_in(result.spool_files),
    )
    check_the_build(end, fail_on_error=fail_on_error)
    check_secrets(end, stage)
    return end


def check_the_build(end: Ending, *, fail_on_error: bool) -> None:
    """Assert that it stays green unless asked for, in time, and that no traceback is shown."""
    result = end.result
    assert end.seconds <= end.most_seconds
    failed = result.outputs["status"] in ("spooled", "partial", "lost") or bool(
        result.outputs["status"] == "skipped" and end.wrong
    )
    assert result.status == int(failed and fail_on_error)
    assert not (result.errors if result.status == 0 else result.warnings)
    shown = result.log + result.summary + "".join(result.outputs.values())
    assert "Traceback" not in shown
    assert "report it" not in shown  # A fault of the program itself.


def check_nothing_is_lost(end: Ending, clean: Items) -> None:
    """Assert that each item is received, or spooled, or of a signal that nobody takes there."""
    for signal in SIGNALS:
        if not end.declined(signal):
            assert end.kept.of(signal) == clean.of(signal)


def check_all_is_counted(end: Ending) -> None:
    """Assert that a spool, and nothing but a spool, makes the status `spooled`, and is told."""
    spooled = bool(end.result.spool_files)
    assert (end.result.outputs["status"] == "spooled") == spooled
    assert end.wrong or not spooled


def check_it_is_told(end: Ending) -> None:
    """Assert that there is an annotation where, and only where, something is in the spool."""
    assert bool(end.wrong) == bool(end.result.spool_files)
    assert (end.result.outputs["status"] == "spooled") == bool(end.result.spool_files)


def check_nothing_is_wrong(end: Ending, clean: Items) -> None:
    """Assert that what left is as it is without faults, or marked; what is missing is told."""
    arrived, told = end.kept, end.wrong or end.result.notices
    for signal in SIGNALS:
        known, there = clean.of(signal), arrived.of(signal)
        other = {key for key, content in there.items() if known.get(key) != content}
        if signal == "traces":
            other = {key for key in other if key.partition("/")[0] not in _marked(arrived)}
        # A missing permission is a notice, and what it hides is missing in attributes of others.
        assert not other or (told and signal != "traces"), other
        # An API that does not answer says nothing about its limit either.
        missing = known.keys() - there.keys()
        assert all(key.startswith(OF_REQUESTS) for key in missing) or told


def check_only_tools_added(end: Ending, clean: Items) -> None:
    """Assert that all of ours arrived as it is without files, and that all else is marked.

    Besides, the job or run has a span for its links to the traces of tools.
    """
    for signal in SIGNALS:
        there = end.received.of(signal)
        assert {key: there.get(key) for key in clean.of(signal)} == clean.of(signal)
    assert all(key.startswith(RELAYED) for key in end.received.logs.keys() - clean.logs.keys())
    assert end.received.metrics.keys() == clean.metrics.keys()
    ours = [span for span in end.received.all_spans if not is_relayed(span)]
    assert all(span.scope == "flow-telemetry" for span in ours)
    assert len([span for span in ours if span.name != "measured"]) == len(clean.all_spans)
    assert all(
        span.scope != "flow-telemetry" for span in end.received.all_spans if is_relayed(span)
    )


def is_relayed(span: SpanRecord) -> bool:
    """Whether a span says that it is out of a file."""
    return bool(span.attributes.get("flow.relayed"))


def _marked(arrived: Items) -> set[str]:
    """The traces in which a span says that not all of it could be read."""
    return {
        span.trace_id
        for span in arrived.all_spans
        if any(name.endswith(".incomplete") for name in span.attributes)
    }


def check_nothing_was_there(end: Ending, clean: Items) -> None:
    """Assert that all arrived and nothing is told, as if there had been no fault."""
    assert end.wrong == []
    for signal in SIGNALS:
        assert end.received.of(signal) == clean.of(signal)


def check_secrets(end: Ending, stage: Stage) -> None:
    """Assert that secrets are in nothing that left, and each went to its own origin only."""
    spool = (unpacked(path.read_bytes()) for path in end.result.spool_files)
    texts = [end.result.log, end.result.summary, *end.result.outputs.values()]
    bodies = (unpacked(each.body) for r in (stage.receiver, stage.elsewhere) for each in r.requests)
    asked = (
        each.body + each.target.encode() for each in (*stage.github.requests, *stage.jira.requests)
    )
    everything = b"\n".join([*(text.encode() for text in texts), *spool, *bodies, *asked])
    assert not [secret for secret in forms(ALL_SECRETS) if secret in everything]
    for headers, secrets in _sent_to(stage):
        assert not [secret for secret in forms(secrets) if secret in headers]


def _sent_to(stage: Stage) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """The headers that each server got, and the secrets that are not its own."""
    github, jira = _headers(stage.github.requests), _headers(stage.jira.requests)
    receiver, elsewhere = _headers(stage.receiver.requests), _headers(stage.elsewhere.requests)
    yield github, OTLP_SECRETS + JIRA_SECRETS
    yield jira, (GITHUB_TOKEN, *OTLP_SECRETS)
    yield receiver, (GITHUB_TOKEN, *JIRA_SECRETS)
    yield elsewhere, ALL_SECRETS


def _headers(requests: Iterable[Request | Received]) -> bytes:
    return repr([each.headers for each in requests]).encode()


def forms(secrets: Iterable[str]) -> Iterator[bytes]:
    """Yield each secret as it is, and as it may stand in a header of basic authentication."""
    yield from (each.encode() for each in secrets)
    pairs = (f"{JIRA_EMAIL}:{JIRA_TOKEN}", f"{URL_USER}:{URL_PASSWORD}")
    yield from (base64.b64encode(p.encode()) for p in pairs if p.split(":")[1] in secrets)


def unpacked(body: bytes) -> bytes:
    """Return a request's body as its server reads it."""
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return body
