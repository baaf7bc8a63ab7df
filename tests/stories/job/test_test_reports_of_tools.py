"""Reports as tools really write them: reruns in one file, further attempts, times and zones."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, annotation, job, step
from tests.reports import junit_examples
from tests.stories.job.reported import (
    Workspace,
    case,
    cases_of,
    failed,
    job_with_tests,
    suite,
)
from tests.stories.points import by, value
from tests.stories.test_inside_a_run import OURS
from tests.support.program import Program

SUREFIRE = suite(
    case("ships", 0.5, "<flakyFailure message='timed out' type='Timeout'>"
                       "<stackTrace>first</stackTrace></flakyFailure>"),
    failed("bills").replace("</testcase>", "<rerunFailure message='again' type='Again'>"
                                           "<stackTrace>second</stackTrace></rerunFailure></testcase>"),
)  # fmt: skip


def test_reruns_that_surefire_writes_into_one_entry(
    workspace: Workspace, receiver: Receiver
) -> None:
    """What passed in the end is flaky and no error; each failure is an exception."""
    workspace.report("junit.xml", SUREFIRE)
    workspace.export()
    ships, bills = receiver.span("shop.ships"), receiver.span("shop.bills")
    assert (ships.status, ships.attributes["flow.test.case.flaky"]) == ("UNSET", True)
    assert [e.attributes["exception.message"] for e in ships.events] == ["timed out"]
    assert [e.attributes["exception.type"] for e in bills.events] == ["AssertionError", "Again"]
    assert bills.attributes["flow.test.case.other_failures"] == 1
    assert value(receiver, "flow.test.flaky") == 1


def test_reruns_that_gotestsum_writes_as_further_entries(
    workspace: Workspace, receiver: Receiver
) -> None:
    """Each time has a span; a case counts once, by how it ended."""
    workspace.report("junit.xml", junit_examples.GOTESTSUM)
    workspace.export()
    assert by(receiver, "flow.test.count", "test.case.result.status") == {"pass": 1, "fail": 1}
    assert value(receiver, "flow.test.flaky") == 1
    first, last = receiver.spans_named("TestAdd")
    assert (first.status, first.attributes["flow.test.case.run_again"]) == ("ERROR", True)
    assert first.attributes["flow.test.case.key"] == last.attributes["flow.test.case.key"]
    assert (last.status, last.attributes["flow.test.case.flaky"]) == ("UNSET", True)


@pytest.mark.parametrize("text", junit_examples.ALL)
def test_every_tools_report_stays_in_its_step(
    workspace: Workspace, receiver: Receiver, text: bytes
) -> None:
    """Whatever a tool writes and leaves out: one tree, and nothing outside of the step."""
    workspace.report("junit.xml", text)
    result = workspace.export()
    assert (result.status, result.warnings) == (0, [])
    of_step, ids = receiver.span("Run tests"), {span.span_id for span in receiver.spans}
    tests = [s for s in receiver.spans if s.attributes["flow.entity.type"].startswith("test_")]
    assert tests
    assert {span.parent_span_id for span in tests} <= ids
    assert all(of_step.start <= s.start <= s.end <= of_step.end for s in tests)


PYTEST = """\
import pytest, time
def test_adds(): time.sleep(0.2)
class TestCart:
    def test_bills(self): assert 1 == 2, "one & two"
@pytest.mark.skip(reason="later")
def test_ships(): pass
"""


def run_pytest(folder: Path, zone: str) -> None:
    """Run pytest as a job would, in a time zone."""
    (folder / "test_shop.py").write_text(PYTEST)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir=."]
    subprocess.run(
        [sys.executable, *words, "--junitxml=junit.xml", "test_shop.py"],
        cwd=folder,
        env={**environ, "TZ": zone, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        capture_output=True,
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_tests_that_pytest_really_ran(
    program: Program, world: World, receiver: Receiver, zone: str
) -> None:
    """They stand in their step at the times at which they ran."""
    folder = program.folder / "work"
    folder.mkdir()
    before = datetime.now(timezone.utc)
    run_pytest(folder, zone)
    after = datetime.now(timezone.utc)
    second = timedelta(seconds=1)
    steps = [
        step("Checkout", started_at=before - 9 * second, completed_at=before),
        step("Run tests", started_at=before, completed_at=after),
        step(OURS, started_at=after, conclusion=None),
    ]
    plan = job("test", None, created_at=before - 20 * second, steps=steps)
    workspace = Workspace(program, world.run(jobs=[plan]))
    result = workspace.export()
    assert (result.status, result.warnings) == (0, [])
    of_step, found = receiver.span("Run tests"), cases_of(receiver)
    assert receiver.span("pytest").parent_span_id == of_step.span_id
    assert "flow.test.time.estimated" not in receiver.span("pytest").attributes
    assert {name: s.attributes["test.case.result.status"] for name, s in found.items()} == {
        "test_shop.test_adds": "pass",
        "test_shop.TestCart.test_bills": "fail",
        "test_shop.test_ships": "skipped",
    }
    (event,) = found["test_shop.TestCart.test_bills"].events
    assert "one & two" in event.attributes["exception.message"]
    assert found["test_shop.test_adds"].attributes["flow.test.case.duration"] >= 0.2


def test_a_later_attempt_marks_what_failed_before(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The notice of the attempt before names what failed; GitHub keeps it at the job."""
    first = world.run(jobs=[job_with_tests()])
    workspace = Workspace(program, first)
    workspace.report("junit.xml", suite(failed("bills"), failed("pays"), case("adds")))
    (notice,) = workspace.export().notices
    assert notice == "flow-telemetry: test cases that failed: cart: shop.bills; cart: shop.pays"
    told = annotation(notice, level="notice")
    ended = world.change_run(
        first,
        jobs=[job("test", "failure", steps=[step("Run tests", 9, "failure")], annotations=[told])],
    )
    again = Workspace(program, world.rerun(ended, jobs=[job_with_tests()]))
    again.report("junit.xml", suite(case("bills"), failed("pays"), case("adds")))
    again.export()
    bills = receiver.spans_named("shop.bills")[-1]
    assert (bills.status, bills.attributes["flow.test.case.flaky"]) == ("UNSET", True)
    assert "flow.test.case.flaky" not in receiver.spans_named("shop.adds")[-1].attributes
    assert value(receiver, "flow.test.flaky") == 1
    keys = {span.attributes["flow.test.case.key"] for span in receiver.spans_named("shop.bills")}
    assert keys == {"cart:shop.bills"}


def test_an_attempt_before_that_cannot_be_read_marks_nothing(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """A notice says so; the tests leave as they are."""
    first = world.run(jobs=[job("test", "failure", steps=[step("Run tests", 9, "failure")])])
    again = Workspace(program, world.rerun(first, jobs=[job_with_tests()]))
    again.report("junit.xml", suite(case("bills")))
    github.script("/attempts/1/jobs", status(403), times=None)
    result = again.export()
    assert any("flaky by attempts is unknown" in notice for notice in result.notices)
    assert value(receiver, "flow.test.count") == 1
