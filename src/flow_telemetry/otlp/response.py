"""Responses of an OTLP endpoint: delivered, rejected or refused, and why."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from flow_telemetry.http.errors import NetworkErrorKind, Server, describe_network_error
from flow_telemetry.http.response import Response, server_message
from flow_telemetry.otlp.protobuf import new_response
from flow_telemetry.privacy.known import SHORTEST_SECRET, secret_forms
from flow_telemetry.settings.credentials import (
    basic_credentials,
    header_credentials,
    url_credentials,
)
from flow_telemetry.settings.parse import origin
from flow_telemetry.telemetry import Failure, Signal, SignalTarget
from flow_telemetry.text import squeeze


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The delivery of a request: the last response, the number of tries, bytes and seconds."""

    response: Response
    requests: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0


# Descriptions of targets, without credentials.

_REDACTED = "***"
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Nouns:
    """The names of a signal and of one of its items in messages."""

    signal: str
    item: str

    def some(self, count: int) -> str:
        """Return the count with the item's name."""
        return f"1 {self.item}" if count == 1 else f"{count} {self.item}s"


NOUNS = {
    Signal.TRACES: Nouns("traces", "span"),
    Signal.LOGS: Nouns("events", "event"),
    Signal.METRICS: Nouns("metrics", "metric point"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDescription:
    """A target as messages describe it: only its origin and the names of its headers.

    ``_secrets`` matches header values and secrets of the address.
    """

    origin: str
    header_names: tuple[str, ...]
    signal: Signal
    url: str = field(repr=False)
    _secrets: re.Pattern[str] | None = field(repr=False)

    @classmethod
    def of(cls, target: SignalTarget) -> TargetDescription:
        """Return the description of ``target``."""
        secrets = {squeeze(text) for text in _secrets(target)} - {""}
        longest_first = sorted(secrets, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first))
        return cls(
            origin=origin(target.url),
            header_names=tuple(squeeze(name)[:64] for name in target.headers),
            signal=target.signal,
            url=target.url,
            _secrets=re.compile(pattern, re.IGNORECASE) if pattern else None,
        )

    @property
    def nouns(self) -> Nouns:
        """The names of the signal and its items."""
        return NOUNS[self.signal]

    @property
    def path_advice(self) -> str:
        """Advice if the address may not be that of an OTLP receiver."""
        return (
            "Check the path of `otlp-endpoint`: it must be the base URL of the OTLP receiver, "
            f"to which this program appends /v1/{self.signal.value}; many backends have their own "
            "path for OTLP"
        )

    @property
    def headers(self) -> str:
        """The names of the user's headers, or the advice to set one."""
        if not self.header_names:
            return "no header was sent: give the backend's key in `otlp-headers`"
        return f"headers sent: {', '.join(self.header_names)} (`otlp-headers`)"

    def redact(self, text: str) -> str:
        """Return a server's text on one line, without secrets, at most 200 characters."""
        line = squeeze(text)
        if self._secrets is not None:
            line = self._secrets.sub(_REDACTED, line)
        return line if len(line) <= _LONGEST_SHOWN else line[: _LONGEST_SHOWN - 1] + "…"

    def quote(self, message: str) -> str:
        """Return a server's message, redacted, as the end of a sentence, or nothing."""
        redacted = self.redact(message)
        return f': "{redacted}"' if redacted else ""


def _secrets(target: SignalTarget) -> Iterator[str]:
    yield from _encodings(header_credentials(target.headers))
    # A server that decodes `Basic` may name the user.
    for value in target.headers.values():
        scheme, _, encoded = value.partition(" ")
        if scheme.lower() == "basic":
            yield from _long(text.partition(":")[0] for text in basic_credentials(encoded))
    parts = urlsplit(target.url)
    userinfo = unquote(parts.netloc.rpartition("@")[0])
    encoded = base64.b64encode(userinfo.encode()).decode() if userinfo else ""
    yield from _encodings(_long([userinfo, encoded, *userinfo.split(":")]))
    yield from _encodings(url_credentials(target.url))
    # The path before /v1/traces may contain a key; the signal's own path helps the user. Short
    # parts such as `/p` and words such as `/opentelemetry` are in messages too.
    base = parts.path.partition("/v1/")[0]
    yield from _encodings(part for part in _long(base.split("/")) if not part.isalpha())


def _long(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if len(text) >= SHORTEST_SECRET]


def _encodings(texts: Iterable[str]) -> Iterator[str]:
    texts = list(texts)
    yield from secret_forms(texts)
    yield from map(unquote, texts)


# Failure reasons. Their texts contain an origin and header names, but no header value.


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReason:
    """Why a batch was not delivered. ``problem`` contains no number of items yet.

    Reasons of one kind have the same ``key``. ``lasting``: later batches would fail too, so they
    are not tried. ``absent``: the endpoint does not accept the signal at all. ``final``: the same
    items would be refused again at any time. ``rejection``: the endpoint accepted other items.
    """

    key: str
    problem: str
    advice: str
    status: int | None = None
    lasting: bool = False
    rejection: bool = False
    absent: bool = False
    final: bool = False
    nouns: Nouns = NOUNS[Signal.TRACES]


def build_failure(reason: FailureReason, items: int, untried: int = 0) -> Failure:
    """Return the failure of ``items``, of which ``untried`` were not sent because of it."""
    problem, some = reason.problem, reason.nouns.some(items)
    if reason.rejection:
        problem = problem.replace(f"some {reason.nouns.item}s", some, 1)
    if untried == items:
        problem += f"; {some} not sent"
    elif untried:
        problem += f"; {untried} of {some} not tried after that"
    return Failure(problem=problem, advice=reason.advice, items=items, status=reason.status)


# Network errors. Advice for OTLP, besides that for every server.
_HINTS = {
    NetworkErrorKind.REFUSED: "OTLP over HTTP usually has port 4318",
    NetworkErrorKind.TIMEOUT: "OTEL_EXPORTER_OTLP_TIMEOUT (in milliseconds) gives a request more "
    "time",
    NetworkErrorKind.TLS: "If the backend asks for a client certificate, name it in "
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    NetworkErrorKind.NOT_HTTP: "It may be that of OTLP over gRPC: use the port of OTLP over HTTP, "
    "usually 4318",
    NetworkErrorKind.CA_FILE: "A client certificate is in OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
}
# The next batch may not have these errors.
_PASSING = frozenset(
    {
        NetworkErrorKind.CLOSED,
        NetworkErrorKind.NOT_HTTP,
        NetworkErrorKind.CONTRADICTION,
        NetworkErrorKind.ENCODING,
        NetworkErrorKind.OTHER,
    }
)


def explain_network_error(response: Response, target: TargetDescription) -> FailureReason:
    """Return the failure reason of a response with a network error."""
    error = response.error or NetworkErrorKind.OTHER
    server = Server(
        name=target.origin,
        place=target.origin,
        setting="`otlp-endpoint`",
        certificates="OTEL_EXPORTER_OTLP_CERTIFICATE, SSL_CERT_FILE or REQUESTS_CA_BUNDLE",
        hints={
            **_HINTS,
            NetworkErrorKind.HEADER: f"Check `otlp-headers`; {target.headers}",
        },
    )
    problem, advice = describe_network_error(
        error, server, detail=target.redact(response.detail), seconds=response.timeout
    )
    return FailureReason(
        key=error.name,
        problem=problem,
        advice=advice,
        status=response.status or None,
        lasting=error not in _PASSING,
        nouns=target.nouns,
    )


# Refusals.

# Messages of Go, nginx and Apache in response to plain HTTP on a TLS port.
_PLAIN_HTTP_MESSAGES = (
    "http request to an https server",
    "plain http request was sent to https",
    "speaking plain http to an ssl-enabled server",
)
_OVERLOADED = (
    "The backend or a proxy in front of it is overloaded or down; spooled items can be sent later"
)
_UNKNOWN = "See the backend's own log and documentation"
# By status, with the placeholders {headers}, {path}, {signal} and {item}.
_ADVICE = {
    400: "The server did not understand the request: usually it is not an OTLP/HTTP receiver. "
    "{path}",
    401: "The credentials are missing, wrong or expired, or lack their scheme, such as Bearer or "
    "Basic; {headers}",
    403: "The credentials may not write {signal} here, or a proxy in front of the backend refuses "
    "this client; {headers}",
    404: "The server accepts no {signal} at this address. {path}",
    405: "The server accepts no POST requests at this address. {path}",
    407: "Give the proxy's credentials in the variable that names it, such as HTTPS_PROXY",
    408: "The server waited too long for the request: the connection to it is slow",
    413: "A proxy or the backend accepts only requests smaller than a single {item}: raise its "
    "limit",
    415: "The server does not accept protobuf, or its compression: try "
    "OTEL_EXPORTER_OTLP_COMPRESSION=none",
    429: "The backend's rate limit or quota is used up; spooled items can be sent later",
    500: "The backend failed on this request; see its own log",
    501: "The server does not accept OTLP over HTTP. {path}",
    502: _OVERLOADED,
    503: _OVERLOADED,
    504: _OVERLOADED,
}
# Later batches would be refused too. The last four were retried as long as it made sense.
_LASTING = frozenset({401, 403, 404, 405, 407, 415, 501, 429, 502, 503, 504})
# Prometheus's errors about the times of samples: "out of order sample", "out of bounds", "too old
# sample", "duplicate sample for timestamp" (storage/interface.go). Mimir writes some with hyphens.
TIME_REFUSED = re.compile(
    r"out[- ]of[- ](order|bounds)|too[- ]old|duplicate[- ](sample|timestamp)",
    re.IGNORECASE,
)
_TIME_ADVICE = (
    "The times of the metric points are before others of their series, or too old for the backend. "
    "Set `storage.tsdb.out_of_order_time_window` in Prometheus's configuration, such as 7d"
)
# The server does not have that path, or accepts no POST request there.
_ABSENT = frozenset({404, 405, 501})
# These statuses are about the content, which is the same at a later try.
_FINAL = frozenset({400, 413, 422})


def _explain_rejection(message: str, target: TargetDescription) -> FailureReason:
    """Explain a partial success: OTLP counts the rejected items, but does not identify them."""
    item = target.nouns.item
    return FailureReason(
        key="rejected",
        problem=f"{target.origin} took the request but rejected some {item}s"
        f"{target.quote(message)}",
        advice=f"See the backend's limits on the age, size and number of {item}s",
        rejection=True,
        final=True,
        nouns=target.nouns,
    )


def _explain_foreign_body(response: Response, target: TargetDescription) -> FailureReason:
    """Explain a 2xx status with a body that is not OTLP."""
    if response.is_page:
        content = "an HTML page"
        advice = f"It is a login page, or a web interface at a wrong path. {target.path_advice}"
    else:
        content = "something that is not OTLP"
        advice = f"Another server than an OTLP receiver answered. {target.path_advice}"
    message = target.quote(_server_message(response))
    return FailureReason(
        key=content,
        problem=f"{target.origin} answered {response.status} with {content}{message}",
        advice=advice,
        status=response.status,
        lasting=True,
        nouns=target.nouns,
    )


def _explain_status(response: Response, target: TargetDescription, message: str) -> FailureReason:
    """Explain a status other than 2xx."""
    status = response.status
    if any(phrase in message.lower() for phrase in _PLAIN_HTTP_MESSAGES):
        return explain_network_error(
            Response(status=status, error=NetworkErrorKind.PLAIN_TO_TLS), target
        )
    if 300 <= status < 400:
        return _explain_redirect(response, target)
    advice = _ADVICE.get(status, _UNKNOWN)
    if status == 400 and target.signal is Signal.METRICS and TIME_REFUSED.search(message):
        advice = _TIME_ADVICE
    return FailureReason(
        key=f"status {status}",
        problem=f"{target.origin} answered {_format_status(status)}{target.quote(message)}",
        advice=advice.format(
            headers=target.headers,
            path=target.path_advice,
            signal=target.nouns.signal,
            item=target.nouns.item,
        ),
        status=status,
        lasting=status in _LASTING,
        absent=status in _ABSENT,
        final=status in _FINAL,
        nouns=target.nouns,
    )


def _explain_redirect(response: Response, target: TargetDescription) -> FailureReason:
    location = _redirect_origin(response, target)
    destination = f"to {location}"
    advice = (
        "Redirects are not followed: they would send the headers to another address. "
        f"{target.path_advice}"
    )
    if location is None:
        destination = "without a location"
    elif location == target.origin:
        destination = "to another path of the same host"
        advice = f"That path is usually a login page. {target.path_advice}"
    elif urlsplit(location).hostname == urlsplit(target.origin).hostname:
        advice = f"Let `otlp-endpoint` begin with {location}, as the server asks"
    status = response.status
    return FailureReason(
        key=f"redirect {destination}",
        problem=f"{target.origin} answered {_format_status(status)}, a redirect {destination}",
        advice=advice,
        status=status,
        lasting=True,
        nouns=target.nouns,
    )


def format_unsupported_signal(target: TargetDescription, items: int, status: int) -> str:
    """Return a notice about a backend without a signal, such as Jaeger, which has no logs."""
    nouns = target.nouns
    return (
        f"{target.origin} takes no {nouns.signal} ({status} at /v1/{target.signal.value}): "
        f"{nouns.some(items)} not sent. A list without {nouns.signal} in `signals`, such as "
        "signals: traces, keeps them from being tried"
    )


def _redirect_origin(response: Response, target: TargetDescription) -> str | None:
    location = response.headers.get("location", "")
    if not location:
        return None
    try:
        return target.redact(origin(urljoin(target.url, location)))
    except ValueError:
        return None


def _format_status(status: int) -> str:
    """Return the status with its name in the standard, not the server's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _server_message(response: Response) -> str:
    """Return the message of a `google.rpc.Status` in protobuf, or of any other body."""
    if "protobuf" not in response.content_type:
        return server_message(response)
    # Loaded for a message in protobuf only.
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from google.rpc.status_pb2 import (  # type: ignore[import-untyped]  # noqa: PLC0415
        Status,
    )

    status = Status()
    try:
        status.ParseFromString(response.body)
    except DecodeError:
        return ""
    return str(status.message)


# Classification of responses.
#
# Delivered is what the specification calls a success: a 2xx status with an empty body, or with a
# body of the protocol that rejects nothing
# (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response).

# The field with the number of rejected items, in JSON and in protobuf.
_REJECTED = {
    Signal.TRACES: ("rejectedSpans", "rejected_spans"),
    Signal.LOGS: ("rejectedLogRecords", "rejected_log_records"),
    Signal.METRICS: ("rejectedDataPoints", "rejected_data_points"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """The meaning of a response for its batch.

    ``reason`` is None if everything was delivered. ``rejected`` counts the rejected items of an
    accepted batch. ``warning`` is the message of a response that accepted everything. ``message``
    is the message of a refusal, which may contain secrets.
    """

    delivered: bool
    rejected: int = 0
    reason: FailureReason | None = None
    warning: str = ""
    message: str = field(default="", repr=False, compare=False)

    def matches(self, pattern: re.Pattern[str], *statuses: int) -> bool:
        """Whether items were rejected, or refused with one of the statuses, for such a reason."""
        reason = self.reason
        if reason is None or not (reason.rejection or reason.status in statuses):
            return False
        return pattern.search(self.message) is not None


def classify_response(response: Response, target: TargetDescription, items: int) -> ExportResult:
    """Return the meaning of the response to a request with ``items``."""
    if not response.status or (200 <= response.status < 300 and response.error is not None):
        return ExportResult(delivered=False, reason=explain_network_error(response, target))
    if not 200 <= response.status < 300:
        message = _server_message(response)
        reason = _explain_status(response, target, message)
        return ExportResult(delivered=False, reason=reason, message=message)
    if not response.body.strip():
        return ExportResult(delivered=True)
    partial_success = _read_partial_success(response, target.signal)
    if partial_success is None:
        return ExportResult(delivered=False, reason=_explain_foreign_body(response, target))
    rejected, message = partial_success
    if rejected > 0:
        reason = _explain_rejection(message, target)
        rejected = min(rejected, items)
        return ExportResult(delivered=True, rejected=rejected, reason=reason, message=message)
    redacted = target.redact(message)
    warning = f"{target.origin} took everything, and says: {redacted}" if redacted else ""
    return ExportResult(delivered=True, warning=warning)


def _read_partial_success(response: Response, signal: Signal) -> tuple[int, str] | None:
    """Return the number of rejected items and the message; None if the body is not OTLP."""
    if response.truncated:
        return None
    content_type = response.content_type.partition(";")[0].strip()
    if content_type in (
        *("application/x-protobuf", "application/protobuf", "application/octet-stream"),
        "",
    ):
        partial_success = _read_protobuf(response.body, signal)
        if partial_success is not None:
            return partial_success
    return _read_json(response.body, signal)


def _read_protobuf(body: bytes, signal: Signal) -> tuple[int, str] | None:
    # Loaded for a response in protobuf only.
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    response = new_response(signal)
    try:
        response.ParseFromString(body)
    except DecodeError:
        return None
    partial = response.partial_success
    return getattr(partial, _REJECTED[signal][1]), partial.error_message


def _read_json(body: bytes, signal: Signal) -> tuple[int, str] | None:
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, Mapping):
        return None
    partial = _either(content, "partialSuccess", "partial_success") or {}
    if not isinstance(partial, Mapping):
        return None
    try:
        rejected = int(_either(partial, *_REJECTED[signal]) or 0)
    except (TypeError, ValueError, OverflowError):
        return None
    return rejected, str(_either(partial, "errorMessage", "error_message") or "")


def _either(mapping: Mapping[str, Any], name: str, other_name: str) -> Any:
    """The value under OTLP's JSON name, or under the name in the protobuf files."""
    return mapping.get(name, mapping.get(other_name))
