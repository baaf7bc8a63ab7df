"""`coverage-reports`: what tests reached, of all reports that a job left, in all and by package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World
from tests.reports.coverage_examples import BY_FORMAT, COBERTURA, COVERAGE_PY, GO, LCOV
from tests.stories.points import by, names
from tests.stories.test_inside_a_run import going_on
from tests.support.program import Program, Result

JOB = "test (3.12)"
UNIT, PACKAGE = "flow.coverage.unit", "flow.coverage.package"
BILLION_LAUGHS = b"""<!DOCTYPE coverage [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<coverage line-rate="1"><packages><package name="&b;"/></packages></coverage>"""


def left(folder: Path, **reports: bytes) -> Path:
    """Return a workspace in which a job left these, by names without their ending."""
    workspace = folder / "workspace"
    for name, content in reports.items():
        path = workspace / name / "report"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return workspace


def a_run(world: World, **facts: Any) -> Run:
    """Return a run whose job has tested, and now exports."""
    return world.run(jobs=[going_on(JOB, "Run tests")], **facts)


def export(
    program: Program, run: Run, workspace: Path, patterns: str = "*/report", **inputs: Any
) -> Result:
    """Run the action as the last step of the job."""
    environ = {"GITHUB_WORKSPACE": str(workspace)}
    return program.inside(run, JOB, environ, coverage_reports=patterns, **inputs)


def measured(receiver: Receiver) -> dict[str, Any]:
    """Return what the job's span of measurements says of coverage, without the names' beginning."""
    begin = "flow.coverage."
    told = receiver.span("measured").attributes
    return {name.removeprefix(begin): told[name] for name in told if name.startswith(begin)}


@pytest.mark.parametrize("kind", BY_FORMAT)
def test_a_report_of_every_format_is_told(
    program: Program, world: World, receiver: Receiver, tmp_path: Path, kind: str
) -> None:
    """Three of four lines (or statements), and one of two branches where they are counted."""
    result = export(program, a_run(world), left(tmp_path, cov=BY_FORMAT[kind]))
    unit = "statement" if kind in {"go", "clover", "opencover"} else "line"
    lines = {f"{unit}.covered": 3, f"{unit}.coverable": 4, f"{unit}.ratio": 0.75}
    branches = {"branch.covered": 1, "branch.coverable": 2, "branch.ratio": 0.5}
    assert measured(receiver) == (lines if kind == "go" else {**lines, **branches})
    assert by(receiver, "flow.coverage.covered", UNIT)[unit] == 3
    assert by(receiver, "flow.coverage.coverable", UNIT)[unit] == 4
    assert by(receiver, "flow.coverage.ratio", UNIT)[unit] == 0.75
    packages = receiver.points_of("flow.coverage.package.covered")
    assert sorted(each.value for each in packages if each.attributes[UNIT] == unit) == [1, 2]
    assert f"**Coverage** 75.0 % of 4 {unit}s" in result.summary
    assert (result.warnings, result.notices, result.status) == ([], [], 0)


def test_what_coverage_py_writes_is_told_once(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """Its JSON and its XML of one measurement are one; the notice names both."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    code = "def price(net, abroad):\n    if abroad:\n        return net\n    return net * 1.2\n"
    (workspace / "shop.py").write_text(code, encoding="utf-8")
    (workspace / "check.py").write_text("import shop\nshop.price(1, True)\n", encoding="utf-8")
    for words in (
        ["run", "--branch", "--include=shop.py", "check.py"],
        ["json", "-q"],
        ["xml", "-q"],
    ):
        clean = {name: text for name, text in os.environ.items() if "COV" not in name}
        subprocess.run(
            [sys.executable, "-m", "coverage", *words], cwd=workspace, env=clean, check=True
        )
    result = export(program, a_run(world), workspace, "coverage.*")
    told = measured(receiver)
    assert (told["line.covered"], told["line.coverable"]) == (3, 4)
    assert (told["branch.covered"], told["branch.coverable"]) == (1, 2)
    (notice,) = result.notices
    assert "coverage.json is on the same source files as coverage.xml" in notice


def test_reports_of_a_job_are_summed(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """Lines with lines and statements with statements; a copy of a report counts once."""
    other = COBERTURA.replace(b'number="7" hits="1"', b'number="7" hits="0"')
    workspace = left(tmp_path, a=COBERTURA, b=other, copy=COBERTURA, go=GO)
    export(program, a_run(world), workspace)
    told = measured(receiver)
    assert (told["line.covered"], told["line.coverable"]) == (5, 8)
    assert (told["statement.covered"], told["statement.coverable"]) == (3, 4)
    assert told["branch.coverable"] == 4
    packages = by(receiver, "flow.coverage.package.coverable", UNIT, PACKAGE)
    assert packages["line", "shop"] == 6
    assert packages["statement", "acme.com/shop/cart"] == 3


def test_a_series_says_whose_coverage_it_is(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """Repository, workflow, branch and job, without ids and without the matrix."""
    export(program, a_run(world, event="push"), left(tmp_path, cov=GO))
    (point,) = receiver.points_of("flow.coverage.ratio")
    assert point.attributes == {
        "github.repository": "acme/shop",
        "cicd.pipeline.name": "CI",
        "cicd.pipeline.task.name": "test",
        "flow.branch": "default",
        UNIT: "statement",
    }
    span = receiver.span("measured")
    assert span.parent_span_id == receiver.span(JOB).span_id
    assert span.attributes["flow.reference"].endswith("#measured")


def test_of_very_many_packages_the_largest_are_told(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """Fifty have series of their own and ten rows in the summary; the rest is one of each."""
    lines = [f"acme.com/p{n:02}/x.go:1.1,2.2 {n + 1} 1" for n in range(60)]
    report = "\n".join(["mode: set", *lines]).encode()
    result = export(program, a_run(world), left(tmp_path, cov=report))
    packages = by(receiver, "flow.coverage.package.coverable", PACKAGE)
    assert len(packages) == 51
    assert packages["(other)"] == sum(range(1, 11))
    assert sum(packages.values()) == measured(receiver)["statement.coverable"]
    table = [line for line in result.summary.splitlines() if "100.0 %" in line and line[0] == "|"]
    assert len(table) == 11
    assert "acme\\.com/p59" in table[0]


def test_bad_reports_are_named_and_the_rest_counts(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """Empty, cut off, hostile, of no known format or not there: a notice each."""
    workspace = left(
        tmp_path,
        bomb=BILLION_LAUGHS,
        cut=COBERTURA[: len(COBERTURA) // 2],
        empty=b"",
        good=COVERAGE_PY,
        image=b"\x89PNG\r\n\x1a\n",
    )
    result = export(program, a_run(world), workspace, "*/report\nmissing/*.xml\n../*.xml")
    assert measured(receiver)["line.covered"] == 3
    assert (result.status, result.warnings, result.outputs["status"]) == (0, [], "exported")
    for named in ("bomb/report", "cut/report", "empty/report", "image/report", "missing", "../"):
        assert len([notice for notice in result.notices if named in notice]) == 1
    assert "Traceback" not in result.log


def test_very_many_bad_reports_are_not_told_one_by_one(
    program: Program, world: World, tmp_path: Path
) -> None:
    """Ten are named, the others are counted."""
    workspace = left(tmp_path, **{f"bad{n}": b"nothing" for n in range(25)})
    result = export(program, a_run(world), workspace)
    assert len(result.notices) == 11
    assert "15 further notices are not shown" in result.notices[-1]


def test_without_any_report_nothing_is_said_of_coverage(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """There is no span, no metric and no output; the notice says what was looked for."""
    result = export(program, a_run(world), left(tmp_path), "cov.xml")
    (notice,) = result.notices
    assert "`coverage-reports`: no file matches cov.xml" in notice
    assert receiver.spans_named("measured") == []
    assert names(receiver, "flow.coverage") == set()
    assert "coverage-file" not in result.outputs
    assert "Coverage" not in result.summary


def test_without_metrics_the_span_still_tells(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """The signals that leave are the user's to choose."""
    export(program, a_run(world), left(tmp_path, cov=LCOV), signals="traces")
    assert measured(receiver)["line.ratio"] == 0.75
    assert receiver.metrics == []


def test_names_of_packages_make_no_markup(program: Program, world: World, tmp_path: Path) -> None:
    """A package is called as whoever wrote the code likes."""
    hostile = b"acme.com/`|[x](http://evil.test)<img>@team/a.go:1.1,2.2 1 1"
    result = export(program, a_run(world), left(tmp_path, cov=b"mode: set\n" + hostile))
    (row,) = [line for line in result.summary.splitlines() if "evil" in line]
    assert "<img>" not in row
    assert "](http" not in row
    assert row.replace("\\|", "").count("|") == 3
