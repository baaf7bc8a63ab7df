"""A job that has run its tests, and the reports that they wrote."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.spans import SpanRecord
from tests.fakes.world import job, step
from tests.stories.test_inside_a_run import OURS
from tests.support.program import Program, Result

PATTERN = "**/junit*.xml"


def job_with_tests(*names: str, seconds: float = 60) -> JobPlan:
    """Return a job that has checked out and run steps of so many seconds each, then runs ours."""
    steps = [step("Checkout", 5), *(step(name, seconds) for name in names or ("Run tests",))]
    return job("test", None, steps=[*steps, step(OURS, conclusion=None)])


class Workspace:
    """The checkout of a job, with the reports that its steps wrote."""

    def __init__(self, program: Program, run: Run, name: str = "test") -> None:
        self.program = program
        self.run = run
        self.name = name
        self.folder = program.folder / "work"
        self.folder.mkdir(exist_ok=True)

    def moment(self, step_name: str, seconds: float = 0) -> datetime:
        """Return the time so many seconds after the start of a step."""
        (found,) = (each for each in self.run.job(self.name).steps if each.name == step_name)
        assert isinstance(found.started_at, datetime)
        return found.started_at + timedelta(seconds=seconds)

    def report(self, name: str, text: str | bytes, at: datetime | None = None) -> None:
        """Write a report, by default near the end of the step that ran the tests."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        written = (at or self.moment("Run tests", 50)).timestamp()
        os.utime(path, (written, written))

    def export(self, environ: dict[str, str] | None = None, **inputs: Any) -> Result:
        """Run the action as the last step of the job."""
        given = {"GITHUB_WORKSPACE": str(self.folder), **(environ or {})}
        return self.program.inside(
            self.run, self.name, given, **{"test_reports": PATTERN, "export": "job", **inputs}
        )


def suite(*cases: str, name: str = "cart", facts: str = "") -> str:
    """Return a report of one suite."""
    return f'<testsuite name="{name}" {facts}>{"".join(cases)}</testsuite>'


def case(name: str, seconds: float = 1, inside: str = "", class_name: str = "shop") -> str:
    """Return a case of a report."""
    facts = f'name="{name}" classname="{class_name}" time="{seconds}"'
    return f"<testcase {facts}>{inside}</testcase>"


def failed(name: str, seconds: float = 1, message: str = "two is not one") -> str:
    """Return a case that failed."""
    return case(name, seconds, f'<failure type="AssertionError" message="{message}">at x</failure>')


def cases_of(receiver: Receiver) -> dict[str, SpanRecord]:
    """Return the spans of cases by name."""
    spans = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "test_case"]
    return {str(span.attributes["test.case.name"]): span for span in spans}
