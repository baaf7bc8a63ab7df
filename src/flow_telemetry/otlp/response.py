"""Responses of an OTLP endpoint: delivered, rejected or refused, and why."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from flow_telemetry.http.errors import PROXY_ADVICE, NetworkErrorKind, extension_advice
from flow_telemetry.otlp.protobuf import new_response
from flow_telemetry.privacy.redactor import secret_forms
from flow_telemetry.telemetry import Failure, Signal, SignalTarget

# Responses as records: the transport makes them, and `classify_response` decides what they mean.


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpResponse:
    """One response, or the network error in its place.

    ``status`` is None if no response came; with a status, ``error`` is why the body is incomplete.
    ``body`` is its beginning, ``truncated`` whether there was more. ``seconds`` is the time that
    the request was allowed to take. ``detail`` describes the error, without addresses. Text of the
    server is in no repr, because it may repeat a header.
    """

    status: int | None = None
    content_type: str = field(default="", repr=False)
    location: str = field(default="", repr=False)
    retry_after: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    truncated: bool = False
    error: NetworkErrorKind | None = None
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """All that was done to deliver one batch: the last response, and what its requests came to.

    ``seconds`` is how long all of it took.
    """

    response: OtlpResponse
    requests: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0


# What a server says in the body of a response, in whatever form it says it.
#
# OTLP asks for a google.rpc.Status, as protobuf or JSON; what stands before a backend answers with
# pages and plain text.

# A page's title stands near its beginning, and a search for one in much text takes long.
_LONGEST_HEAD = 8192
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_MESSAGE_FIELDS = ("message", "error", "detail", "error_description", "errors", "reason", "title")


def is_page(response: OtlpResponse) -> bool:
    """Whether the body is a page for people."""
    start = response.body[:512].lstrip().lower()
    return (
        start.startswith((b"<!doctype html", b"<html")) or "html" in response.content_type.lower()
    )


def server_words(response: OtlpResponse) -> str:
    """Return the message of the body, or an empty text where it has none.

    It is as the server wrote it, secrets that it echoes included: not yet fit to be shown.
    """
    if "protobuf" in response.content_type.lower():
        return _status_message(response.body)
    text = response.body.decode(errors="replace")
    if is_page(response):
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


# What may be shown of an address and of a server's words: nothing that could be a credential.

_SHOWN_IN_PLACE = "***"
_LONGEST_SHOWN = 200
# A scheme word such as Bearer is no secret; parts of a value that are longer may be.
_SHORTEST_PART = 8


@dataclass(frozen=True, slots=True)
class TargetRedactor:
    """Makes a server's text fit to be shown. The pattern holds secrets: it is in no repr."""

    _secrets: re.Pattern[str] | None = field(repr=False)

    @classmethod
    def of(cls, target: SignalTarget) -> TargetRedactor:
        """Return one that takes away the target's header values and what its URL may hide."""
        found = {one_line(text) for text in _secrets(target)} - {""}
        if not found:
            return cls(None)
        longest_first = sorted(found, key=len, reverse=True)
        return cls(re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE))

    def shown(self, text: str, at_most: int = _LONGEST_SHOWN) -> str:
        """Return the text on one line, without secrets, cut to ``at_most`` characters."""
        clean = one_line(text)
        if self._secrets is not None:
            clean = self._secrets.sub(_SHOWN_IN_PLACE, clean)
        return clean if len(clean) <= at_most else clean[: at_most - 1] + "…"


def one_line(text: str) -> str:
    """Return the text with everything that is no printable character taken for a space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def origin(url: str) -> str:
    """Return scheme, host and port of an address: all of it that may be shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an address that cannot be read"
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def _secrets(target: SignalTarget) -> Iterator[str]:
    for value in target.headers.values():
        yield from _forms([value, *_long(value.split()), *_basic_credentials(value)])
    parts = urlsplit(target.url)
    userinfo = unquote(parts.netloc.rpartition("@")[0])
    encoded = base64.b64encode(userinfo.encode()).decode() if userinfo else ""
    yield from _forms([userinfo, encoded, *_long(userinfo.split(":")), parts.query])
    yield from _forms(_long(re.split("[&=]", parts.query)))
    # The path before /v1/traces may hold a key; the path of the signal itself helps to see why.
    base = parts.path.partition("/v1/")[0]
    yield from _forms([base.strip("/"), *_long(base.split("/"))])


