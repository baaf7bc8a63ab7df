"""`test-reports`: what the tests of a job came to, from the reports that its tools wrote."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.stories.job.reported import (
    PATTERN,
    Workspace,
    case,
    cases_of,
    failed,
    job_with_tests,
    suite,
)
from tests.stories.points import by, value, values
from tests.support.program import Program

REFERENCE = "flow.reference"


def test_a_step_shows_its_suites_and_cases(workspace: Workspace, receiver: Receiver) -> None:
    """They stand under the step that wrote the report, with what each came to."""
    cases = [case("adds", 2), failed("bills", 3), case("ships", 0, "<skipped message='no van'/>")]
    workspace.report("out/junit-cart.xml", suite(*cases, facts='time="6"'))
    result = workspace.export()
    assert (result.status, result.warnings) == (0, [])
    assert [line for line in receiver.tree() if "queued" not in line] == [
        "test",
        "  measured",
        "  Checkout",
        "  Run tests",
        "    cart",
        "      shop.adds",
        "      shop.bills",
        "      shop.ships",
    ]
    found = receiver.span("cart")
    assert found.attributes["test.suite.run.status"] == "failure"
    assert (found.status, found.message) == ("ERROR", "1 of 3 cases failed")
    assert {n.rpartition(".")[2]: v for n, v in found.attributes.items() if "cases" in n} == {
        "total": 3, "passed": 1, "failed": 1, "skipped": 1, "flaky": 0
    }  # fmt: skip
    results = {
        name: (span.attributes["test.case.result.status"], span.status)
        for name, span in cases_of(receiver).items()
    }
    assert results == {
        "shop.adds": ("pass", "UNSET"),
        "shop.bills": ("fail", "ERROR"),
        "shop.ships": ("skipped", "UNSET"),
    }
    assert receiver.span("shop.ships").attributes["flow.test.case.skip_reason"] == "no van"


def test_a_failure_is_an_exception(workspace: Workspace, receiver: Receiver) -> None:
    """Type, message and stack trace as the report has them; the span says what went wrong."""
    error = "<error type='IOError'>no bank\n  at shop.py:9</error>"
    workspace.report("junit.xml", suite(failed("bills"), case("pays", 1, error)))
    workspace.export()
    bills, pays = receiver.span("shop.bills"), receiver.span("shop.pays")
    (event,) = bills.events
    assert (event.name, event.time) == ("exception", bills.end)
    assert event.attributes == {
        "exception.type": "AssertionError",
        "exception.message": "two is not one",
        "exception.stacktrace": "at x",
    }
    assert (bills.message, bills.attributes["error.type"]) == ("two is not one", "failure")
    assert (pays.message, pays.attributes["error.type"]) == ("no bank", "error")


def test_references_name_suite_and_case(workspace: Workspace, receiver: Receiver) -> None:
    """As the identity document has them: another tool finds the span of a case by its hash."""
    workspace.report("out/junit.xml", suite(case("adds"), case("adds")))
    workspace.export()
    owner = f"github.com/acme/shop/actions/runs/{workspace.run.id}/job/"
    owner += str(workspace.run.job("test").id)
    entities = {"test_suite", "test_case"}
    spans = [s for s in receiver.spans if s.attributes["flow.entity.type"] in entities]
    assert {str(span.attributes[REFERENCE]) for span in spans} == {
        f"{owner}#test:cart",
        f"{owner}#test:cart:shop.adds",
        f"{owner}#test:cart:shop.adds:2",
    }


def test_names_with_colons_still_have_ids_of_their_own(
    workspace: Workspace, receiver: Receiver
) -> None:
    """A suite `a` with a case `b:c` and a suite `a:b` with `c` are two things."""
    one = suite(case("b:c", class_name=""), name="a")
    two = suite(case("c", class_name=""), name="a:b")
    workspace.report("junit.xml", f"<testsuites>{one}{two}</testsuites>")
    workspace.export()
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans)
    assert len(cases_of(receiver)) == 2


def test_without_times_tests_stand_before_the_report_was_written(
    workspace: Workspace, receiver: Receiver
) -> None:
    """In order, one after the other, so that the last ends then; the span says it is a guess."""
    workspace.report("junit.xml", suite(case("adds", 2), case("bills", 3)))
    workspace.export()
    written = workspace.moment("Run tests", 50)
    times = [(s.start // 10**9, s.end // 10**9) for s in cases_of(receiver).values()]
    assert times == [
        (
            (written - timedelta(seconds=5)).timestamp(),
            (written - timedelta(seconds=3)).timestamp(),
        ),
        ((written - timedelta(seconds=3)).timestamp(), written.timestamp()),
    ]
    assert receiver.span("cart").attributes["flow.test.time.estimated"] is True


def test_times_that_a_report_tells_are_kept(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Also where the step that wrote the report is not the one in which the suite ran."""
    workspace = Workspace(program, world.run(jobs=[job_with_tests("Run tests", "Merge reports")]))
    start = workspace.moment("Run tests", 10)
    told = suite(case("adds", 2), facts=f'timestamp="{start.isoformat()}" time="4"')
    workspace.report("junit.xml", told, at=workspace.moment("Merge reports", 7))
    workspace.export()
    span = receiver.span("cart")
    assert (span.start // 10**9, span.seconds) == (start.timestamp(), 4)
    assert "flow.test.time.estimated" not in span.attributes
    assert span.parent_span_id == receiver.span("Run tests").span_id


def test_what_took_longer_than_its_step_is_cut_and_says_its_duration(
    workspace: Workspace, receiver: Receiver
) -> None:
    """Tests side by side take more time together than the step; no span leaves the step."""
    workspace.report("junit.xml", suite(*(case(f"adds {n}", 40) for n in range(4))))
    workspace.export()
    of_step = receiver.span("Run tests")
    for span in cases_of(receiver).values():
        assert of_step.start <= span.start <= span.end <= of_step.end
        assert span.attributes["flow.test.case.duration"] == 40


def test_a_report_that_no_step_wrote_stands_under_the_job(
    workspace: Workspace, receiver: Receiver
) -> None:
    """One that was left there before the job began is told, since its tests may be others'."""
    workspace.report("junit.xml", suite(case("adds")), at=workspace.moment("Checkout", -9000))
    result = workspace.export()
    assert receiver.span("cart").parent_span_id == receiver.span("test").span_id
    # Both are moved by some microseconds, with the job and with the step.
    assert receiver.span("cart").start // 10**9 >= receiver.span("Checkout").start // 10**9
    (notice,) = result.notices
    assert "1 report was written before this job began" in notice


def test_metrics_count_tests_by_result(workspace: Workspace, receiver: Receiver) -> None:
    """With the workflow and the job; the suite, of which there are many, only where asked for."""
    workspace.report("junit.xml", suite(case("adds", 2), case("pays", 4), failed("bills", 3)))
    workspace.export()
    assert by(receiver, "flow.test.count", "test.case.result.status") == {"pass": 2, "fail": 1}
    assert values(receiver, "flow.test.duration") == [3, 6]
    assert receiver.points_of("flow.test.flaky") == []
    (point,) = (p for p in receiver.points_of("flow.test.duration") if p.count == 2)
    assert point.attributes == {
        "github.repository": "acme/shop",
        "cicd.pipeline.name": "CI",
        "cicd.pipeline.task.name": "test",
        "flow.branch": "default",
        "test.case.result.status": "pass",
    }
    workspace.export(metric_attributes="test.suite.name")
    assert {p.attributes.get("test.suite.name") for p in receiver.points_of("flow.test.count")} == {
        None, "cart"
    }  # fmt: skip


def test_the_job_says_what_its_tests_came_to(workspace: Workspace, receiver: Receiver) -> None:
    """On the span of what only the runner knows; the job's own is equal for every sender."""
    workspace.report("a/junit.xml", suite(case("adds"), failed("bills")))
    workspace.report("b/junit.xml", suite(case("adds")))
    workspace.export()
    assert receiver.span("measured").attributes["flow.test.cases.total"] == 3
    assert receiver.span("measured").attributes["flow.test.cases.failed"] == 1
    assert not any(name.startswith("flow.test") for name in receiver.span("test").attributes)


def test_without_steps_no_test_has_a_span_and_all_are_counted(
    workspace: Workspace, receiver: Receiver
) -> None:
    """`detail: job`: a span below one that is not sent would have no parent."""
    workspace.report("junit.xml", suite(case("adds")))
    workspace.export(detail="job")
    assert cases_of(receiver) == {}
    assert value(receiver, "flow.test.count") == 1


def test_the_summary_shows_counts_and_failures_escaped(workspace: Workspace) -> None:
    """A test's name and message are anyone's text."""
    evil = failed("a|b<img src=x>", message="@admin [x](http://e.example) &lt;b&gt;")
    evil = evil.replace("<img src=x>", "&lt;img src=x&gt;")
    flaky = case("ships", 2, "<flakyFailure message='once' type='T'/>")
    workspace.report("junit.xml", suite(case("adds", 4), evil, flaky))
    summary = workspace.export().summary
    assert "**Tests** ❌ 3 tests in 1 suite (1 report): 2 passed, 1 failed, 1 flaky" in summary
    assert "| `shop.ships` | cart | 2s | 🔁 flaky | once |" in summary
    assert "`shop.a\\|b<img src=x>`" in summary
    assert "@admin" not in summary
    assert "[x](http" not in summary


def test_outside_of_the_job_no_report_is_read(
    program: Program, world: World, receiver: Receiver
) -> None:
    """On `workflow_run` the workspace is another job's."""
    workspace = Workspace(program, world.run(jobs=[job("test", steps=[step("Run tests", 60)])]))
    workspace.report("junit.xml", suite(case("adds")))
    program.export(workspace.run, {"GITHUB_WORKSPACE": str(workspace.folder)}, test_reports=PATTERN)
    assert cases_of(receiver) == {}
    assert receiver.span("Run tests").seconds == 60


@pytest.mark.parametrize(
    ("exceptions", "on_span", "as_records"),
    [("", 1, 0), ("events", 1, 0), ("logs", 0, 1), ("both", 1, 1)],
)
def test_exceptions_are_sent_as_the_setting_says(
    workspace: Workspace, receiver: Receiver, exceptions: str, on_span: int, as_records: int
) -> None:
    """OpenTelemetry deprecates them on spans; a variable of the job's own tests decides nothing."""
    workspace.report("junit.xml", suite(case("adds"), failed("bills")))
    environ = {"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs" if on_span else "none"}
    result = workspace.export(environ, exceptions=exceptions)
    bills = receiver.span("shop.bills")
    records = receiver.events_named("exception")
    assert (len(bills.events), len(records)) == (on_span, as_records)
    assert (bills.status, bills.message) == ("ERROR", "two is not one")
    assert result.warnings == []


def test_an_exception_as_a_record_leads_to_its_test(
    workspace: Workspace, receiver: Receiver
) -> None:
    """With the conventions' attributes, the trace, and what finds it in a log store."""
    workspace.report("junit.xml", suite(failed("bills")))
    workspace.export(exceptions="logs")
    bills = receiver.span("shop.bills")
    (record,) = receiver.events_named("exception")
    assert (record.trace_id, record.span_id) == (bills.trace_id, bills.span_id)
    assert (record.time, record.severity, record.body) == (bills.end, "ERROR", "two is not one")
    expected = {
        "exception.type": "AssertionError",
        "exception.message": "two is not one",
        "exception.stacktrace": "at x",
        "flow.reference": bills.attributes[REFERENCE],
        "log.record.uid": f"{bills.attributes[REFERENCE]}#exception:1",
        "test.case.name": "shop.bills",
        "test.suite.name": "cart",
        "cicd.pipeline.name": "CI",
        "cicd.pipeline.task.name": "test",
    }
    assert expected.items() <= record.attributes.items()


def test_without_log_records_exceptions_stay_on_spans(
    workspace: Workspace, receiver: Receiver
) -> None:
    """Nothing is lost by a setting for a signal that is not sent."""
    workspace.report("junit.xml", suite(failed("bills")))
    workspace.export(exceptions="logs", signals="traces")
    assert [event.name for event in receiver.span("shop.bills").events] == ["exception"]


def test_spans_of_tests_have_the_workflow_branch_and_job(
    workspace: Workspace, receiver: Receiver
) -> None:
    """Failing tests of CI on the default branch are one query; a query for tasks finds the job."""
    workspace.report("junit.xml", suite(failed("bills")))
    workspace.export()
    facts = {
        "cicd.pipeline.name": "CI",
        "vcs.ref.head.name": "main",
        "flow.job.name": "test",
        "flow.job.id": str(workspace.run.job("test").id),
    }
    for name in ("cart", "shop.bills", "measured"):
        assert facts.items() <= receiver.span(name).attributes.items()
    tasks = [s.name for s in receiver.spans if "cicd.pipeline.task.name" in s.attributes]
    assert tasks == ["test"]
