"""A deployment delivers once it succeeds, after what was in the environment before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.builders import SHOP, at, minutes

from flow_telemetry.model import Deployment, DeploymentStatus, Result
from flow_telemetry.rules.deployments import (
    delivery_interval,
    delivery_result,
    succeeded_at,
    successes_before,
)


def deployment(
    number: int, created: float, *statuses: tuple[float, str], environment: str = "production"
) -> Deployment:
    """Return a deployment: `deployment(1, 0, (5, "success"))`."""
    return Deployment(
        repository=SHOP,
        id=number,
        environment=environment,
        sha=f"{number:040x}",
        created_at=at(created),
        statuses=tuple(DeploymentStatus(state=state, time=at(m)) for m, state in statuses),
    )


def previous_successful(made: Deployment, others: Iterable[Deployment]) -> Deployment | None:
    """Return the last success before a deployment."""
    return next(reversed(successes_before(made, others)), None)


def test_a_deployment_lasts_from_its_creation_to_its_success() -> None:
    """That a later one took its place says nothing; GraphQL writes the states in upper case."""
    done = deployment(1, 0, (1, "queued"), (3, "IN_PROGRESS"), (7, "SUCCESS"), (90, "INACTIVE"))
    assert succeeded_at(done) == at(7)
    assert delivery_result(done) is Result.SUCCESS
    interval = delivery_interval(done)
    assert interval
    assert minutes(interval) == (0, 7)


@pytest.mark.parametrize(
    ("states", "result", "end"),
    [
        (("failure", "error"), Result.FAILURE, 1),
        (("error",), Result.ERROR, 1),
        (("failure", "success"), Result.FAILURE, 1),
        (("success", "failure"), Result.SUCCESS, 1),
        (("success", "success"), Result.SUCCESS, 1),
        (("in_progress",), None, None),
        (("in_progress", "inactive"), None, None),
        ((), None, None),
    ],
)
def test_how_a_deployment_ended(
    states: tuple[str, ...], result: Result | None, end: int | None
) -> None:
    """The first final status counts; one that was replaced before came to nothing."""
    found = deployment(1, 0, *enumerate(states, 1))
    interval = delivery_interval(found)
    assert delivery_result(found) is result
    assert (minutes(interval)[1] if interval else None) == end


def test_the_previous_one_succeeded_last_before() -> None:
    """Not those that failed, go elsewhere, or came to their end later."""
    this = deployment(9, 50, (60, "success"))
    before = deployment(3, 20, (40, "success"), (60, "inactive"))
    others = [
        deployment(1, 0, (10, "success")),
        before,
        deployment(4, 45, (55, "failure")),
        deployment(5, 45, (55, "success"), environment="staging"),
        deployment(6, 45, (65, "success")),
        replace(deployment(7, 45, (55, "success")), repository=replace(SHOP, name="other")),
        this,
    ]
    assert previous_successful(this, others) == before
    assert previous_successful(deployment(1, 0, (10, "success")), others) is None


def test_one_created_later_may_have_been_there_before() -> None:
    """Of two at work at once, the ends tell which replaced which; equal ones, their numbers."""
    slow, fast = deployment(1, 0, (30, "success")), deployment(2, 10, (20, "success"))
    assert previous_successful(slow, [slow, fast]) == fast
    assert previous_successful(fast, [slow, fast]) is None
    same = deployment(3, 5, (30, "success"), environment="Production")
    assert previous_successful(same, [slow, fast]) == slow


def test_of_one_without_success_the_creation_counts() -> None:
    """What it would have delivered."""
    first = deployment(1, 0, (10, "success"))
    assert previous_successful(deployment(2, 20, (30, "failure")), [first]) == first
    assert previous_successful(deployment(2, 5), [first]) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_successful_deployments_are_one_row(times: list[tuple[int, int]]) -> None:
    """Each but the first replaces another one, so that every change is delivered once."""
    found = [
        deployment(number, created, (created + lasted, "success"))
        for number, (created, lasted) in enumerate(times)
    ]
    before = [previous_successful(each, found) for each in found]
    replaced = [each.id for each in before if each]
    assert len(set(replaced)) == len(replaced) == max(len(found) - 1, 0)