def _long(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if len(text) >= _SHORTEST_PART]


def _forms(texts: Iterable[str]) -> Iterator[str]:
    texts = list(texts)
    yield from secret_forms(texts)
    yield from map(unquote, texts)


def _basic_credentials(value: str) -> list[str]:
    """User and password of a `Basic` header: a server may well name them."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    return [text, *text.split(":", 1)]


# The form of a reason why something was not delivered, and what all reasons share.
#
# A cause says scheme, host and port of an address and no more, and names headers without values.


@dataclass(frozen=True, slots=True)
class Nouns:
    """What a user calls a signal, and one item of it."""

    signal: str
    item: str

    def some(self, count: int) -> str:
        """Return so many items, in words."""
        return f"1 {self.item}" if count == 1 else f"{count} {self.item}s"


NOUNS = {
    Signal.TRACES: Nouns("traces", "span"),
    Signal.LOGS: Nouns("events", "event"),
    Signal.METRICS: Nouns("metrics", "metric point"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDescription:
    """What messages may say of a target: nothing that could be a credential."""

    origin: str
    header_names: tuple[str, ...]
    redactor: TargetRedactor
    signal: Signal
    url: str = field(repr=False)

    @classmethod
    def of(cls, target: SignalTarget) -> TargetDescription:
        """Return the description of ``target``."""
        return cls(
            origin=origin(target.url),
            header_names=tuple(one_line(name)[:64] for name in target.headers),
            redactor=TargetRedactor.of(target),
            signal=target.signal,
            url=target.url,
        )

    @property
    def nouns(self) -> Nouns:
        """What the user calls the signal that goes there."""
        return NOUNS[self.signal]

    @property
    def wrong_path(self) -> str:
        """The advice where something else than an OTLP receiver answers."""
        return (
            "Check the path of `otlp-endpoint`: it is to be the base URL of the OTLP receiver, "
            f"to which this program appends /v1/{self.signal.value}; many backends keep OTLP under "
            "a path of their own"
        )

    @property
    def headers(self) -> str:
        """The headers that the user gave, by name."""
        if not self.header_names:
            return "no header was sent: give the backend's key in `otlp-headers`"
        return f"headers sent: {', '.join(self.header_names)} (`otlp-headers`)"

    def quoted(self, words: str) -> str:
        """Return a server's words as the end of a sentence, fit to be shown, if there are any."""
        shown = self.redactor.shown(words)
        return f': "{shown}"' if shown else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReason:
    """One reason. ``problem`` has no number of items yet; ``key`` tells reasons of one kind apart.

    ``lasting`` means that no later batch can escape it, so that none needs to be tried, and
    ``absent`` that nothing takes the signal there at all. ``final`` means that no later try of the
    same items can fare better, wherever the reason lies with them.
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


def failure(cause: FailureReason, items: int, untried: int = 0) -> Failure:
    """Return the cause for so many items, ``untried`` of which were not sent because of it."""
    problem, some = cause.problem, cause.nouns.some(items)
    if cause.rejection:
        problem = problem.replace(f"some {cause.nouns.item}s", some, 1)
    if untried == items:
        problem += f"; {some} not sent"
    elif untried:
        problem += f"; {untried} of {some} not tried after that"
    return Failure(problem=problem, advice=cause.advice, items=items, status=cause.status)


# Why no response came, or no whole one, in words: what happened, and what the user can do.

# {origin} is the endpoint, {seconds} the time that the request was given, {detail} a library's
# word with a colon before it, or nothing.
_TEXTS = {
    NetworkErrorKind.REFUSED: (
        "{origin} refused the connection",
        "Nothing listens there: check host and port of `otlp-endpoint` (OTLP over HTTP mostly "
        "has port 4318), and that the receiver runs where this job can reach it",
    ),
    NetworkErrorKind.NAME: (
        "the host name of {origin} could not be resolved",
        "Check `otlp-endpoint` for a typing error; a private name needs a runner that is in "
        "the same network",
    ),
    NetworkErrorKind.UNREACHABLE: (
        "{origin} cannot be reached from here",
        "Check host and port of `otlp-endpoint`, and the network of the runner",
    ),
    NetworkErrorKind.CONNECT_TIMEOUT: (
        "no connection to {origin} came about within {seconds} s",
        "A firewall may drop what the runner sends: check host and port of `otlp-endpoint`, "
        "and whether the backend lets this runner in",
    ),
    NetworkErrorKind.TIMEOUT: (
        "{origin} did not finish an answer within {seconds} s",
        "The backend or a proxy before it is overloaded, or no HTTP server listens on that port; "
        "OTEL_EXPORTER_OTLP_TIMEOUT (in milliseconds) gives a request more time",
    ),
    NetworkErrorKind.CLOSED: (
        "{origin} closed the connection without a whole answer",
        "The backend or a proxy before it failed, or the port speaks another protocol: check that "
        "`otlp-endpoint` has the port of OTLP over HTTP, and https:// where it uses TLS",
    ),
    NetworkErrorKind.CERTIFICATE: (
        "the certificate of {origin} was not accepted{detail}",
        "Where a private authority signed it, name its file in OTEL_EXPORTER_OTLP_CERTIFICATE or "
        "SSL_CERT_FILE; else check the host in `otlp-endpoint` and whether the certificate has "
        "expired",
    ),
    NetworkErrorKind.TLS: (
        "no TLS connection to {origin} came about{detail}",
        "Check the port of `otlp-endpoint`; a backend that asks for a client certificate gets "
        "the one that OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE names",
    ),
    NetworkErrorKind.TLS_TO_PLAIN: (
        "{origin} speaks plain HTTP, not TLS, on that port",
        "Let `otlp-endpoint` begin with http://, or give the port that uses TLS",
    ),
    NetworkErrorKind.PLAIN_TO_TLS: (
        "{origin} asks for TLS on that port",
        "Let `otlp-endpoint` begin with https://",
    ),
    NetworkErrorKind.NOT_HTTP: (
        "{origin} answered something that is not HTTP/1.1",
        "The port may be that of OTLP over gRPC: give the port of OTLP over HTTP, mostly 4318",
    ),
    NetworkErrorKind.PROXY: (
        "the proxy on the way to {origin} did not make a connection{detail}",
        PROXY_ADVICE,
    ),
    NetworkErrorKind.CA_FILE: (
        "the certificates for {origin} could not be read",
        "Check the files that OTEL_EXPORTER_OTLP_CERTIFICATE, REQUESTS_CA_BUNDLE and "
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE name",
    ),
    NetworkErrorKind.HEADER: (
        "a header for {origin} cannot be sent",
        "A name or value in `otlp-headers` holds a character that HTTP does not allow, such "
        "as a line break; {headers}",
    ),
    NetworkErrorKind.URL: (
        "{origin} is no address that a request can be sent to",
        "Check `otlp-endpoint`",
    ),
    NetworkErrorKind.ENCODING: (
        "a request for {origin} could not be encoded",
        "This is a fault of this program: please report it",
    ),
    NetworkErrorKind.DEADLINE: (
        "the time for everything (`timeout`) ended before {origin} had answered",
        "Raise `timeout`, or find out why the endpoint takes long",
    ),
    NetworkErrorKind.INTERRUPTED: (
        "the program was told to end (a cancelled step, or Ctrl-C) before {origin} had answered",
        "What is kept can be sent later by flow-telemetry replay",
    ),
    NetworkErrorKind.OTHER: (
        "a request to {origin} failed{detail}",
        "This kind of failure is not known here: please report it",
    ),
}
# One batch is no reason to give up the next.
_PASSING = frozenset(
    {
        NetworkErrorKind.CLOSED,
        NetworkErrorKind.NOT_HTTP,
        NetworkErrorKind.ENCODING,
        NetworkErrorKind.OTHER,
    }
)


def reason_of_network_error(response: OtlpResponse, target: TargetDescription) -> FailureReason:
    """Return the cause that a response's trouble is; the response has one."""
    error = response.error or NetworkErrorKind.OTHER
    problem, advice = _TEXTS[error]
    if error is NetworkErrorKind.CERTIFICATE:
        advice = extension_advice(response.detail) or advice
    detail = target.redactor.shown(response.detail)
    return FailureReason(
        key=error.name,
        problem=problem.format(
            origin=target.origin,
            seconds=f"{response.seconds:.3g}",
            detail=f": {detail}" if detail else "",
        ),
        advice=advice.format(headers=target.headers),
        status=response.status,
        lasting=error not in _PASSING,
        nouns=target.nouns,
    )


