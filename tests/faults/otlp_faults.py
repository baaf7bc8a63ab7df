"""The faults of an OTLP endpoint, and of the way to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from tests.fakes.faults import (
    Answer,
    Request,
    black_hole,
    bomb,
    dripping,
    drop,
    echo,
    html,
    huge,
    redirect,
    reset,
    status,
)
from tests.fakes.receiver import partial_success
from tests.faults.cases import (
    EVERY,
    OTLP_CALLS,
    Call,
    Case,
    Made,
    OnStage,
    Side,
    hangs_at_resolving,
    has_dead_addresses,
    scripted,
)
from tests.faults.stage import Stage, with_credentials
from tests.otlp.authority import Authority
from tests.otlp.servers import closed_port_url, raw_server

A_DAY = "86400"
LONG_AGO, LONG_AHEAD = "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 2100 23:59:59 GMT"
BUSY = (408, 429, 502, 503, 504)
REFUSALS = (400, 401, 403, 404, 405, 413, 500, 501)
JSON = {"Content-Type": "application/json"}
TAKEN = b'{"partialSuccess": {}}'
SLOW = Answer(headers=JSON, body=TAKEN, drip=0.1)
# The field of a message that is longer than the message.
DAMAGED = Answer(headers={"Content-Type": "application/x-protobuf"}, body=b"\x0a\x7f")
CUT = Answer(headers=JSON, body=TAKEN[:9], promised=len(TAKEN))
LASTING: dict[str, Made] = {
    "301 to another path": redirect("/login", 301),
    "302 to another path": redirect("/login", 302),
    "303 to another path": redirect("/login", 303),
    "307 to another host": OnStage(lambda stage: redirect(f"{stage.elsewhere.url}/v1/traces")),
    "308 to another host": OnStage(lambda stage: redirect(stage.elsewhere.url, 308)),
    "307 without a target": status(307),
    "307 to no address": redirect("http://[::1"),
    "200 with an HTML login page": html(),
    "403 with an HTML page": html(403, "Access denied"),
    "503 with an HTML page, `Retry-After` of a day": Answer(
        status=503,
        headers={"Content-Type": "text/html", "Retry-After": A_DAY},
        body=b"<html><title>Maintenance</title>",
    ),
    "200 with text": status(200, "ok"),
    "200 with damaged protobuf": DAMAGED,
    "200 with 3 MB of nothing": huge(3_000_000),
    "200 with 256 MB of nothing, gzipped": bomb(),
    "200, said to be gzip": status(200, "no gzip", content_encoding="gzip"),
    "200 with an answer that is cut off": CUT,
    "299 with text": status(299, "odd"),
    "401 that repeats the credentials": echo(401),
    "400 that repeats the credentials": echo(400),
    "500 that repeats the credentials": echo(500),
    "418": status(418),
    "422": status(422),
    "silence": black_hole(),
    "headers that drip": dripping(0.1, since="headers"),
    "a body that drips": SLOW,
    "the connection ends": drop(),
    "the connection is reset": reset(),
}
PASSING: dict[str, Made] = {
    "429 once, `Retry-After: 0`": status(429, retry_after="0"),
    "503 once, `Retry-After: 0`": status(503, retry_after="0"),
    "503 once, `Retry-After: 1`": status(503, retry_after="1"),
    "429 once, `Retry-After` a date that is past": status(429, retry_after=LONG_AGO),
    "502 once, `Retry-After` that cannot be read": status(502, retry_after="soon"),
    "the connection ends once": drop(),
    "the connection is reset once": reset(),
    "silence once": black_hole(),
    "an answer that is cut off once": CUT,
}


def otlp_cases() -> Iterator[Case]:
    """Yield all single faults of the endpoint."""
    yield from _of_statuses()
    for fault, made in LASTING.items():
        yield _case(fault, EVERY, made)
    for number, (fault, made) in enumerate(PASSING.items()):
        yield _case(fault, OTLP_CALLS[number % 3], made, times=1, heals=True)
    for call in OTLP_CALLS:
        yield _case("200 with an HTML login page", call, html())
        yield _case("307 to another host", call, LASTING["307 to another host"])
        yield _case("the connection ends", call, drop())
        yield _case("503, `Retry-After` of a day", call, status(503, retry_after=A_DAY))
        yield _case("2 are rejected, with a reason", call, partial_success(2, "too old"))
        yield _case("2 are rejected, without a reason", call, partial_success(2))
        yield _case("more are rejected than were sent", call, partial_success(9999, "no"))
        yield _case("a word of warning, and nothing rejected", call, partial_success(0, "slow"))
        yield _case("413 for more than 1,100 bytes", call, _too_large)
    yield from _of_addresses()
    yield from _of_machines()


def kill_cases() -> Iterator[Case]:
    """Yield kills of the program while it waits for the answer to a request."""
    for call in (EVERY, *OTLP_CALLS):
        yield _case("the program is killed while it waits", call, black_hole())


def _of_statuses() -> Iterator[Case]:
    for number, code in enumerate(BUSY):
        yield _case(f"{code}", EVERY, status(code))
        yield _case(f"{code} once", OTLP_CALLS[number % 3], status(code), times=1, heals=True)
        later = status(code, retry_after=A_DAY)
        yield _case(f"{code}, `Retry-After` of a day", EVERY, later)
    for code in (429, 503):
        later = status(code, retry_after=LONG_AHEAD)
        yield _case(f"{code}, `Retry-After` a date in 2100", EVERY, later)
    for code in REFUSALS:
        for call in (EVERY, *OTLP_CALLS):
            yield _case(f"{code}", call, status(code))


def _too_large(request: Request, answer: Answer) -> Answer:
    return status(413) if len(request.body) > 1100 else answer


def _of_addresses() -> Iterator[Case]:
    ways: dict[str, Callable[[Stage], str]] = {
        "no listener on the port": lambda _: closed_port_url(),
        "a host name that is not known": lambda _: "http://otlp.invalid:4318",
        "a wrong path": lambda stage: f"{stage.receiver.url}/wrong",
        "`https://` where TLS is not spoken": lambda stage: stage.receiver.url.replace(
            "http:", "https:"
        ),
        "`http://` where TLS is spoken": lambda stage: f"http://{_tls(stage)}",
        "an untrusted certificate": lambda stage: f"https://{_tls(stage)}",
        "a port that does not speak HTTP": _noise,
        "200 with two `Content-Length`": _contradiction,
    }
    for fault, url in ways.items():

        def strike(stage: Stage, url: Callable[[Stage], str] = url) -> None:
            stage.endpoint = with_credentials(url(stage))

        needs = ("openssl",) if "TLS is spoken" in fault or "certificate" in fault else ()
        yield Case(side=Side.OTLP, fault=fault, call=EVERY.name, strike=strike, needs=needs)


def _of_machines() -> Iterator[Case]:
    """Yield the faults of the machine that the program runs on."""

    def no_resolver(stage: Stage) -> None:
        hangs_at_resolving("otlp.invalid", stage)
        stage.endpoint = with_credentials("http://otlp.invalid:4318")

    def dead_addresses(stage: Stage) -> None:
        has_dead_addresses("otlp.invalid", stage)
        stage.endpoint = with_credentials("http://otlp.invalid:4318")

    def pipe(stage: Stage) -> None:
        path = stage.program.folder / "authorities.pem"
        os.mkfifo(path)
        stage.endpoint = with_credentials("https://localhost:4318")
        stage.environ["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(path)

    for fault, strike in {
        "a resolver that hangs": no_resolver,
        "12 addresses that do not answer": dead_addresses,
        "a certificate file that is a pipe": pipe,
    }.items():
        yield Case(
            side=Side.OTLP, fault=fault, call=EVERY.name, strike=strike, only_posix=strike is pipe
        )


def _tls(stage: Stage) -> str:
    folder = stage.program.folder / "authority"
    folder.mkdir()
    server = raw_server(b"", Authority(folder).server())
    return f"localhost:{stage.rest.enter_context(server).partition(':')[2]}"


def _noise(stage: Stage) -> str:
    return f"http://{stage.rest.enter_context(raw_server(b'220 mail.example ESMTP'))}"


def _contradiction(stage: Stage) -> str:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
    return f"http://{stage.rest.enter_context(raw_server(answer))}"


def _case(
    fault: str, call: Call, made: Made, *, times: int | None = None, heals: bool = False
) -> Case:
    strike = scripted(Side.OTLP, call, made, times)
    return Case(side=Side.OTLP, fault=fault, call=call.name, strike=strike, heals=heals)
