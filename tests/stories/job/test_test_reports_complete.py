"""No failure that a report tells of is lost, and what it does not list is told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.stories.job.reported import Workspace, case, cases_of, failed, suite
from tests.stories.points import by
from tests.stories.test_inside_a_run import OURS
from tests.support.program import Program, Result

STATUS = "test.case.result.status"
ONE_FAILURE = 'failures="1"'
INPUT = "flow-telemetry: `test-reports`: "


def told(result: Result) -> list[str]:
    """Return the notices of the reports, without their beginning."""
    return [n.removeprefix(INPUT) for n in result.notices if n.startswith(INPUT)]


def counts(receiver: Receiver) -> dict[Any, Any]:
    return dict(by(receiver, "flow.test.count", STATUS))


def test_browsers_that_share_suite_class_and_name(workspace: Workspace, receiver: Receiver) -> None:
    """As Playwright writes projects: what failed in one browser is not healed by the next."""
    browsers = ("chromium", "firefox", "webkit")
    suites = [
        suite(failed("pays") if name == "firefox" else case("pays"), facts=f'hostname="{name}"')
        for name in browsers
    ]
    workspace.report("junit.xml", f"<testsuites>{''.join(suites)}</testsuites>")
    result = workspace.export()
    assert counts(receiver) == {"pass": 2, "fail": 1}
    assert receiver.points_of("flow.test.flaky") == []
    assert "1 failed" in result.summary
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans)
    keys = [span.attributes["flow.test.case.key"] for span in receiver.spans_named("shop.pays")]
    assert sorted(map(str, keys)) == ["cart:shop.pays", "cart:shop.pays:2", "cart:shop.pays:3"]


@pytest.mark.parametrize("folder", ["/home/runner/work/shop/shop/", "D:\\a\\shop\\shop\\"])
def test_suites_that_are_named_by_their_file(
    workspace: Workspace, receiver: Receiver, folder: str
) -> None:
    """jest and PHPUnit write paths of the runner: names are the same on every system."""
    own = f"{folder}src/cart.test.js" if "/" in folder else f"{folder}src\\cart.test.js"
    workspace.report("junit.xml", suite(case("adds", class_name=own), name=own))
    workspace.export()
    (span,) = cases_of(receiver).values()
    assert span.attributes["flow.test.case.key"] == "src/cart.test.js:src/cart.test.js.adds"
    assert receiver.spans_named("src/cart.test.js")


def test_colours_in_a_message(workspace: Workspace, receiver: Receiver) -> None:
    """As Node's test runner and bats write them: the failure arrives, the escape does not."""
    workspace.report("junit.xml", suite(failed("pays", message="\x1b[31mno bank&#27;[0m")))
    result = workspace.export()
    assert told(result) == []
    (event,) = cases_of(receiver)["shop.pays"].events
    assert event.attributes["exception.message"] == "[31mno bank[0m"


@pytest.mark.parametrize("beside", ["", case("adds")])
def test_an_error_of_a_suite_is_a_failed_case(
    workspace: Workspace, receiver: Receiver, beside: str
) -> None:
    """The set-up of a class failed, or the script died: alone or beside cases that passed."""
    workspace.report("junit.xml", suite(beside, '<error message="no database" type="E"/>'))
    result = workspace.export()
    assert counts(receiver) == ({"pass": 1, "fail": 1} if beside else {"fail": 1})
    error = cases_of(receiver)["(suite)"]
    assert (error.status, error.message) == ("ERROR", "no database")
    assert "1 failed" in result.summary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '<testsuite name="cart" tests="6" failures="1"/>',
            "junit.xml declares 6 tests, of which 1 failed in the suite `cart`, but lists none",
        ),
        (
            suite(case("adds"), facts='tests="1" failures="2"'),
            "junit.xml declares 2 failures in the suite `cart`, but lists none",
        ),
        (
            suite(failed("adds"), case("pays"), facts='tests="3" errors="2"'),
            "junit.xml declares 2 failures in the suite `cart`, but lists 1",
        ),
        (
            f'<testsuites failures="1" errors="1">{suite(failed("a"), facts=ONE_FAILURE)}'
            "</testsuites>",
            "junit.xml declares 1 failures more than its suites; a package that did not build has "
            "no suite, for example",
        ),
        (
            "<testsuites>"
            + "".join(f'<testsuite name="{n}" errors="1"/>' for n in "abcd")
            + "</testsuites>",
            "junit.xml declares failures or tests in 2 further suites",
        ),
    ],
    ids=[
        "without cases",
        "without failures",
        "with fewer failures",
        "a package that did not build",
        "many",
    ],
)
def test_what_a_report_declares_but_does_not_list(
    workspace: Workspace, text: str, expected: str
) -> None:
    """A notice names the file, so that no zero is silent."""
    workspace.report("junit.xml", text)
    result = workspace.export()
    assert told(result)[-1] == expected
    assert "**Tests** ✅" not in result.summary


