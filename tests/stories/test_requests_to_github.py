"""What an export takes of GitHub's limits is in the summary, and goes with its metrics."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.stories.points import by, names, series
from tests.support import closings
from tests.support.program import Program, Result
from tests.support.sweeps import ago, merged, sweep

REQUESTS, LEFT = "flow.github.requests", "flow.github.rate_limit.remaining"
API, SUBJECT = "flow.github.api", "flow.export.subject"
LINE = re.compile(
    r"<sub>GitHub: (\d+) requests?, ([\d,]+) of 5,000 left until \d\d:\d\d UTC"
    r"(?:; (\d+) GraphQL quer(?:y|ies)(?: for about (\d+) points?)?, ([\d,]+) of 4,000 left until "
    r"\d\d:\d\d UTC)?</sub>"
)


@pytest.fixture(autouse=True)
def limits(github: FakeGitHub) -> None:
    """Others have used the token before."""
    github.point_limit = 4000
    github.used.update(core=100, graphql=200)


@pytest.fixture
def run(world: World) -> Run:
    """A run of a pull request."""
    world.pull_request(123)
    return world.run(event="pull_request", branch="feature", jobs=[job("t", steps=[step("T", 3)])])


def said(result: Result) -> list[int]:
    """Return the numbers of the summary's line: requests, what is left; of GraphQL with points."""
    plain = result.summary.replace("\\", "")
    (found,) = LINE.findall(plain)
    return [int(text.replace(",", "")) for text in found if text]


def sent(github: FakeGitHub) -> dict[str, int]:
    """Return the requests that the fake got, by API."""
    graphql = sum("graphql" in path for path in github.paths)
    return {"rest": len(github.paths) - graphql, "graphql": graphql}


def test_the_summary_has_requests_points_and_what_is_left(
    program: Program, github: FakeGitHub, run: Run
) -> None:
    """One line, REST and GraphQL apart; the points of a single query are not known."""
    told, count = said(program.export(run)), sent(github)
    assert count["graphql"] == 1
    assert told == [
        *(count["rest"], 5000 - github.used["core"]),
        *(1, 4000 - github.used["graphql"]),
    ]
    assert github.used["core"] - 100 == count["rest"]


@pytest.mark.parametrize("signals", ["traces,events,metrics", "metrics"])
def test_requests_are_counted_by_api_and_subject(
    program: Program, github: FakeGitHub, receiver: Receiver, run: Run, signals: str
) -> None:
    """A sum for the requests, and a gauge with the time of the reading for what is left."""
    before = datetime.now(timezone.utc).timestamp() * 1e9
    program.export(run, signals=signals)
    assert by(receiver, REQUESTS, API) == sent(github)
    assert by(receiver, LEFT, API) == {
        "rest": 5000 - github.used["core"],
        "graphql": 4000 - github.used["graphql"],
    }
    assert set(by(receiver, REQUESTS, SUBJECT)) == {"run"}
    points = [*receiver.points_of(REQUESTS), *receiver.points_of(LEFT)]
    assert {point.attributes["github.repository"] for point in points} == {"acme/shop"}
    assert {point.resource["service.name"] for point in points} == {"github"}
    assert {point.temporality for point in receiver.points_of(REQUESTS)} == {"DELTA"}
    now = datetime.now(timezone.utc).timestamp() * 1e9
    assert all(before <= point.time <= now for point in receiver.points_of(LEFT))


def test_more_exports_make_no_more_series(
    program: Program, world: World, receiver: Receiver
) -> None:
    """No run, pull request or branch is in them."""
    for number in range(4):
        program.export(
            world.run(workflow=f"W{number}", branch=f"b{number}", jobs=[job("t")]),
            signals="metrics",
        )
    points = [*receiver.points_of(REQUESTS), *receiver.points_of(LEFT)]
    assert len(points) == 4 * len(series(points))


def test_a_pull_request_and_an_issue_name_their_kind(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Each with its own metrics."""
    world.issue(7, "Pay by card", type="Story", closed_at="2026-11-24T09:00:00Z")
    world.pull_request(
        8, opened_at="2026-11-24T06:00:00Z", merged_at="2026-11-24T08:00:00Z", branch="cart"
    )
    results = [closings.pull_request(program, 8), closings.issue(program, "acme/shop#7")]
    assert set(by(receiver, REQUESTS, SUBJECT)) == {"change", "item"}
    assert all(said(result) for result in results)


@pytest.mark.parametrize("inputs", [{"signals": "traces"}, {"signals": "traces,events"}], ids=str)
def test_without_metrics_there_are_none_of_these(
    program: Program, receiver: Receiver, run: Run, inputs: dict[str, Any]
) -> None:
    """The summary has them all the same."""
    assert said(program.export(run, **inputs))
    assert receiver.requests_to("metrics") == []


def test_what_is_not_exported_sends_no_metrics_about_itself(
    program: Program, github: FakeGitHub, receiver: Receiver, run: Run
) -> None:
    """A run that `workflows` does not choose is skipped: it is read, and nothing beside it."""
    result = program.export(run, workflows="!CI")
    assert (result.outputs["status"], receiver.requests) == ("skipped", [])
    count = sent(github)
    assert count["graphql"] == 0
    assert said(result) == [count["rest"], 5000 - github.used["core"]]


def test_a_server_without_limits_counts_requests_only(
    program: Program, github: FakeGitHub, receiver: Receiver, run: Run
) -> None:
    """GitHub Enterprise Server has none unless its owner sets some."""
    github.rate_limit = None
    result, count = program.export(run), sent(github)
    told = f"GitHub: {count['rest']} requests; {count['graphql']} GraphQL query</sub>"
    assert told in result.summary.replace("\\", "")
    assert names(receiver, "flow.github.") == {REQUESTS}


def test_a_sweep_sends_its_requests_once_at_its_end(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """However many things it exported, and in how many groups."""
    for number in range(1, 61):
        merged(world, number, ago(minutes=10 * number + 30))
    result = sweep(program)
    assert by(receiver, REQUESTS, SUBJECT) == {"sweep": len(github.requests)}
    assert by(receiver, REQUESTS, API) == sent(github)
    assert len(receiver.points_of(REQUESTS)) == len(receiver.points_of(LEFT)) == 2
    requests, left, queries, points, points_left = said(result)
    assert {"rest": requests, "graphql": queries} == sent(github)
    assert (left, points_left) == (5000 - github.used["core"], 4000 - github.used["graphql"])
    # All but what the first query cost beyond the one point that each does.
    assert queries <= points <= github.used["graphql"] - 200 <= points + 2


def test_a_sweep_that_ends_early_sends_them_too(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """That is when somebody looks at them."""
    for number in range(1, 100):
        merged(world, number, ago(minutes=10 * number + 30))
    result = sweep(program, max_requests=18)
    assert result.outputs["status"] == "partial"
    assert sum(by(receiver, REQUESTS, API).values()) == len(github.requests) == 18
    assert said(result)[0] == sent(github)["rest"]


def test_a_quiet_sweep_sends_them_with_its_open_work(
    program: Program, github: FakeGitHub, receiver: Receiver
) -> None:
    """It exports nothing, and its requests are of the token all the same."""
    sweep(program)
    assert "flow.load" in names(receiver)
    assert by(receiver, REQUESTS, API) == sent(github)
