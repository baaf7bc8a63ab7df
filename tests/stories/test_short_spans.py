"""What began and ended in one second: longer than the opening span that it hangs below."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes.receiver import Receiver
from tests.fakes.world import START, World
from tests.support import closings
from tests.support.order import disorder
from tests.support.program import Program


def test_a_run_without_jobs_is_longer_than_the_opening(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Such as one whose workflow file could not be used: Jaeger would warn of it."""
    world.pull_request(123, branch="fix")
    run = world.run(branch="fix", event="pull_request", jobs=[], conclusion="startup_failure")
    assert program.export(run).status == 0
    assert disorder(receiver.spans) == []
    (span,) = (s for s in receiver.spans if s.attributes["flow.entity.type"] == "run")
    assert span.end - span.start >= 2_000


def test_a_pull_request_that_is_closed_at_once_has_a_life(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A span without length is shown twice by Jaeger if it is sent twice."""
    world.pull_request(123, branch="fix", opened_at=START, closed_at=START)
    assert closings.pull_request(program, 123).status == 0
    assert disorder(receiver.spans) == []
    assert [s.name for s in receiver.spans if s.end - s.start == 2_000] == ["open until closed"]


def test_an_issue_that_is_closed_at_once_has_a_life(
    program: Program, world: World, receiver: Receiver
) -> None:
    """In the trace of the item, and as the feature of its own."""
    closed = START + timedelta(days=1)
    world.issue(42, "Epic", type="Epic", opened_at=START, closed_at=closed)
    world.issue(17, "Made by a script", parent=42, opened_at=START, closed_at=START)
    assert closings.issue(program, "acme/shop#17", trace_scope="item").status == 0
    assert closings.issue(program, "acme/shop#42").status == 0
    assert disorder(receiver.spans) == []
