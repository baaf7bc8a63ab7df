"""For an export from outside, tools' files come from artifacts that the run keeps."""

from __future__ import annotations

import struct
from datetime import timedelta
from io import BytesIO
from stat import S_IFLNK
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.stories.job.test_tool_traces import (
    FOREIGN,
    a_line,
    a_span,
    notices,
    run_reference,
    tools,
)
from tests.support.program import Program, Result

from flow_telemetry.identity import TraceIdentity

INPUT = "trace-artifacts"
LINE = a_line(a_span())


@pytest.fixture
def run(world: World) -> Run:
    """A run that has ended."""
    return world.run(jobs=[job("test", steps=[step("Run pytest", 60)])])


def export(program: Program, run: Run, **inputs: Any) -> Result:
    return program.export(run, **{"trace_artifacts": "traces-*", **inputs})


def test_files_in_an_artifact_go_along(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """Spans of the run's trace stand in it; other traces are linked beside the run."""
    trace = TraceIdentity(root=run_reference(run))
    parent = trace.span_id(f"github.com/acme/shop/actions/runs/{run.id}/job/{run.job('test').id}")
    ours = a_line(a_span(trace=trace.trace_id, number=5, parent=parent))
    world.artifact("traces-linux", {"a/x.otlp.jsonl": f"{LINE}\n{ours}", "b.txt": "no"}, run=run.id)
    result = export(program, run)
    assert (result.outputs["status"], result.notices) == ("exported", [])
    assert receiver.span("span 5").parent_span_id == receiver.span("test").span_id
    measured = receiver.span("measured")
    assert measured.parent_span_id == receiver.span("RUN CI").span_id
    assert [link.trace_id for link in measured.links] == [FOREIGN]
    assert "From 1 file of tools: 1 span of this trace, 1 span of 1 other trace." in result.summary


def test_the_command_line_reads_them_too(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """`export run` stands outside of the run as well."""
    world.artifact("traces", {"x.otlp.jsonl": LINE}, run=run.id)
    result = program.command(
        *("export", "run", f"--run-id={run.id}", "--repository=acme/shop"),
        *("--trace-artifacts=traces", f"--otlp-endpoint={receiver.url}"),
    )
    assert result.status == 0, result.log
    assert len(tools(receiver)) == 1


def test_names_choose(program: Program, world: World, run: Run, receiver: Receiver) -> None:
    """Of artifacts by trace-artifacts, of files in them by trace-files."""
    world.artifact("traces-a", {"x.jsonl": LINE, "y.otlp.jsonl": "{"}, run=run.id)
    world.artifact("traces-b", {"x.jsonl": "{"}, run=run.id)
    world.artifact("coverage", {"x.jsonl": "{"}, run=run.id)
    result = export(program, run, trace_artifacts="traces-*\n!traces-b", trace_files="*.jsonl\n!y*")
    assert (result.notices, len(tools(receiver))) == ([], 1)


def test_none_is_asked_for_without_the_input(
    program: Program, world: World, run: Run, github: FakeGitHub
) -> None:
    """A request less for everybody else."""
    world.artifact("traces-a", {"x.otlp.jsonl": LINE}, run=run.id)
    export(program, run, trace_artifacts="", trace_files="**")
    assert not [path for path in github.paths if "artifacts" in path]


def test_those_of_another_attempt_are_that_ones(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub lists the artifacts of all attempts of a run."""
    first = world.run(jobs=[job("test", "failure")])
    again = world.rerun(first, jobs=[job("test")], after=600)
    world.artifact("traces-1", {"x.otlp.jsonl": LINE}, run=first.id, created_at=first.updated_at)
    world.artifact(
        "traces-2",
        {"x.otlp.jsonl": a_line(a_span(number=2))},
        run=first.id,
        created_at=again.updated_at,
    )
    export(program, first)
    assert [span.name for span in tools(receiver)] == ["span 1"]
    export(program, again)
    assert [span.name for span in tools(receiver)] == ["span 1", "span 2"]


@pytest.mark.parametrize("allowed", [False, True])
def test_a_forks_artifacts_are_read_only_if_allowed(
    program: Program, world: World, receiver: Receiver, github: FakeGitHub, allowed: bool
) -> None:
    """Whoever opens a pull request writes them."""
    world.repository("mallory/shop", fork=True)
    run = world.run(event="pull_request", head_repository="mallory/shop", jobs=[job("test")])
    world.artifact("traces-a", {"x.otlp.jsonl": LINE}, run=run.id)
    result = export(program, run, fork_artifacts=allowed)
    asked = [path for path in github.paths if "artifacts" in path]
    assert (len(tools(receiver)), bool(asked)) == (int(allowed), allowed)
    if not allowed:
        (notice,) = notices(result, INPUT)
        assert "fork-artifacts" in notice
    assert result.outputs["status"] == "exported"


def test_of_a_deleted_fork_too(program: Program, world: World, receiver: Receiver) -> None:
    """GitHub does not say then where the commit came from."""
    run = world.run(event="pull_request", head_repository=None, jobs=[job("test")])
    world.artifact("traces-a", {"x.otlp.jsonl": LINE}, run=run.id)
    result = export(program, run)
    assert "of a fork" in notices(result, INPUT)[0]
    assert tools(receiver) == []


def bomb() -> bytes:
    """Return an archive of 100 MiB of nothing in 100 kB."""
    stream = BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
        archive.writestr("x.otlp.jsonl", b" " * (100 * 1024 * 1024))
    return stream.getvalue()


def liar() -> bytes:
    """Return one that says that its file is small."""
    content = bytearray(bomb())
    entry = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, entry + 24, 10)
    return bytes(content)


def paths() -> bytes:
    """Return one whose files lead elsewhere: out of it, to a root, by a link."""
    stream = BytesIO()
    with ZipFile(stream, "w") as archive:
        archive.writestr("../x.otlp.jsonl", LINE)
        archive.writestr("/etc/x.otlp.jsonl", LINE)
        link = ZipInfo("link.otlp.jsonl")
        link.external_attr = (S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return stream.getvalue()


@pytest.mark.parametrize("content", [bomb(), liar(), paths(), b"PK\x03\x04", b"no archive", b""])
def test_a_hostile_archive_does_nothing(
    program: Program, world: World, run: Run, receiver: Receiver, content: bytes
) -> None:
    """A notice names it, the others are read, and nothing is written anywhere."""
    world.artifact("traces-bad", content, run=run.id)
    world.artifact("traces-good", {"x.otlp.jsonl": a_line(a_span(number=2))}, run=run.id)
    before = sorted(program.folder.rglob("*"))
    result = export(program, run)
    assert [span.name for span in tools(receiver)] == ["span 2"]
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    assert "(traces-bad) of acme/shop" in notices(result, INPUT)[0]
    new = {path.name for path in program.folder.rglob("*")} - {path.name for path in before}
    assert new <= {"output", "summary", "event.json", "temp"}


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_an_archive_or_told(
    content: bytes, program: Program, world: World, run: Run
) -> None:
    """Also those that begin like one."""
    world.artifacts.clear()
    world.artifact("traces-a", b"PK\x05\x06" + content, run=run.id)
    result = export(program, run)
    assert (result.status, result.outputs["status"], len(result.notices)) == (0, "exported", 1)


def test_one_that_expired_is_told(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """The run leaves all the same."""
    world.artifact("traces-a", {"x.otlp.jsonl": LINE}, run=run.id, expired=True)
    result = export(program, run)
    (notice,) = notices(result, INPUT)
    assert "traces-a" in notice
    assert receiver.tree()[0] == "RUN CI"


def test_where_there_is_none_it_is_told(program: Program, run: Run) -> None:
    """A pattern with a slip would be looked for in vain."""
    assert notices(export(program, run), INPUT) == [f"no artifact of run {run.id} fits"]


def test_a_list_that_may_not_be_read_is_told(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """The run leaves all the same."""
    github.script("/artifacts", status(403), times=None)
    result = export(program, run)
    assert len(notices(result, INPUT)) == 1
    assert receiver.tree()[0] == "RUN CI"


def test_of_many_artifacts_the_newest_are_read(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """A matrix of hundreds of jobs would take as many requests."""
    for number in range(1, 24):
        content = {"x.otlp.jsonl": a_line(a_span(number=number))}
        world.artifact(f"traces-{number}", content, run=run.id)
    result = export(program, run)
    assert notices(result, INPUT)[0] == "3 artifacts more than the 20 that are read of a run"
    assert {span.name for span in tools(receiver)} == {f"span {n}" for n in range(4, 24)}


def test_one_from_before_the_run_is_none_of_its(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """Times tell, and the services of GitHub do not have one clock."""
    early = run.created_at - timedelta(hours=1)
    world.artifact("traces-a", {"x.otlp.jsonl": LINE}, run=run.id, created_at=early)
    result = export(program, run)
    assert (tools(receiver), len(result.notices)) == ([], 1)
