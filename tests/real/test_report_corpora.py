"""Real test and coverage reports through the whole program, compared with the right results.

The corpora lie beside the project, not in it; without them these tests are skipped. Their README
says how the results were worked out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.world import World
from tests.stories.job.reported import Workspace, job_with_tests
from tests.stories.points import by
from tests.support.program import Program, Result
from tests.support.recorded import NO_RECORDED_DATA, SHARED

CORPUS = SHARED / "data" / "reports"
TESTS, COVERAGE = CORPUS / "tests", CORPUS / "coverage"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=NO_RECORDED_DATA)

COUNTS = ("tests", "failed", "skipped", "passed", "flaky")
UNITS = ("line", "statement", "branch")
# TRX has no suites: the classes are suites here, and the corpus counts one for each file. An error
# of a suite without cases is a failed case here, so the suite counts. Cases beside the suites of
# Node are a suite without a name here.
SUITES_DIFFER = {
    "node/node-20-todo-and-colours.xml",
    "other/junit2html-junit-report-6700.xml",
    "mstest/xunit-testcase6-input.xml",
    "mstest/xunit-testcase7-input.xml",
}


@pytest.fixture
def workspace(program: Program, world: World) -> Workspace:
    """The workspace of a job that has run its tests."""
    return Workspace(program, world.run(jobs=[job_with_tests()]))


def exported(workspace: Workspace, receiver: Receiver, source: Path, pattern: str) -> Result:
    """Run the action in a workspace that contains only this report, or the reports of a folder."""
    shutil.rmtree(workspace.folder)
    workspace.folder.mkdir()
    receiver.requests.clear()
    for path in [source] if source.is_file() else sorted(source.iterdir()):
        workspace.report(path.name, path.read_bytes())
    inputs: dict[str, Any] = {"test_reports": "", pattern: "*", "max_spans": 20_000}
    result = workspace.export(**inputs)
    assert (result.status, result.warnings) == (0, []), (source, result.stdout)
    return result


def notices(result: Result, of: str) -> list[str]:
    """The notices of an input, but for the names of the cases that failed."""
    begin = f"`{of}`: "
    found = (notice.partition(begin) for notice in result.notices)
    return [message for _, beginning, message in found if beginning]


def found_tests(receiver: Receiver) -> dict[str, Any]:
    """What a backend received of a report of tests, in the corpus's terms."""
    measured = [s for s in receiver.spans if s.name == "measured"]
    counts = measured[0].attributes if measured else {}
    names = ("total", "failed", "skipped", "passed", "flaky")
    spans = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "test_case"]
    final = [s for s in spans if "flow.test.case.run_again" not in s.attributes]
    durations = (
        float(s.attributes.get("flow.test.case.duration", 0))
        for s in final
        if s.attributes["test.case.result.status"] != "skipped"
    )
    suites = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "test_suite"]
    return {
        **{
            key: counts.get(f"flow.test.cases.{name}", 0)
            for key, name in zip(COUNTS, names, strict=True)
        },
        "duration_s": round(sum(durations), 3),
        "suites": len(suites),
    }


def differing_tests(
    name: str, right: Mapping[str, Any], found: Mapping[str, Any], told: list[str]
) -> Iterator[str]:
    if right.get("unreadable"):
        if found["tests"] or not told:
            yield f"{name}: {found}, but it is unreadable; notices {told}"
        return
    alternative = right.get("or_with_a_notice")
    if alternative and told and all(found[key] == alternative[key] for key in COUNTS):
        return
    for key in (*COUNTS, "duration_s", "suites"):
        if key == "suites" and (name in SUITES_DIFFER or name.startswith("trx-")):
            continue
        wanted = right[key]
        near = key == "duration_s" and (wanted is None or abs(found[key] - wanted) < 0.0015)
        if not near and found[key] != wanted:
            yield f"{name} {key}: {found[key]}, not {wanted} ({right.get('notes')}) {told}"
    # An excerpt declares more than was left in it, and prove declares tests that it did not reach.
    is_excerpt = str(right.get("notes")).startswith("excerpt")
    if told and not (right.get("a_notice_is_due") or is_excerpt or alternative):
        yield f"{name}: an unexpected notice {told}"
    if right.get("a_notice_is_due") and not told:
        yield f"{name}: no notice"


def test_every_test_report_has_the_right_counts(workspace: Workspace, receiver: Receiver) -> None:
    """Every difference is listed."""
    differences: list[str] = []
    expected = json.loads((TESTS / "expected.json").read_text(encoding="utf-8"))
    for name, right in expected.items():
        result = exported(workspace, receiver, TESTS / name, "test_reports")
        told = notices(result, "test-reports")
        differences += differing_tests(name, right, found_tests(receiver), told)
    assert not differences, "\n".join([f"{len(differences)} differences", *differences])


def found_coverage(receiver: Receiver) -> dict[str, list[int]]:
    """What a backend received of coverage: covered and coverable by unit."""
    covered = by(receiver, "flow.coverage.covered", "flow.coverage.unit")
    coverable = by(receiver, "flow.coverage.coverable", "flow.coverage.unit")
    return {unit: [int(covered[unit]), int(coverable[unit])] for unit in UNITS if unit in covered}


def found_packages(receiver: Receiver, unit: str) -> dict[str, list[int]]:
    names = ("flow.coverage.package.covered", "flow.coverage.package.coverable")
    packages: dict[str, list[int]] = {}
    for name in names:
        for point in receiver.points_of(name):
            if point.attributes["flow.coverage.unit"] == unit:
                package = str(point.attributes["flow.coverage.package"])
                packages.setdefault(package, []).append(int(point.value))
    return packages


def differing_coverage(
    name: str, right: Mapping[str, Any], receiver: Receiver, told: list[str]
) -> Iterator[str]:
    found, unit = found_coverage(receiver), right.get("unit", "line")
    branches = found.pop("branch", None)
    if found not in (right.get("units") or [{unit: right["lines"]}]):
        yield f"{name}: {found}, not {right['lines']} ({right.get('notes')}) {told}"
    if branches != right["branches"]:
        yield f"{name} branches: {branches}, not {right['branches']} ({right.get('notes')})"
    packages = found_packages(receiver, unit)
    for package, wanted in right.get("packages", {}).items():
        # JaCoCo writes `com/acme`, which is `com.acme` here.
        value = packages.get(package, packages.get(package.replace("/", ".")))
        if value != wanted:
            yield f"{name} {package}: {value}, not {wanted}"
    if told and "measurement" not in name:
        yield f"{name}: an unexpected notice {told}"


def test_every_coverage_report_has_the_right_numbers(
    workspace: Workspace, receiver: Receiver
) -> None:
    """Every difference is listed."""
    differences: list[str] = []
    expected = json.loads((COVERAGE / "expected.json").read_text(encoding="utf-8"))
    for name, right in expected.items():
        result = exported(workspace, receiver, COVERAGE / name, "coverage_reports")
        told = notices(result, "coverage-reports")
        differences += differing_coverage(name, right, receiver, told)
    assert not differences, "\n".join([f"{len(differences)} differences", *differences])
