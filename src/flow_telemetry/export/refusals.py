"""Why an answer is a refusal, in words: what the endpoint did, and what the user can do."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from flow_telemetry.export import no_answer
from flow_telemetry.export.answer import Answer, Trouble
from flow_telemetry.export.causes import Cause, Place
from flow_telemetry.export.redaction import origin
from flow_telemetry.export.words import is_page, server_words

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


def of_rejection(message: str, place: Place) -> Cause:
    """A partial success: OTLP counts what was refused, and does not tell which."""
    said = place.quoted(message)
    return Cause(
        key="rejected",
        problem=f"{place.origin} took the request but rejected some {place.nouns.item}s{said}",
        advice=f"See the backend's limits on the age, size and number of {place.nouns.item}s",
        rejection=True,
        final=True,
        nouns=place.nouns,
    )


def of_foreign_body(answer: Answer, place: Place) -> Cause:
    """A 2xx that is no word of an OTLP receiver."""
    status, said = answer.status, place.quoted(server_words(answer))
    if is_page(answer):
        what = "an HTML page"
        advice = f"It is a login page, or a web interface at a wrong path. {place.wrong_path}"
    else:
        what = "something that is not OTLP"
        advice = f"Something else than an OTLP receiver answered. {place.wrong_path}"
    return Cause(
        key=what,
        problem=f"{place.origin} answered {status} with {what}{said}",
        advice=advice,
        status=status,
        lasting=True,
        nouns=place.nouns,
    )


def of_status(answer: Answer, place: Place) -> Cause:
    """Any status but a 2xx."""
    status, words = answer.status or 0, server_words(answer)
    if any(phrase in words.lower() for phrase in _SAID_TO_PLAIN_HTTP):
        return no_answer.of_trouble(Answer(status=status, trouble=Trouble.PLAIN_TO_TLS), place)
    if 300 <= status < 400:
        return _of_redirect(answer, place)
    advice = _ADVICE.get(status, _UNKNOWN)
    return Cause(
        key=f"status {status}",
        problem=f"{place.origin} answered {_named(status)}{place.quoted(words)}",
        advice=advice.format(
            headers=place.headers,
            path=place.wrong_path,
            signal=place.nouns.signal,
            item=place.nouns.item,
        ),
        status=status,
        lasting=status in _LASTING,
        absent=status in _ABSENT,
        final=status in _FINAL,
        nouns=place.nouns,
    )


def _of_redirect(answer: Answer, place: Place) -> Cause:
    there = _redirected_to(answer, place)
    where = f"to {there}"
    advice = (
        f"Redirects are not followed: they would carry the headers elsewhere. {place.wrong_path}"
    )
    if there is None:
        where = "that does not say where to"
    elif there == place.origin:
        where = "to another path of the same host"
        advice = f"Mostly that path is a login page. {place.wrong_path}"
    elif urlsplit(there).hostname == urlsplit(place.origin).hostname:
        advice = f"Let input otlp-endpoint begin with {there}, as the server asks"
    status = answer.status or 0
    return Cause(
        key=f"redirect {where}",
        problem=f"{place.origin} answered {_named(status)}, a redirect {where}",
        advice=advice,
        status=status,
        lasting=True,
        nouns=place.nouns,
    )


def not_taken(place: Place, items: int, status: int) -> str:
    """A backend without a signal, such as Jaeger for events: something to know, no failure."""
    nouns = place.nouns
    return (
        f"{place.origin} takes no {nouns.signal} ({status} at /v1/{place.signal.value}): "
        f"{nouns.some(items)} not sent. A list without {nouns.signal} in input signals, such as "
        "signals: traces, keeps them from being tried"
    )


def _redirected_to(answer: Answer, place: Place) -> str | None:
    """Scheme and host that a redirect leads to."""
    if not answer.location:
        return None
    try:
        return place.redactor.shown(origin(urljoin(place.url, answer.location)))
    except ValueError:
        return None


def _named(status: int) -> str:
    """The status with the name that the standard gives it, not the server's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
