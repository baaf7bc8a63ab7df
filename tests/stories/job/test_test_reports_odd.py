"""Test reports that are bad, and those that are very many."""

from __future__ import annotations

from tests.fakes.receiver import Receiver
from tests.stories.job.reported import Workspace, case, cases_of, failed, suite
from tests.stories.points import by, series, value

HOSTILE = (
    '<!DOCTYPE t [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]>'
    "<testsuite><testcase name='&c;'/></testsuite>"
)


def test_bad_reports_are_notices_and_the_others_count(
    workspace: Workspace, receiver: Receiver
) -> None:
    """Each notice names the file."""
    workspace.report("junit-empty.xml", "")
    workspace.report("junit-cut.xml", suite(case("adds"))[:-20])
    workspace.report("junit-bomb.xml", HOSTILE)
    workspace.report("junit-page.xml", "<html/>")
    workspace.report("junit-good.xml", suite(case("adds")))
    utf_16 = '<?xml version="1.0" encoding="utf-16"?>' + suite(case("zählt"))
    workspace.report("junit-wide.xml", utf_16.encode("utf-16"))
    result = workspace.export()
    assert (result.status, result.warnings) == (0, [])
    for name in ("empty", "cut", "bomb", "page"):
        assert [n for n in result.notices if f"junit-{name}.xml" in n], name
    assert len(result.notices) == 4
    assert set(cases_of(receiver)) == {"shop.adds", "shop.zählt"}


def test_the_same_report_in_two_places_counts_once(
    workspace: Workspace, receiver: Receiver
) -> None:
    """A copy, as where a step gathers reports; one that differs in anything is another."""
    text = suite(case("adds"), failed("bills"))
    workspace.report("a/junit.xml", text)
    workspace.report("b/junit.xml", text)
    workspace.report("c/junit.xml", suite(case("ships")))
    result = workspace.export()
    assert by(receiver, "flow.test.count", "test.case.result.status") == {"pass": 2, "fail": 1}
    assert [s.attributes["flow.test.report"] for s in receiver.spans_named("cart")] == [
        "a/junit.xml",
        "c/junit.xml",
    ]
    assert [notice for notice in result.notices if "test-reports" in notice] == []


def test_patterns_that_only_exclude_are_told(workspace: Workspace) -> None:
    """Nothing is read by them."""
    workspace.report("junit.xml", suite(case("adds")))
    (notice,) = workspace.export(test_reports="!sub/**").notices
    assert notice.startswith("flow-telemetry: `test-reports`: every pattern begins with `!`")


def test_a_pattern_that_fits_nothing_is_told(workspace: Workspace, receiver: Receiver) -> None:
    """So that a typing error is seen; the export goes on."""
    result = workspace.export(test_reports="out/*.xml")
    assert result.notices == ["flow-telemetry: `test-reports`: no file matches out/*.xml"]
    assert receiver.span("test").name == "test"


def test_very_many_bad_files_are_told_in_few_lines(workspace: Workspace) -> None:
    """GitHub shows ten notices of a step."""
    for number in range(30):
        workspace.report(f"junit-{number}.xml", "")
    result = workspace.export()
    assert len(result.notices) == 9
    assert "22 further notices are not shown" in result.notices[-1]


def test_24_000_cases_are_counted_and_the_telling_ones_have_spans(
    workspace: Workspace, receiver: Receiver
) -> None:
    """Counts and metrics are exact; failures, flaky and slow cases have spans."""
    suites = [
        suite(
            *(case(f"t{n}", n / 1000) for n in range(98)),
            failed("bills"),
            case("ships", 0, "<flakyError message='once' type='E'/>"),
            name=f"suite {number}",
        )
        for number in range(240)
    ]
    workspace.report("junit.xml", f"<testsuites>{''.join(suites)}</testsuites>")
    result = workspace.export(max_spans=1000)
    assert by(receiver, "flow.test.count", "test.case.result.status") == {
        "pass": 23_760, "fail": 240
    }  # fmt: skip
    assert sum(p.count for p in receiver.points_of("flow.test.duration")) == 24_000
    assert value(receiver, "flow.test.flaky") == 240
    tests = [s for s in receiver.spans if s.attributes["flow.entity.type"].startswith("test_")]
    assert len(tests) == 1000
    assert len(receiver.spans_named("shop.bills")) == len(receiver.spans_named("shop.ships")) == 240
    slow = [s for s in tests if s.name.startswith("shop.t")]
    assert len(slow) == 1000 - 3 * 240
    assert min(s.attributes["flow.test.case.duration"] for s in slow) >= 0.095
    left_out = receiver.span("measured").attributes["flow.test.cases.left_out"]
    assert left_out == 24_000 - 760
    of_suites = [s.attributes.get("flow.test.cases.left_out", 0) for s in tests]
    assert sum(of_suites) == left_out
    assert any("23,240 of 24,000 test results have no span" in notice for notice in result.notices)
    assert len(series(receiver.points_of("flow.test.count"))) == 2


def test_names_are_cut(workspace: Workspace, receiver: Receiver) -> None:
    """A name without end is no span's; a long class gives way to the test's own name."""
    workspace.report("junit.xml", suite(case("adds", class_name="c" * 200), name="s" * 9000))
    workspace.export()
    assert max(len(span.name) for span in receiver.spans) <= 128
    assert receiver.span("adds").attributes["test.case.name"] == f"{'c' * 200}.adds"
