"""The faults of what is read: GitHub and Jira."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tests.fakes.faults import (
    Answer,
    Request,
    altered,
    black_hole,
    bomb,
    cut_off,
    dripping,
    drop,
    echo,
    endless,
    html,
    huge,
    no_gzip,
    redirect,
    reset,
    status,
    truncated,
)
from tests.fakes.github import secondary_rate_limit
from tests.fakes.jira import rate_limited
from tests.faults.cases import (
    AHEAD,
    EVERY,
    GITHUB_CALLS,
    ISSUE_CALLS,
    JIRA_CALLS,
    Call,
    Case,
    Made,
    OnStage,
    Side,
    hangs_at_resolving,
    has_dead_addresses,
    scripted,
)
from tests.faults.stage import Exported, Stage

FORBIDDEN = '{"message": "Resource not accessible by integration"}'
USED_UP = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "4102444800"}
WENT_WRONG = {"type": "SERVICE_UNAVAILABLE", "message": "Something went wrong"}
NO_DATA = status(200, json.dumps({"data": None, "errors": [WENT_WRONG]}))
# Cheap ones, for each kind of request.
REFUSED: dict[str, Made] = {
    "401": status(401),
    "403": status(403, FORBIDDEN),
    "404": status(404),
    "200 with an HTML page": html(),
    "JSON that is cut": truncated(40),
    "an empty object": status(200, "{}"),
}
OF_GITHUB: dict[str, Made] = {
    "410": status(410),
    "422": status(422),
    "429, `Retry-After` of a day": status(429, retry_after="86400"),
    "the rate limit is used up for long": status(403, FORBIDDEN, **USED_UP),
    "a secondary rate limit for long": secondary_rate_limit(3600),
    "503": status(503),
    "503, `Retry-After` of a day": status(503, retry_after="86400"),
    "the connection ends": drop(),
    "the connection is reset": reset(),
    "silence": black_hole(),
    "headers that drip": dripping(0.05, since="headers"),
    "a body that drips": dripping(0.05),
    "an answer that is cut off": cut_off(30),
    "an answer said to be gzip": no_gzip(),
    "3 MB of nothing": huge(3_000_000),
    "null": status(200, "null"),
    "an empty list": status(200, "[]"),
    "302 to another host": OnStage(lambda stage: redirect(stage.elsewhere.url, 302)),
    "302 to itself": OnStage(lambda stage: redirect(f"{stage.github.url}/x", 302)),
    "403 that repeats the credentials": echo(403),
    "404 that repeats the credentials": echo(404),
    "256 MB of nothing, gzipped": bomb(),
}
PASSING: dict[str, Made] = {
    "500 once": status(500),
    "502 once, `Retry-After: 0`": status(502, retry_after="0"),
    "503 once, `Retry-After: 0`": status(503, retry_after="0"),
    "504 once, `Retry-After: 0`": status(504, retry_after="0"),
    "429 once, `Retry-After: 0`": status(429, retry_after="0"),
    "a secondary rate limit once": secondary_rate_limit(1),
    "the connection ends once": drop(),
    "the connection is reset once": reset(),
    "an answer that is cut off once": cut_off(30),
}
SHORTLY: dict[str, Made] = {
    name: OF_GITHUB[name]
    for name in ("503, `Retry-After` of a day", "a secondary rate limit for long")
}
SOON = PASSING["503 once, `Retry-After: 0`"]
OF_LISTS = ("its jobs", "its annotations", "the timeline of the pull request")
OF_GRAPHQL = (*(call for call in GITHUB_CALLS if "GraphQL" in call.name), AHEAD)
# Jira has the same faults, but for those that only GitHub has.
OF_JIRA: dict[str, Made] = {
    name: made
    for name, made in OF_GITHUB.items()
    if "limit" not in name and "302" not in name and "list" not in name
} | {
    "302 to another host": OF_GITHUB["302 to another host"],
    "a rate limit for long": rate_limited(3600),
    "a token that Jira does not know": lambda _, answer: replace(
        answer, headers={**answer.headers, "X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
    ),
}


def github_cases() -> Iterator[Case]:
    """Yield all single faults of GitHub."""
    for call in GITHUB_CALLS:
        for fault, made in REFUSED.items():
            if (fault, call.name) != ("JSON that is cut", "pull requests of the branch"):
                yield _case(Side.GITHUB, fault, call, made)  # That list is empty anyway.
    spread = [call for call in GITHUB_CALLS if "branch" not in call.name]
    for number, (fault, made) in enumerate(OF_GITHUB.items()):
        for call in (GITHUB_CALLS[0], spread[1 + number % (len(spread) - 1)]):
            yield _case(Side.GITHUB, fault, call, made)
    for number, (fault, made) in enumerate(PASSING.items()):
        for call in (spread[number], spread[-1 - number]):
            yield _case(Side.GITHUB, fault, call, made, times=1, heals=True)
    yield from _ahead()
    yield from _of_answers()
    of_issue = {**REFUSED, **{name: OF_GITHUB[name] for name in ("410", "null")}, **SHORTLY}
    for call in ISSUE_CALLS:
        for fault, made in of_issue.items():
            yield replace(_case(Side.GITHUB, fault, call, made), exports=Exported.ISSUE)
        later = _case(Side.GITHUB, "503 once, `Retry-After: 0`", call, SOON, times=1, heals=True)
        yield replace(later, exports=Exported.ISSUE)
    yield from _of_machines(Side.GITHUB)


def _ahead() -> Iterator[Case]:
    """A query that only saves requests: without it everything is read by them."""
    for fault, made in {**REFUSED, **OF_GITHUB}.items():
        yield _case(Side.GITHUB, fault, AHEAD, made)
    yield _case(Side.GITHUB, "503 once, `Retry-After: 0`", AHEAD, SOON, times=1, heals=True)


def _of_answers() -> Iterator[Case]:
    """What only GitHub's lists and its GraphQL can come to."""
    for call in GITHUB_CALLS:
        if call.name in OF_LISTS:
            yield _case(Side.GITHUB, "a list without end", call, OnStage(lambda _: endless()))
            yield _case(Side.GITHUB, "a list whose next page is empty", call, _one_more)
    yield _case(Side.GITHUB, "more jobs are named than given", GITHUB_CALLS[1], altered(_more))
    for call in OF_GRAPHQL:
        yield _case(Side.GITHUB, "errors and no data", call, NO_DATA)
        yield _case(Side.GITHUB, "errors beside the data", call, altered(_with_errors))
        yield _case(Side.GITHUB, "nothing but nulls in the data", call, altered(_nulls))


