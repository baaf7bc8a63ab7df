"""Subjects that are read side by side come in their order, and no faster than GitHub allows."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier

import pytest

from flow_telemetry.errors import BudgetExceeded
from flow_telemetry.github.rate_limit import MOST_A_MINUTE, RequestBudget
from flow_telemetry.model.api_usage import Api
from flow_telemetry.subjects.run import MAX_CONCURRENT_READS, read_concurrently


def never() -> bool:
    """Go on to the end."""
    return False


def test_several_are_read_at_once_and_come_in_order() -> None:
    """None of them ends before all have begun."""
    together = Barrier(MAX_CONCURRENT_READS, timeout=20)

    def read(number: int) -> Iterator[int]:
        together.wait()
        yield number

    found = list(read_concurrently(read, range(MAX_CONCURRENT_READS), stop=never))
    assert [results for _, results, _ in found] == [[n] for n in range(MAX_CONCURRENT_READS)]


def test_what_fails_keeps_what_was_read_of_it_and_the_others() -> None:
    """A change that arrived stays, though its deployment could not be read."""

    def read(number: int) -> Iterator[int]:
        yield number
        if number == 1:
            raise BudgetExceeded("no more")

    found = list(read_concurrently(read, range(3), stop=never))
    assert [(results, str(error or "")) for _, results, error in found] == [
        ([0], ""),
        ([1], "no more"),
        ([2], ""),
    ]


def test_none_is_begun_after_the_end_and_what_was_begun_still_comes() -> None:
    """The budget was used up while several were being read."""
    begun: list[int] = []

    def read(number: int) -> Iterator[int]:
        begun.append(number)
        yield number

    found = list(read_concurrently(read, range(100), stop=lambda: bool(begun)))
    assert [item for item, _, _ in found] == sorted(begun)
    assert len(begun) <= MAX_CONCURRENT_READS


@pytest.mark.parametrize("api", Api)
def test_no_minute_holds_more_requests_than_github_takes(api: Api) -> None:
    """After the first ones at full speed, the next waits until the first is a minute old."""
    budget, most = RequestBudget(), MOST_A_MINUTE[api]
    budget.limits.note(
        api, {f"x-ratelimit-{name}": "5000" for name in ("remaining", "limit", "reset")}
    )
    assert [budget.pause(api, now=10.0) for _ in range(most)] == [0.0] * most
    assert budget.pause(api, now=30.0) == 40.0
    assert [budget.pause(other, now=30.0) for other in Api if other is not api] == [0.0]


def test_a_server_without_limits_is_no_reason_to_wait() -> None:
    """GitHub Enterprise Server has none unless its owner sets some."""
    budget = RequestBudget()
    assert {budget.pause(Api.REST, now=10.0) for _ in range(2_000)} == {0.0}
