"""The result of a command for people, for scripts, and for pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, deployment_status, job, sha_of, step
from tests.stories.worlds import feature
from tests.support import references
from tests.support.program import Program, Result


@pytest.fixture
def run(world: World) -> Run:
    """A run with a job."""
    return world.run(jobs=[job("test", queued=4, steps=[step("Run pytest", 12)])])


def export(program: Program, run: Run, *flags: str) -> Result:
    return program.command("export", "run", run.id, "--repo=acme/shop", *flags)


def parsed(result: Result) -> Any:
    """Standard output as JSON; nothing else may be there."""
    return json.loads(result.stdout)


def test_an_export_as_json(program: Program, run: Run, receiver: Receiver) -> None:
    """The form of docs/reference/command-line.md; messages stay on standard error."""
    url = "https://tempo.example/{trace_id}"
    flags = (f"--otlp-endpoint={receiver.url}", f"--trace-url={url}", "--json")
    result = export(program, run, *flags)
    assert (result.status, "exported: " in result.stderr) == (0, True)
    found = parsed(result)
    assert set(found) == {
        *("status", "failed", "subjects", "deliveries", "problems", "notices", "left_out"),
        "seconds",
    }
    assert (found["status"], found["failed"]) == ("exported", False)
    (subject,) = found["subjects"]
    root = receiver.span("RUN CI")
    assert subject == {
        "title": "RUN CI",
        "reference": references.run_of(run),
        "root": references.run_of(run),
        "trace_id": root.trace_id,
        "span_id": root.span_id,
        "trace_url": f"https://tempo.example/{root.trace_id}",
        "start": subject["start"],
        "end": subject["end"],
        "partial": False,
    }
    assert subject["start"] < subject["end"]
    by_signal = {each["signal"]: each for each in found["deliveries"]}
    assert by_signal["traces"] == {
        "signal": "traces",
        "destination": receiver.url,
        "collected": 5,
        "sent": 5,
        "spooled": 0,
        "lost": 0,
        "declined": 0,
    }


@pytest.mark.usefixtures("run")
def test_a_failed_export_as_json(program: Program, receiver: Receiver) -> None:
    """The status is in it, and in the exit status."""
    words = ("export", "run", "4711", "--repo=acme/shop", "--json")
    result = program.command(*words, f"--otlp-endpoint={receiver.url}")
    found = parsed(result)
    assert (result.status, found["failed"], found["subjects"]) == (1, True, [])
    assert "run 4711 of acme/shop" in found["problems"][0]


def test_a_drawing_alone_says_that_nothing_was_sent(program: Program, run: Run) -> None:
    """And how to send; a page alone says so, too."""
    page = program.folder / "page.html"
    for flags in (["--print"], [f"--html={page}"], [f"--html={page}", "--json"]):
        result = export(program, run, *flags)
        assert result.status == 0
        assert "notice: nothing was sent: set --otlp-endpoint" in result.stderr
        assert "nowhere" not in result.stderr
    assert (parsed(result)["status"], parsed(result)["deliveries"]) == ("skipped", [])


def test_quiet_shows_problems_only(program: Program, run: Run, receiver: Receiver) -> None:
    """Nothing at all if there is none."""
    quiet = (f"--otlp-endpoint={receiver.url}", "--quiet")
    good = export(program, run, *quiet)
    assert (good.status, good.stdout, good.stderr) == (0, "", "")
    bad = program.command("export", "run", "4711", "--repo=acme/shop", *quiet)
    assert bad.status == 1
    assert [line.partition(":")[0] for line in bad.stderr.splitlines()] == ["problem"]


def test_a_check_as_json(program: Program, world: World, receiver: Receiver) -> None:
    """Each test by itself: only the lines for people are folded."""
    world.history(sha_of("head"))
    world.run(sha=sha_of("head"), jobs=[job("test")])
    words = ("check", "acme/shop", "--json")
    good = program.command(*words, f"--otlp-endpoint={receiver.url}")
    found = parsed(good)
    assert (good.status, found["works"]) == (0, True)
    assert set(found) == {"works", "results", "settings"}
    assert {each["state"] for each in found["results"]} == {"ok", "note"}
    bad = parsed(program.command(*words, "--otlp-endpoint=http://127.0.0.1:9"))
    failing = [each for each in bad["results"] if each["state"] == "fails"]
    assert [each["name"].partition(" to ")[0] for each in failing] == [
        *("traces", "events", "metrics")
    ]
    assert len({each["detail"] for each in failing}) == 1


def test_a_quiet_check_shows_failures_only(program: Program, world: World) -> None:
    """For a scheduled job that sends a mail if there is output."""
    world.history(sha_of("head"))
    world.run(sha=sha_of("head"), jobs=[job("test")])
    result = program.command("check", "acme/shop", "-q", "--otlp-endpoint=http://127.0.0.1:9")
    (line,) = result.stdout.splitlines()
    assert line.startswith("FAILS traces, events and metrics to http://127.0.0.1:9: ")


def test_a_run_is_explained_as_json(program: Program, world: World) -> None:
    """The candidates with the reasons, the items and the traces."""
    made = feature(world)
    words = ("explain", "run", made.first_attempt.id, "--repo=acme/shop", "--run-attempt=1")
    found = parsed(program.command(*words, "--json"))
    assert (found["kind"], found["attempt"]) == ("run", 1)
    assert found["pull_request"]["chosen"]["number"] == 11
    assert [item["key"] for item in found["work_items"]["items"]] == ["acme/shop#2", "acme/shop#1"]
    assert [item["feature"] for item in found["work_items"]["items"]] == [False, True]
    assert [trace["kind"] for trace in found["traces"]] == ["live", "feature"]
    assert found["not_read"] == []


def test_a_pull_request_is_explained(program: Program, world: World, receiver: Receiver) -> None:
    """Its items and why, and the ids of its traces, which are those that are sent."""
    feature(world)
    url = "https://github.com/acme/shop/pull/11"
    for scope in ("run", "change", "item", "feature"):
        lines = program.command("explain", url, f"--trace-scope={scope}").stdout
        assert lines.startswith("pull request #11 (opened 2025-11-04 09:00")
        assert "  found since the pull request closes it" in lines
        before = len(receiver.spans)
        words = ("export", url, f"--trace-scope={scope}", f"--otlp-endpoint={receiver.url}")
        assert program.command(*words).status == 0
        sent = [
            span
            for span in receiver.spans[before:]
            if span.attributes.get("flow.entity.type") in ("change", "opening")
        ]
        assert f"trace {sent[0].trace_id}, span of the pull request " in lines
    assert "feature trace:\n  root github.com/acme/shop/issues/1" in lines


def test_an_issue_is_explained(program: Program, world: World) -> None:
    """With the items above it; a scope without spans of items has no live trace of it."""
    feature(world)
    url = "https://github.com/acme/shop/issues/2"
    lines = program.command("explain", url).stdout
    assert lines.startswith("Story acme/shop#2: ")
    assert "  Epic acme/shop#1, the feature" in lines
    assert f"  trace {references.trace_id('github.com/acme/shop/issues/2')}, span of" in lines
    with_change = program.command("explain", url, "--trace-scope=change").stdout
    assert (
        "live trace: none, since trace-scope is change, whose traces have no spans" in with_change
    )
    found = parsed(program.command("explain", url, "--json"))
    assert (found["kind"], found["key"]) == ("item", "acme/shop#2")


def test_a_deployment_is_explained(program: Program, world: World) -> None:
    """What made it, what it delivers, and in which traces its spans are."""
    sha = sha_of("merge")
    world.history(sha)
    world.pull_request(
        5,
        opened_at="2025-11-01T09:00:00Z",
        merged_at="2025-11-02T09:00:00Z",
        merge_commit_sha=sha,
    )
    made = world.deployment(
        sha=sha,
        environment="production",
        created_at="2025-11-03T09:00:10Z",
        statuses=[deployment_status("success")],
    )
    url = f"https://github.com/acme/shop/deployments/{made.id}"
    lines = program.command("explain", url).stdout
    assert lines.startswith(f"deployment {made.id} to production: success")
    assert "delivers:\n  #5 (opened 2025-11-01 09:00" in lines
    assert f"  root {references.pull(5)}" in lines
    words = ("explain", "deployment", made.id, "--repo=acme/shop")
    found = parsed(program.command(*words, "--json", "--deployment-environments=staging"))
    assert [change["number"] for change in found["delivers"]] == [5]
    assert "`deployment-environments` does not choose" in found["not_counted"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize("words", [("--help",), ("export", "--help-all"), ("ids", "jira/A-1")])
def test_a_reader_that_has_read_enough_is_silent(program: Program, words: tuple[str, ...]) -> None:
    """As in `flow-telemetry … | head -1`."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "flow_telemetry", *words],
            env={**os.environ, **program.command_environ()},
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize("flags", [("--output=-",), ("--print",), ("--html=x.html", "--json")])
def test_an_export_to_a_pipe_without_reader_is_silent(
    program: Program, run: Run, flags: tuple[str, ...]
) -> None:
    """The export is complete all the same."""
    read, write = os.pipe()
    os.close(read)
    words = ["export", "run", str(run.id), "--repo=acme/shop", "--quiet", *flags]
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "flow_telemetry", *words],
            env={**os.environ, **program.command_environ()},
            cwd=program.folder,
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
