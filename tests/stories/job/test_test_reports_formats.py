"""Test reports of xUnit, NUnit 3 and `go test -json`: results, reasons, errors outside of tests."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.receiver import Receiver
from tests.stories.job.reported import Workspace, cases_of
from tests.stories.points import by

STATUS = "test.case.result.status"

XUNIT = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<assemblies timestamp="11/24/2026 03:43:00">
  <assembly name="/app/Shop.Tests.dll" run-date="2026-11-24" run-time="03:43:00" total="4">
    <errors><error type="test-class-cleanup" name="Shop.BillTests">
      <failure exception-type="System.Exception"><message>no bank</message>
        <stack-trace>at Shop.Bank.Dispose()</stack-trace></failure></error></errors>
    <collection name="Test collection for Shop.CartTests" time="0.3">
      <test name="Shop.CartTests.Adds(x: 1)" type="Shop.CartTests" method="Adds" time="0.25"
          result="Pass"><output>text</output></test>
      <test name="Shop.CartTests.Adds(x: 2)" type="Shop.CartTests" method="Adds" time="0.05"
          result="Fail"><failure exception-type="Xunit.Sdk.EqualException">
          <message><![CDATA[Expected: 1\nActual: 2]]></message>
          <stack-trace><![CDATA[at Shop.CartTests.Adds()]]></stack-trace></failure></test>
      <test name="Prints it" type="Shop.CartTests" time="0" result="Skip">
        <reason><![CDATA[no printer]]></reason></test>
      <test name="Prints it" type="Shop.CartTests" time="0" result="NotRun"/>
    </collection>
  </assembly>
</assemblies>"""

NUNIT = """<?xml version="1.0" encoding="utf-8"?>
<test-run id="2" testcasecount="4" result="Failed">
 <test-suite type="Assembly" name="Shop.dll" fullname="/app/Shop.dll" result="Failed" site="Child">
  <failure><message>One or more child tests had errors</message></failure>
  <test-suite type="TestFixture" name="CartTests" fullname="Shop.CartTests" result="Failed"
      classname="Shop.CartTests" site="TearDown">
   <failure><message>TearDown : no bank</message><stack-trace>at Bank</stack-trace></failure>
   <test-case name="Adds(1)" fullname="Shop.CartTests.Adds(1)" classname="Shop.CartTests"
      result="Passed" start-time="2026-11-24 03:43:01Z" duration="0.25"><output>text</output>
   </test-case>
   <test-case name="Adds(2)" classname="Shop.CartTests" result="Failed" duration="0.05">
    <failure><message>two is not one</message><stack-trace>at CartTests</stack-trace></failure>
    <assertions><assertion><message>two is not one</message></assertion></assertions>
   </test-case>
   <test-case name="Pays" classname="Shop.CartTests" result="Failed" label="Error"/>
   <test-case name="Prints" classname="Shop.CartTests" result="Skipped" label="Ignored">
    <reason><message>no printer</message></reason></test-case>
   <test-case name="Guesses" classname="Shop.CartTests" result="Inconclusive"/>
  </test-suite>
 </test-suite>
 <test-suite type="Assembly" name="Gone.dll" fullname="/app/Gone.dll" result="Failed"
    runstate="NotRunnable" label="Invalid"><failure><message>not found</message></failure>
 </test-suite>
</test-run>"""


def event(action: str, test: str = "", package: str = "acme.com/shop", **facts: Any) -> str:
    """Return a line of `go test -json`."""
    named = {"Test": test} if test else {}
    time = "2026-11-24T03:43:00.5Z"
    return json.dumps({"Time": time, "Action": action, "Package": package, **named, **facts})


def go_lines(*lines: str) -> str:
    return "\n".join(("go: downloading acme.com/tax v1.2.3", *lines, ""))


def counts(receiver: Receiver) -> dict[Any, Any]:
    return dict(by(receiver, "flow.test.count", STATUS))


