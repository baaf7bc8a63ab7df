"""A sweep that cannot read all ends at once, and says why and what is left to the next one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.fakes.faults import Answer, Request, black_hole, status
from tests.fakes.github import FakeGitHub, secondary_rate_limit
from tests.fakes.receiver import Receiver
from tests.fakes.world import World
from tests.support.program import Program, Result, spans_in_file
from tests.support.sweeps import QUERY_REFUSED, ago, asks_for_several, merged, names, sweep

MOST = 60
COMMAND = ("sweep", "--repo", "acme/shop", "--since", "1d")

REFUSALS = {
    "wait an hour": (secondary_rate_limit(3600), "asks to wait 3600 s"),
    "wait a while": (secondary_rate_limit(None), "asks to wait 60 s"),
    "too many": (secondary_rate_limit(None, 429), "asks to wait 60 s"),
    "a refused token": (status(401), "does not accept the token"),
}


@pytest.fixture(autouse=True)
def many(world: World) -> None:
    """More pull requests than are read before the end."""
    for number in range(1, MOST + 1):
        merged(world, number, ago(minutes=10 * number + 30))


def of_one(request: Request) -> bool:
    """Whether a request is for the details of pull requests, and not for a list of them."""
    of_list = b"query Closings(" in request.body
    return not of_list and ("/pulls/" in request.target or "graphql" in request.target)


def left(told: str) -> int:
    """How many things are left, by the one sentence that says so."""
    (number,) = re.findall(r"(\d+) things? (?:is|are) left to the next sweep", told)
    return int(number)


def is_partial(result: Result) -> bool:
    """Whether the first line but for those of progress says so."""
    return re.search(r"^partial: ", result.stderr, re.MULTILINE) is not None


@pytest.mark.parametrize(("answer", "why"), REFUSALS.values(), ids=REFUSALS)
def test_the_action_asks_no_more_where_it_was_told_to_stop(
    program: Program, github: FakeGitHub, answer: Answer, why: str
) -> None:
    """One warning with the reason, and not one for each thing; the other lists were read."""
    github.script(of_one, answer, times=None)
    result = sweep(program, fail_on_error=True, timeout=30)
    (warning,) = result.warnings
    assert why in warning
    assert (result.status, left(warning)) == (0, MOST)
    assert len([each for each in github.requests if of_one(each)]) <= 10


@pytest.mark.parametrize(("answer", "why"), REFUSALS.values(), ids=REFUSALS)
def test_the_command_line_asks_no_more_either(
    program: Program, github: FakeGitHub, receiver: Receiver, answer: Answer, why: str
) -> None:
    """What was sent before the end has left, and is not among what is left."""
    github.script(of_one, answer, after=5, times=None)
    result = program.command(*COMMAND, "--timeout", 30, "--otlp-endpoint", receiver.url)
    assert (result.status, why in result.stderr) == (1, True)
    assert is_partial(result)
    assert left(result.stderr) == MOST - len(names(receiver))
    assert 0 < len(names(receiver)) < MOST
    assert len([each for each in github.requests if of_one(each)]) <= 20


@pytest.mark.parametrize(("answer", "why"), REFUSALS.values(), ids=REFUSALS)
def test_the_next_sweep_goes_on_where_the_last_one_was_stopped(
    program: Program, github: FakeGitHub, receiver: Receiver, answer: Answer, why: str
) -> None:
    """Each thing is exported once, and none becomes pending."""
    refuses = True
    github.script(lambda request: refuses and of_one(request), answer, after=5, times=None)
    first = sweep(program, fail_on_error=True, timeout=30)
    assert (first.status, why in first.warnings[0]) == (0, True)
    refuses = False
    second = sweep(program)
    assert second.warnings == []
    assert sorted(names(receiver)) == sorted(f"pull request #{n}" for n in range(1, MOST + 1))


def test_a_small_rate_limit_leaves_the_rest_to_the_next_sweep(
    program: Program, world: World, receiver: Receiver
) -> None:
    """With `--ledger` the next one goes on with exactly the rest; without, the status is 1."""
    # Else a request beyond the limit would wait for an hour.
    command = (*COMMAND, "--timeout", 60, "--otlp-endpoint", receiver.url)
    with FakeGitHub(world, rate_limit=30) as small:
        # The limit is that of REST: nothing is read by a query for several things.
        small.script(asks_for_several, QUERY_REFUSED, times=None)
        first = program.command(
            *command, "--ledger", "ledger.json", environ={"GITHUB_API_URL": small.url}
        )
    assert (first.status, is_partial(first)) == (0, True)
    remaining = left(first.stderr)
    assert 0 < remaining < MOST
    second = program.command(*command, "--ledger", "ledger.json")
    assert second.status == 0
    assert f"{remaining} things were exported" in second.stderr
    assert len(names(receiver)) == len(set(names(receiver))) == MOST


def test_the_points_of_queries_end_a_sweep_as_requests_do(
    program: Program, world: World, receiver: Receiver
) -> None:
    """They are a limit of their own, and the message names it; the next sweep has the rest."""
    command = (*COMMAND, "--timeout", 60, "--otlp-endpoint", receiver.url)
    with FakeGitHub(world) as small:
        # Others who use the token have left 120 of 5,000.
        small.used["graphql"] = 4880
        first = program.command(
            *command, "--ledger", "ledger.json", environ={"GITHUB_API_URL": small.url}
        )
    assert "the rate limit of the token for GraphQL is nearly used up" in first.stderr
    # A hundred are for others; the points of queries under way are known only later.
    assert 4900 < small.used["graphql"] < 5000
    assert 0 < left(first.stderr) <= MOST
    second = program.command(*command, "--ledger", "ledger.json")
    assert second.status == 0
    assert len(names(receiver)) == len(set(names(receiver))) == MOST


def test_a_file_says_what_is_not_in_it(program: Program) -> None:
    """`--output` holds what was read until the end."""
    result = program.command(*COMMAND, "--max-requests", 11, "--output", "spans.jsonl")
    held = spans_in_file(Path(program.folder, "spans.jsonl"))
    whole = {each.name for each in held if each.attributes["flow.entity.type"] == "opening"}
    assert result.status == 1
    assert "max-requests" in result.stderr
    assert 0 < len(whole) <= MOST - left(result.stderr) < MOST


@pytest.mark.parametrize("door", ["action", "command line"])
def test_the_end_of_the_time_is_told_once(
    program: Program, github: FakeGitHub, receiver: Receiver, door: str
) -> None:
    """GitHub says nothing any more, and each of what is left would have to be told else."""
    github.script(of_one, black_hole(), after=5, times=None)
    if door == "action":
        result = sweep(program, timeout=6)
        told = result.warnings
    else:
        result = program.command(*COMMAND, "--timeout", 6, "--otlp-endpoint", receiver.url)
        told = [each for each in result.stderr.splitlines() if each.startswith("problem: ")]
        assert result.status == 1
    # On a slow machine the backend may have had no time for those that were read.
    spooled = [span.name for span in result.spooled if span.name.startswith("pull request #")]
    assert left(" ".join(told)) >= MOST - len(names(receiver)) - len(spooled) - 4
    assert "`timeout`" in " ".join(told)
    assert len(told) <= 12


def test_a_list_that_ends_early_says_why(program: Program, github: FakeGitHub) -> None:
    """Nothing was found at all, so the reason is all there is to tell."""
    github.script("/pulls", secondary_rate_limit(3600), times=None)
    result = sweep(program, fail_on_error=True, timeout=30)
    assert result.status == 1
    assert "asks to wait 3600 s" in " ".join(result.errors)
    assert "unknown things are left to the next sweep" in " ".join(result.errors)