# Why a response is a refusal, in words: what the endpoint did, and what the user can do.

# What Go's, nginx's and Apache's servers say to plain HTTP on a TLS port.
_SAID_TO_PLAIN_HTTP = (
    "http request to an https server",
    "plain http request was sent to https",
    "speaking plain http to an ssl-enabled server",
)
_BUSY = "The backend or a proxy before it is overloaded or down; what is spooled can be sent later"
_UNKNOWN = "See the backend's own log and documentation"
# By status; {headers}, {path}, {signal} and {item} stand for what all advice on them says.
_ADVICE = {
    400: "What answers did not understand the request: mostly it is no OTLP/HTTP receiver. {path}",
    401: "The credentials are missing, wrong or expired, or lack their scheme, such as Bearer or "
    "Basic; {headers}",
    403: "The credentials may not write {signal} here, or something before the backend refuses "
    "this client; {headers}",
    404: "Nothing takes {signal} at this address. {path}",
    405: "Nothing takes POST requests at this address. {path}",
    407: "Give the proxy's credentials in the variable that names it, such as HTTPS_PROXY",
    408: "The server waited too long for the request: the connection to it is slow",
    413: "A proxy or the backend takes smaller requests only, smaller than one {item} alone: raise "
    "its limit",
    415: "Protobuf, or its compression, is not taken here: try OTEL_EXPORTER_OTLP_COMPRESSION=none",
    429: "The backend's rate limit or quota is used up; what is spooled can be sent later",
    500: "The backend failed on this request; its own log tells why",
    501: "What answers takes no OTLP over HTTP. {path}",
    502: _BUSY,
    503: _BUSY,
    504: _BUSY,
}
# No batch fares better than the one before; the last four were tried until that made no sense.
_LASTING = frozenset({401, 403, 404, 405, 407, 415, 501, 429, 502, 503, 504})