def test_suites_that_repeat_the_numbers_of_others_are_not_told(workspace: Workspace) -> None:
    """fpcunit writes an empty suite with the totals; surefire counts each run of a flaky test."""
    flaky = case("ships", 1, "<flakyFailure message='once' type='E'/>")
    workspace.report(
        "junit-1.xml",
        '<testsuites><testsuite name="" tests="2" failures="1"/>'
        f"{suite(case('adds'), failed('pays'))}</testsuites>",
    )
    workspace.report("junit-2.xml", suite(flaky, facts='tests="2" failures="1"'))
    # pytest counts the failures of subtests, which are in one entry.
    inside = '<failure message="one"/><failure message="two"/>'
    workspace.report("junit-3.xml", suite(case("bills", 1, inside), facts='failures="2"'))
    assert told(workspace.export()) == []


def test_a_step_that_failed_although_no_test_did(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The notice names the step and the report; another failed step is not told."""
    steps = [
        step("Lint", 5, "failure"),
        step("Run tests", 60, "failure"),
        step(OURS, conclusion=None),
    ]
    run = world.run(jobs=[job("test", None, steps=steps)])
    workspace = Workspace(program, run)
    workspace.report("junit-a.xml", suite(case("adds")))
    workspace.report("junit-b.xml", suite(case("ships")))
    assert told(workspace.export()) == [
        "the step `Run tests` failed, but no test in junit-a.xml and 1 more did. See its log: the "
        "tests may not have run to their end"
    ]
    workspace.report("junit-b.xml", suite(failed("ships")))
    assert told(workspace.export()) == []


CRASHED = """<TestRun><Results>
  <UnitTestResult testId="a" testName="Adds" outcome="Passed" duration="00:00:01"/></Results>
  <ResultSummary outcome="Failed"><RunInfos><RunInfo outcome="Error">
    <Text>The active test run was aborted. Reason: Test host process crashed</Text>
  </RunInfo></RunInfos></ResultSummary></TestRun>"""


def test_a_run_of_dotnet_whose_host_crashed(workspace: Workspace, receiver: Receiver) -> None:
    """What the run says is a failed case, even without any result."""
    for text, expected in (
        (CRASHED, {"pass": 1, "fail": 1}),
        ('<TestRun><ResultSummary outcome="Aborted"/></TestRun>', {"fail": 1}),
    ):
        receiver.requests.clear()
        workspace.report("junit.trx", text)
        result = workspace.export(test_reports="*.trx")
        assert counts(receiver) == expected
        assert "(test run)" in cases_of(receiver)
        assert told(result) == []
    workspace.report("junit.trx", CRASHED)
    workspace.export(test_reports="*.trx")
    assert "Test host process crashed" in cases_of(receiver)["(test run)"].message


def test_results_of_dotnet_of_every_kind(workspace: Workspace, receiver: Receiver) -> None:
    """Web tests are results too, and one without an outcome had an error."""
    workspace.report(
        "junit.trx",
        '<TestRun><Results><WebTestResult testName="Opens" outcome="Passed"/>'
        '<GenericTestResult testName="Runs" outcome="Failed"/>'
        '<UnitTestResult testName="Loads"/>'
        '<UnitTestResult testName="Prints" outcome="NotExecuted"/></Results></TestRun>',
    )
    workspace.export(test_reports="*.trx")
    assert counts(receiver) == {"pass": 1, "fail": 2, "skipped": 1}
    assert cases_of(receiver)["Loads"].attributes["error.type"] == "error"


@pytest.mark.parametrize(
    ("facts", "inside", "expected"),
    [
        ('status="disabled"', "<system-out>text</system-out>", "skipped"),
        ('status="notrun" result="suppressed"', "", "skipped"),
        ('status="untested"', "<properties/>", "skipped"),
        ("", '<skipped type="todo"/><failure message="not yet"/>', "skipped"),
        ("", '<failure message="may fail"/><skipped/>', "skipped"),
        ('status="failed"', "", "fail"),
        ('result="Failure"', "<system-out>text</system-out>", "fail"),
        ('status="timed_out"', "", "fail"),
        ('status="run" result="completed"', "", "pass"),
        ('status="fail"', "<skipped/>", "skipped"),
    ],
)
def test_a_result_is_what_the_tool_means(
    workspace: Workspace, receiver: Receiver, facts: str, inside: str, expected: str
) -> None:
    """CTest's disabled tests, todo tests of Node, Catch2's mayfail, and a status alone."""
    workspace.report("junit.xml", suite(f'<testcase name="pays" {facts}>{inside}</testcase>'))
    workspace.export()
    assert counts(receiver) == {expected: 1}


def test_a_skipped_test_of_pytest_whose_teardown_failed(
    workspace: Workspace, receiver: Receiver
) -> None:
    """pytest counts the error: its entry is of two phases."""
    both = '<skipped type="pytest.skip"/><error message="failed on teardown"/>'
    workspace.report("junit.xml", suite(case("pays", 1, both), name="pytest"))
    workspace.export()
    assert counts(receiver) == {"fail": 1}


def test_several_failures_of_a_case(workspace: Workspace, receiver: Receiver) -> None:
    """It failed once, and each failure is an exception."""
    inside = '<failure message="one"/><failure message="two"/>'
    workspace.report("junit.xml", suite(case("pays", 1, inside)))
    workspace.export()
    assert counts(receiver) == {"fail": 1}
    events = cases_of(receiver)["shop.pays"].events
    assert [event.attributes["exception.message"] for event in events] == ["one", "two"]


@pytest.mark.parametrize("time", ["2026-11-24T03:43:00", "20261124034300", "2026-11-24_03_43_00.5"])
def test_a_key_has_neither_file_nor_time(
    workspace: Workspace, receiver: Receiver, time: str
) -> None:
    """xmlrunner puts the time into file and suite: keys and names are the same in each run."""
    facts = 'timestamp="2026-11-24T03:43:00"'
    name = f"cart-{time}"
    inside = (case("adds"), case(f"at {time}"), case("on 2019-01-02T03:04:05"))
    workspace.report(f"junit-{time}.xml", suite(*inside, name=name, facts=facts))
    workspace.export()
    cases = cases_of(receiver)
    assert sorted(str(span.attributes["flow.test.case.key"]) for span in cases.values()) == [
        "cart:shop.adds",
        "cart:shop.at",
        "cart:shop.on 2019-01-02T03:04:05",
    ]
    assert receiver.spans_named("cart")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *(("1.5s", 1.5), ("250ms", 0.25), ("1m2.5s", 62.5), ("00:00:01.500", 1.5)),
        *(("2 min", 120), ("1h", 3600), ("500µs", 0.0005), ("1.5e-3", 0.0015), ("5 parsecs", None)),
    ],
)
def test_durations_with_a_form(
    workspace: Workspace, receiver: Receiver, written: str, seconds: float | None
) -> None:
    """Units and clocks are read; what is no duration is left out."""
    workspace.report("junit.xml", suite(f'<testcase name="pays" time="{written}"/>'))
    workspace.export()
    found = cases_of(receiver)["pays"].attributes.get("flow.test.case.duration")
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<test-results/>", "NUnit 2"),
        ("<robot/>", "`--xunit FILE`"),
        ("<TestRun elapsed='1'><Statistics/></TestRun>", "is not a test report of .NET"),
        ("<page/>", "its root is `page`"),
    ],
)
def test_another_format_is_named_with_what_to_do(
    workspace: Workspace, text: str, said: str
) -> None:
    """Nothing is counted, and that is told."""
    workspace.report("junit.xml", text)
    (notice,) = told(workspace.export())
    assert notice.startswith("junit.xml is not a test report")
    assert said in notice
