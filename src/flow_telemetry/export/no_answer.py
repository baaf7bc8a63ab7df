"""Why no answer came, or no whole one, in words: what happened, and what the user can do."""

from __future__ import annotations

from flow_telemetry.broken import PROXY_ADVICE, extension_advice
from flow_telemetry.export.answer import Answer, Trouble
from flow_telemetry.export.causes import Cause, Place

# {origin} is the endpoint, {seconds} the time that the request was given, {detail} a library's
# word with a colon before it, or nothing.
_TEXTS = {
    Trouble.REFUSED: (
        "{origin} refused the connection",
        "Nothing listens there: check host and port of input otlp-endpoint (OTLP over HTTP mostly "
        "has port 4318), and that the receiver runs where this job can reach it",
    ),
    Trouble.NAME: (
        "the host name of {origin} could not be resolved",
        "Check input otlp-endpoint for a typing error; a private name needs a runner that is in "
        "the same network",
    ),
    Trouble.UNREACHABLE: (
        "{origin} cannot be reached from here",
        "Check host and port of input otlp-endpoint, and the network of the runner",
    ),
    Trouble.CONNECT_TIMEOUT: (
        "no connection to {origin} came about within {seconds} s",
        "A firewall may drop what the runner sends: check host and port of input otlp-endpoint, "
        "and whether the backend lets this runner in",
    ),
    Trouble.TIMEOUT: (
        "{origin} did not finish an answer within {seconds} s",
        "The backend or a proxy before it is overloaded, or no HTTP server listens on that port; "
        "OTEL_EXPORTER_OTLP_TIMEOUT (in milliseconds) gives a request more time",
    ),
    Trouble.CLOSED: (
        "{origin} closed the connection without a whole answer",
        "The backend or a proxy before it failed, or the port speaks another protocol: check that "
        "input otlp-endpoint has the port of OTLP over HTTP, and https:// where it uses TLS",
    ),
    Trouble.CERTIFICATE: (
        "the certificate of {origin} was not accepted{detail}",
        "Where a private authority signed it, name its file in OTEL_EXPORTER_OTLP_CERTIFICATE or "
        "SSL_CERT_FILE; else check the host in input otlp-endpoint and whether the certificate has "
        "expired",
    ),
    Trouble.TLS: (
        "no TLS connection to {origin} came about{detail}",
        "Check the port of input otlp-endpoint; a backend that asks for a client certificate gets "
        "the one that OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE names",
    ),
    Trouble.TLS_TO_PLAIN: (
        "{origin} speaks plain HTTP, not TLS, on that port",
        "Let input otlp-endpoint begin with http://, or give the port that uses TLS",
    ),
    Trouble.PLAIN_TO_TLS: (
        "{origin} asks for TLS on that port",
        "Let input otlp-endpoint begin with https://",
    ),
    Trouble.NOT_HTTP: (
        "{origin} answered something that is not HTTP/1.1",
        "The port may be that of OTLP over gRPC: give the port of OTLP over HTTP, mostly 4318",
    ),
    Trouble.PROXY: (
        "the proxy on the way to {origin} did not make a connection{detail}",
        PROXY_ADVICE,
    ),
    Trouble.CA_FILE: (
        "the certificates for {origin} could not be read",
        "Check the files that OTEL_EXPORTER_OTLP_CERTIFICATE, REQUESTS_CA_BUNDLE and "
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE name",
    ),
    Trouble.HEADER: (
        "a header for {origin} cannot be sent",
        "A name or value in input otlp-headers holds a character that HTTP does not allow, such "
        "as a line break; {headers}",
    ),
    Trouble.URL: (
        "{origin} is no address that a request can be sent to",
        "Check input otlp-endpoint",
    ),
    Trouble.ENCODING: (
        "a request for {origin} could not be encoded",
        "This is a fault of this program: please report it",
    ),
    Trouble.DEADLINE: (
        "the time for everything (input timeout) ended before {origin} had answered",
        "Raise input timeout, or find out why the endpoint takes long",
    ),
    Trouble.INTERRUPTED: (
        "the program was told to end (a cancelled step, or Ctrl-C) before {origin} had answered",
        "What is kept can be sent later by flow-telemetry replay",
    ),
    Trouble.OTHER: (
        "a request to {origin} failed{detail}",
        "This kind of failure is not known here: please report it",
    ),
}
# One batch is no reason to give up the next.
_PASSING = frozenset({Trouble.CLOSED, Trouble.NOT_HTTP, Trouble.ENCODING, Trouble.OTHER})


def of_trouble(answer: Answer, place: Place) -> Cause:
    """Return the cause that an answer's trouble is; the answer has one."""
    trouble = answer.trouble or Trouble.OTHER
    problem, advice = _TEXTS[trouble]
    if trouble is Trouble.CERTIFICATE:
        advice = extension_advice(answer.detail) or advice
    detail = place.redactor.shown(answer.detail)
    return Cause(
        key=trouble.name,
        problem=problem.format(
            origin=place.origin,
            seconds=f"{answer.seconds:.3g}",
            detail=f": {detail}" if detail else "",
        ),
        advice=advice.format(headers=place.headers),
        status=answer.status,
        lasting=trouble not in _PASSING,
        nouns=place.nouns,
    )
