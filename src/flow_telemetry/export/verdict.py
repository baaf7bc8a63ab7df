"""Judging an answer: delivered, partly rejected, or not delivered, and why.

Pure. Delivered is only what the specification calls so: a 2xx whose body is the protocol's own, or
empty, and which rejects nothing (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flow_telemetry.export import no_answer, refusals
from flow_telemetry.export.answer import Answer
from flow_telemetry.export.causes import Cause, Place
from flow_telemetry.export.protobuf import new_response
from flow_telemetry.export.words import server_words
from flow_telemetry.telemetry import Signal, SignalTarget

# What a response calls the number of items that it rejected.
_REJECTED = {
    Signal.TRACES: ("rejectedSpans", "rejected_spans"),
    Signal.LOGS: ("rejectedLogRecords", "rejected_log_records"),
    Signal.METRICS: ("rejectedDataPoints", "rejected_data_points"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an answer means for the batch that it answers.

    ``cause`` is None only where all was delivered without a word; ``rejected`` counts what the
    backend refused of a batch that it took otherwise; ``warning`` is what it said though it took
    everything. ``said`` are a refusal's own words, not fit to be shown.
    """

    delivered: bool
    rejected: int = 0
    cause: Cause | None = None
    warning: str = ""
    said: str = field(default="", repr=False, compare=False)

    def refuses(self, reason: re.Pattern[str], *statuses: int) -> bool:
        """Whether items were refused for a reason, in part or with one of the statuses."""
        cause = self.cause
        if cause is None or not (cause.rejection or cause.status in statuses):
            return False
        return reason.search(self.said) is not None


def judge(answer: Answer, target: SignalTarget, items: int) -> Verdict:
    """Return what the answer to a request of so many items means."""
    place = Place.of(target)
    status = answer.status
    if status is None:
        return _refused(no_answer.of_trouble(answer, place))
    if not 200 <= status < 300:
        return _refused(refusals.of_status(answer, place), server_words(answer))
    if answer.trouble is not None:
        return _refused(no_answer.of_trouble(answer, place))
    return _judge_success(answer, place, items)


def _refused(cause: Cause, said: str = "") -> Verdict:
    return Verdict(delivered=False, cause=cause, said=said)


def _judge_success(answer: Answer, place: Place, items: int) -> Verdict:
    if not answer.body.strip():
        return Verdict(delivered=True)
    partial = _partial_success(answer, place.signal)
    if partial is None:
        return _refused(refusals.of_foreign_body(answer, place))
    rejected, message = partial
    if rejected > 0:
        cause = refusals.of_rejection(message, place)
        return Verdict(delivered=True, rejected=min(rejected, items), cause=cause, said=message)
    shown = place.redactor.shown(message)
    warning = f"{place.origin} took everything, and says: {shown}" if shown else ""
    return Verdict(delivered=True, warning=warning)


def _partial_success(answer: Answer, signal: Signal) -> tuple[int, str] | None:
    """Rejected items and message of the response; None where the body is no such response."""
    if answer.truncated:
        return None
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind in ("application/x-protobuf", "application/protobuf", "application/octet-stream", ""):
        found = _from_protobuf(answer.body, signal)
        if found is not None:
            return found
    return _from_json(answer.body, signal)


def _from_protobuf(body: bytes, signal: Signal) -> tuple[int, str] | None:
    # Protobuf is loaded once something was sent, not by all who import this.
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    response = new_response(signal)
    try:
        response.ParseFromString(body)
    except DecodeError:
        return None
    partial = response.partial_success
    return getattr(partial, _REJECTED[signal][1]), partial.error_message


def _from_json(body: bytes, signal: Signal) -> tuple[int, str] | None:
    try:
        response: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(response, Mapping):
        return None
    partial = _either(response, "partialSuccess", "partial_success") or {}
    if not isinstance(partial, Mapping):
        return None
    try:
        rejected = int(_either(partial, *_REJECTED[signal]) or 0)
    except (TypeError, ValueError, OverflowError):
        return None
    return rejected, str(_either(partial, "errorMessage", "error_message") or "")


def _either(mapping: Mapping[str, Any], name: str, other_name: str) -> Any:
    """The value under OTLP's name, or under the one that the messages have in their files."""
    return mapping.get(name, mapping.get(other_name))
