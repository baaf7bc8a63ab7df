"""A run links to what started it, where the run itself was told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.spans import SpanLink
from tests.fakes.world import World, job, step
from tests.support import references
from tests.support.program import Program

TRACE, SPAN = "ab" * 16, "cd" * 8


def deploying(world: World, event: str) -> Run:
    """A run of two jobs whose last step is ours."""
    ours = [step("Export telemetry", conclusion=None)]
    jobs = [job("deploy"), job("last", None, steps=ours)]
    return world.run(workflow="Deploy", event=event, jobs=jobs)


def causes(receiver: Receiver) -> list[SpanLink]:
    """The links of the run's span to what started it."""
    links = receiver.span("RUN Deploy").links
    return [link for link in links if link.attributes["flow.link"] == "cause"]


def test_a_run_that_another_started_links_to_that_ones_span(
    program: Program, world: World, receiver: Receiver
) -> None:
    """On `workflow_run` the ids are those under which the other's own export sends it."""
    world.pull_request(123)
    build = world.run(event="pull_request", branch="feature", jobs=[job("test")])
    own = deploying(world, "workflow_run")
    event = events.workflow_run(world, build)
    place = {"GITHUB_EVENT_NAME": "workflow_run"}
    program.inside(own, "last", place, event=event, mode="run")
    (link,) = causes(receiver)
    pull = references.pull(123)
    assert link.trace_id == references.trace_id(pull)
    assert link.span_id == references.span_id(pull, references.run_of(build))


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("workflow_dispatch", {"inputs": {"traceparent": f"00-{TRACE}-{SPAN}-01"}}),
        ("repository_dispatch", {"client_payload": {"traceparent": f"00-{TRACE}-{SPAN}-01"}}),
    ],
)
def test_a_dispatch_hands_a_span_on(
    program: Program, world: World, receiver: Receiver, event: str, payload: dict[str, Any]
) -> None:
    """Whoever dispatches may say from where, in the words of W3C Trace Context."""
    program.inside(deploying(world, event), "last", event=payload)
    (link,) = causes(receiver)
    assert (link.trace_id, link.span_id) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "text",
    [
        *("", "00-1-2-01", "::error::x"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01"),
        # The first version has no further fields, and the last is not a version.
        *(f"00-{TRACE}-{SPAN}-01-more", f"ff-{TRACE}-{SPAN}-01"),
    ],
)
def test_what_is_no_traceparent_makes_no_link(
    program: Program, world: World, receiver: Receiver, text: str
) -> None:
    """The run is sent without a word: the payload is anybody's."""
    run = deploying(world, "workflow_dispatch")
    result = program.inside(run, "last", event={"inputs": {"traceparent": text}})
    assert causes(receiver) == []
    assert result.warnings == []


def test_from_outside_nobody_knows(program: Program, world: World, receiver: Receiver) -> None:
    """The same run exported once it has ended has no such link."""
    run = world.run(workflow="Deploy", event="workflow_dispatch", jobs=[job("deploy")])
    program.export(run)
    assert causes(receiver) == []