def jira_cases() -> Iterator[Case]:
    """Yield all single faults of Jira."""
    for call in JIRA_CALLS:
        for fault, made in REFUSED.items():
            yield _case(Side.JIRA, fault, call, made)
    for number, (fault, made) in enumerate(OF_JIRA.items()):
        yield _case(Side.JIRA, fault, JIRA_CALLS[number % 3], made)
    for number, (fault, made) in enumerate(PASSING.items()):
        if "secondary" not in fault:
            yield _case(Side.JIRA, fault, JIRA_CALLS[number % 3], made, times=1, heals=True)
    for fault in ("503", "silence", "200 with an HTML page"):
        yield _case(Side.JIRA, fault, EVERY, {**OF_JIRA, **REFUSED}[fault])
    yield from _of_machines(Side.JIRA)
    yield from _cancelled()


def _of_machines(side: Side) -> Iterator[Case]:
    """Yield what the machine can do to all requests to one server."""
    host = f"{side.name.lower()}.invalid"

    def lead(stage: Stage) -> None:
        if side is Side.JIRA:
            stage.jira_address = f"http://{host}:8080"
        else:
            stage.environ["GITHUB_API_URL"] = f"http://{host}:8080"

    def no_resolver(stage: Stage) -> None:
        hangs_at_resolving(host, stage)
        lead(stage)

    def dead_addresses(stage: Stage) -> None:
        has_dead_addresses(host, stage)
        lead(stage)

    yield Case(side=side, fault="a resolver that hangs", call=EVERY.name, strike=no_resolver)
    yield Case(
        side=side, fault="12 addresses that do not answer", call=EVERY.name, strike=dead_addresses
    )


def _cancelled() -> Iterator[Case]:
    """Yield a cancelled step, at the moment when a tracker is silent."""

    def strike(stage: Stage, call: Call) -> None:
        def cancel(request: Request, answer: Answer) -> Answer:
            stage.cancel()
            return black_hole()

        stage.has_process = True
        stage.jira.script(call.fits, cancel, times=None)

    for call in JIRA_CALLS:
        yield Case(
            side=Side.JIRA,
            fault="silence, and the step is cancelled",
            call=call.name,
            strike=partial(strike, call=call),
            only_posix=True,
        )


def _one_more(request: Request, answer: Answer) -> Answer:
    if request.query.get("page", "1") != "1":
        return answer
    link = {"Link": f'<{request.path}?page=2>; rel="next"'}
    return replace(answer, headers={**answer.headers, **link})


def _more(jobs: Any) -> None:
    jobs["total_count"] += 1


def _with_errors(answer: Any) -> None:
    answer["errors"] = [WENT_WRONG]


def _nulls(answer: Any) -> None:
    answer["data"] = dict.fromkeys(answer["data"])


def _case(
    side: Side,
    fault: str,
    call: Call,
    made: Made,
    *,
    times: int | None = None,
    heals: bool = False,
) -> Case:
    strike = scripted(side, call, made, times)
    return Case(side=side, fault=fault, call=call.name, strike=strike, heals=heals)