# What a server answers that has no such path, or nothing behind it that takes a POST.
_ABSENT = frozenset({404, 405, 501})
# They are about what the request holds, and the same items hold the same later.
_FINAL = frozenset({400, 413, 422})


def of_rejection(message: str, target: TargetDescription) -> FailureReason:
    """A partial success: OTLP counts what was refused, and does not tell which."""
    said = target.quoted(message)
    return FailureReason(
        key="rejected",
        problem=f"{target.origin} took the request but rejected some {target.nouns.item}s{said}",
        advice=f"See the backend's limits on the age, size and number of {target.nouns.item}s",
        rejection=True,
        final=True,
        nouns=target.nouns,
    )


def of_foreign_body(response: OtlpResponse, target: TargetDescription) -> FailureReason:
    """A 2xx that is no word of an OTLP receiver."""
    status, said = response.status, target.quoted(server_words(response))
    if is_page(response):
        what = "an HTML page"
        advice = f"It is a login page, or a web interface at a wrong path. {target.wrong_path}"
    else:
        what = "something that is not OTLP"
        advice = f"Something else than an OTLP receiver answered. {target.wrong_path}"
    return FailureReason(
        key=what,
        problem=f"{target.origin} answered {status} with {what}{said}",
        advice=advice,
        status=status,
        lasting=True,
        nouns=target.nouns,
    )


def of_status(response: OtlpResponse, target: TargetDescription) -> FailureReason:
    """Any status but a 2xx."""
    status, words = response.status or 0, server_words(response)
    if any(phrase in words.lower() for phrase in _SAID_TO_PLAIN_HTTP):
        return reason_of_network_error(
            OtlpResponse(status=status, error=NetworkErrorKind.PLAIN_TO_TLS), target
        )
    if 300 <= status < 400:
        return _of_redirect(response, target)
    advice = _ADVICE.get(status, _UNKNOWN)
    return FailureReason(
        key=f"status {status}",
        problem=f"{target.origin} answered {_named(status)}{target.quoted(words)}",
        advice=advice.format(
            headers=target.headers,
            path=target.wrong_path,
            signal=target.nouns.signal,
            item=target.nouns.item,
        ),
        status=status,
        lasting=status in _LASTING,
        absent=status in _ABSENT,
        final=status in _FINAL,
        nouns=target.nouns,
    )


