"""`identity-aliases` keeps the ids of what was renamed."""

from __future__ import annotations

from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job
from tests.support import references
from tests.support.program import Program


def test_a_renamed_repository_keeps_its_trace(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Ids are made from the old name; what is shown is the new one."""
    world.pull_request(123)
    run = world.run(event="pull_request", branch="feature", jobs=[job("test")])
    program.export(run, identity_aliases="Acme/Shop=acme/store\n")
    old = "github.com/acme/store"
    of_run = receiver.span("RUN CI")
    assert of_run.trace_id == references.trace_id(references.pull(123, old))
    assert of_run.attributes["flow.reference"] == references.run_of(run, old)
    assert of_run.attributes["github.repository"] == "acme/shop"
    assert of_run.resource["vcs.repository.name"] == "shop"


def test_a_renamed_feature_keeps_its_trace(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A key of Jira that was moved leads to the trace of its old key."""
    run = world.run(jobs=[job("test")])
    program.export(run, feature_key="CORE-9", identity_aliases="core-9=ACME-57")
    root = receiver.span("RUN CI")
    assert root.trace_id == references.trace_id("jira/ACME-57")
    assert root.attributes["flow.feature.key"] == "CORE-9"


def test_an_alias_that_is_none_is_named(program: Program, world: World) -> None:
    """Each line has a new and an old name of one kind."""
    for text in ("acme/new", "=acme/old", "acme/new=ACME-57"):
        result = program.export(world.run(jobs=[job("t")]), identity_aliases=text)
        (error,) = result.errors
        assert "`identity-aliases`" in error