def test_xunit(workspace: Workspace, receiver: Receiver) -> None:
    """Classes are suites; a failed clean-up of a class is a failed case."""
    workspace.report("junit.xml", XUNIT)
    assert workspace.export().warnings == []
    assert counts(receiver) == {"pass": 1, "fail": 2, "skipped": 2}
    cases = cases_of(receiver)
    failed = cases["Shop.CartTests.Adds(x: 2)"]
    (reason,) = failed.events
    assert reason.attributes["exception.type"] == "Xunit.Sdk.EqualException"
    assert reason.attributes["exception.message"] == "Expected: 1\nActual: 2"
    assert reason.attributes["exception.stacktrace"] == "at Shop.CartTests.Adds()"
    assert failed.attributes["flow.test.case.duration"] == 0.05
    assert cases["(suite)"].message == "no bank"
    skipped = [s for s in receiver.spans if s.attributes.get(STATUS) == "skipped"]
    assert {s.attributes.get("flow.test.case.skip_reason") for s in skipped} == {
        "no printer",
        None,
    }


def test_nunit_3(workspace: Workspace, receiver: Receiver) -> None:
    """A suite that failed by itself is a case, one that failed by its tests is not."""
    workspace.report("junit.xml", NUNIT)
    assert workspace.export().warnings == []
    assert counts(receiver) == {"pass": 1, "fail": 4, "skipped": 2}
    cases = cases_of(receiver)
    assert cases["Shop.CartTests.Adds(2)"].message == "two is not one"
    assert cases["Shop.CartTests.Pays"].attributes["error.type"] == "error"
    assert cases["Shop.CartTests.Prints"].attributes["flow.test.case.skip_reason"] == "no printer"
    errors = [s for s in receiver.spans if s.attributes.get("test.case.name") == "(suite)"]
    assert sorted((s.attributes["test.suite.name"], s.message) for s in errors) == [
        ("/app/Gone.dll", "not found"),
        ("Shop.CartTests", "TearDown : no bank"),
    ]


def test_events_of_go(workspace: Workspace, receiver: Receiver) -> None:
    """Packages are suites; what a failed test printed is the reason; a rerun is one."""
    workspace.report(
        "junit.json",
        go_lines(
            event("start"),
            event("run", "TestAdd"),
            event("output", "TestAdd", Output="=== RUN   TestAdd\n"),
            event("output", "TestAdd", Output="    cart_test.go:9: two is not one\n"),
            event("fail", "TestAdd", Elapsed=0.25),
            event("run", "TestBill"),
            event("run", "TestBill/vat"),
            event("skip", "TestBill/vat", Elapsed=0),
            event("pass", "TestBill", Elapsed=0.5),
            "{not JSON",
            event("fail", Elapsed=0.8),
            event("run", "TestAdd"),
            event("pass", "TestAdd", Elapsed=0.2),
            event("pass", Elapsed=0.3),
        ),
    )
    assert workspace.export(test_reports="*.json").warnings == []
    assert counts(receiver) == {"pass": 2, "skipped": 1}
    first, last = receiver.spans_named("TestAdd")
    assert (first.status, first.message) == ("ERROR", "cart_test.go:9: two is not one")
    assert first.attributes["flow.test.case.run_again"] is True
    assert last.attributes["flow.test.case.flaky"] is True
    assert receiver.spans_named("acme.com/shop")


def test_a_package_of_go_that_does_not_build_or_end(
    workspace: Workspace, receiver: Receiver
) -> None:
    """The package is a failed case with what the compiler said; an open test is an error."""
    bad, late = "acme.com/bad", "acme.com/late"
    building = json.dumps(
        {
            "ImportPath": f"{bad} [{bad}.test]",
            "Action": "build-output",
            "Output": "bad.go:3:2: undefined: price\n",
        }
    )
    workspace.report(
        "junit.json",
        go_lines(
            building,
            event("output", package=bad, Output=f"FAIL\t{bad} [build failed]\n"),
            event("fail", package=bad, Elapsed=0, FailedBuild=f"{bad} [{bad}.test]"),
            event("run", "TestWaits", package=late),
            event("output", package=late, Output="panic: test timed out after 1s\n"),
            event("fail", package=late, Elapsed=1),
        ),
    )
    workspace.export(test_reports="*.json")
    assert counts(receiver) == {"fail": 2}
    cases = cases_of(receiver)
    assert cases["(suite)"].message == "bad.go:3:2: undefined: price"
    assert cases[f"{late}.TestWaits"].message == "the test did not end"


def test_other_json_is_told(workspace: Workspace, receiver: Receiver) -> None:
    """The notice names what of JSON is read."""
    workspace.report("junit.json", '{"numTotalTests": 3}')
    (notice,) = workspace.export(test_reports="*.json").notices
    assert "junit.json is JSON, but not a test report" in notice
    assert "`go test -json`" in notice