def _of_redirect(response: OtlpResponse, target: TargetDescription) -> FailureReason:
    there = _redirected_to(response, target)
    where = f"to {there}"
    advice = (
        f"Redirects are not followed: they would carry the headers elsewhere. {target.wrong_path}"
    )
    if there is None:
        where = "that does not say where to"
    elif there == target.origin:
        where = "to another path of the same host"
        advice = f"Mostly that path is a login page. {target.wrong_path}"
    elif urlsplit(there).hostname == urlsplit(target.origin).hostname:
        advice = f"Let `otlp-endpoint` begin with {there}, as the server asks"
    status = response.status or 0
    return FailureReason(
        key=f"redirect {where}",
        problem=f"{target.origin} answered {_named(status)}, a redirect {where}",
        advice=advice,
        status=status,
        lasting=True,
        nouns=target.nouns,
    )


def not_taken(target: TargetDescription, items: int, status: int) -> str:
    """A backend without a signal, such as Jaeger for events: something to know, no failure."""
    nouns = target.nouns
    return (
        f"{target.origin} takes no {nouns.signal} ({status} at /v1/{target.signal.value}): "
        f"{nouns.some(items)} not sent. A list without {nouns.signal} in `signals`, such as "
        "signals: traces, keeps them from being tried"
    )


def _redirected_to(response: OtlpResponse, target: TargetDescription) -> str | None:
    """Scheme and host that a redirect leads to."""
    if not response.location:
        return None
    try:
        return target.redactor.shown(origin(urljoin(target.url, response.location)))
    except ValueError:
        return None


def _named(status: int) -> str:
    """The status with the name that the standard gives it, not the server's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


# Judging a response: delivered, partly rejected, or not delivered, and why.
#
# Pure. Delivered is only what the specification calls so: a 2xx whose body is the protocol's own,
# or empty, and which rejects nothing (https://opentelemetry.io/docs/specs/otlp/#otlphttp-
# response).

# What a response calls the number of items that it rejected.
_REJECTED = {
    Signal.TRACES: ("rejectedSpans", "rejected_spans"),
    Signal.LOGS: ("rejectedLogRecords", "rejected_log_records"),
    Signal.METRICS: ("rejectedDataPoints", "rejected_data_points"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What a response means for the batch that it answers.

    ``cause`` is None only where all was delivered without a word; ``rejected`` counts what the
    backend refused of a batch that it took otherwise; ``warning`` is what it said though it took
    everything. ``said`` are a refusal's own words, not fit to be shown.
    """

    delivered: bool
    rejected: int = 0
    cause: FailureReason | None = None
    warning: str = ""
    said: str = field(default="", repr=False, compare=False)

    def refuses(self, reason: re.Pattern[str], *statuses: int) -> bool:
        """Whether items were refused for a reason, in part or with one of the statuses."""
        cause = self.cause
        if cause is None or not (cause.rejection or cause.status in statuses):
            return False
        return reason.search(self.said) is not None


def classify_response(
    response: OtlpResponse, target: TargetDescription, items: int
) -> ExportResult:
    """Return what the response of a target to a request of so many items means."""
    status = response.status
    if status is None:
        return _refused(reason_of_network_error(response, target))
    if not 200 <= status < 300:
        return _refused(of_status(response, target), server_words(response))
    if response.error is not None:
        return _refused(reason_of_network_error(response, target))
    return _classify_success(response, target, items)


def _refused(cause: FailureReason, said: str = "") -> ExportResult:
    return ExportResult(delivered=False, cause=cause, said=said)


def _classify_success(
    response: OtlpResponse, target: TargetDescription, items: int
) -> ExportResult:
    if not response.body.strip():
        return ExportResult(delivered=True)
    partial = _partial_success(response, target.signal)
    if partial is None:
        return _refused(of_foreign_body(response, target))
    rejected, message = partial
    if rejected > 0:
        cause = of_rejection(message, target)
        return ExportResult(
            delivered=True, rejected=min(rejected, items), cause=cause, said=message
        )
    shown = target.redactor.shown(message)
    warning = f"{target.origin} took everything, and says: {shown}" if shown else ""
    return ExportResult(delivered=True, warning=warning)


def _partial_success(response: OtlpResponse, signal: Signal) -> tuple[int, str] | None:
    """Rejected items and message of the response; None where the body is no such response."""
    if response.truncated:
        return None
    kind = response.content_type.partition(";")[0].strip().lower()
    if kind in ("application/x-protobuf", "application/protobuf", "application/octet-stream", ""):
        found = _from_protobuf(response.body, signal)
        if found is not None:
            return found
    return _from_json(response.body, signal)


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
