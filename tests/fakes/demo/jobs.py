"""The jobs of the demo's workflows, as a Python project with a container image has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.fakes.plans import AnnotationPlan, JobPlan, StepPlan
from tests.fakes.world import annotation, job, step

LINT = "lint"
BUILD = "build image"
VERSIONS = ("3.10", "3.12", "3.14")
STAGING = "deploy staging"
PRODUCTION = "deploy production"
# How long a job that was approved waits for its runner.
QUEUED_SECONDS = 9


def test_job(version: str) -> str:
    """Return the name of the job that tests on a version of Python."""
    return f"test ({version})"


def checks(*pytest_seconds: float) -> list[JobPlan]:
    """Return the jobs of CI that pass, the tests of each version after so many seconds."""
    tests = (
        job(test_job(version), queued=9, steps=_on_python(version, 21, [step("Run pytest", took)]))
        for version, took in zip(VERSIONS, pytest_seconds, strict=False)
    )
    lint_steps = [step("Run ruff check", 3), step("Run mypy", 38)]
    return [job(LINT, queued=7, steps=_on_python("3.12", 14, lint_steps)), *tests]


def first_attempt() -> list[JobPlan]:
    """Return the jobs of CI: the newest Python waits for a runner, then fails its tests."""
    return [*checks(148, 126), failed_test(), job(BUILD, "skipped", after=265)]


def failed_test() -> JobPlan:
    """Return the job that fails, with what its check run says of it."""
    return job(
        test_job("3.14"),
        "failure",
        queued=94,
        steps=_on_python("3.14", 26, [step("Run pytest", 131, "failure")]),
        annotations=_failures(
            "AssertionError: assert Decimal('19.99') == Decimal('20.00')",
            title="test_vat_is_rounded_once",
            path="tests/test_cart.py",
            line=57,
        ),
    )


def test_again() -> JobPlan:
    """Return the same job in the second attempt, where the tests pass."""
    return job(
        test_job("3.14"),
        queued=6,
        steps=_on_python("3.14", 24, [step("Run pytest", 119)]),
    )


def build_image(after: float) -> JobPlan:
    """Return the job that needs all the others, created ``after`` seconds of its attempt."""
    steps = [
        step("Set up Docker Buildx", 6),
        step("Log in to the registry", 1),
        step("Build", 97),
        step("Push", 22),
    ]
    return job(BUILD, after=after, queued=12, steps=_in_checkout(steps))


def deploy_staging() -> JobPlan:
    """Return the deployment that goes by itself."""
    steps = [step("Roll out", 64), step("Smoke tests", 28)]
    return job(STAGING, after=2, queued=8, steps=_in_checkout(steps))


def deploy_production(*, after: float, approval: float, healthy: bool = True) -> JobPlan:
    """Return the deployment that waits ``approval`` seconds for people, then for a runner."""
    result = "success" if healthy else "failure"
    steps = [step("Roll out", 118), step("Smoke tests", 35, result)]
    return job(
        PRODUCTION,
        result,
        after=after,
        queued=approval + QUEUED_SECONDS,
        steps=_in_checkout(steps),
        annotations=() if healthy else _failures("GET /checkout answered 502 Bad Gateway"),
    )


def _on_python(version: str, installing: float, steps: Sequence[StepPlan]) -> list[StepPlan]:
    prepared = [step(f"Set up Python {version}", 5), step("Install dependencies", installing)]
    return _in_checkout([*prepared, *steps])


def _in_checkout(steps: Sequence[StepPlan]) -> list[StepPlan]:
    """The steps between those that a runner adds; what comes after has higher numbers."""
    return [
        step("Set up job", 2),
        step("Run actions/checkout@v5", 3),
        *steps,
        step("Post Run actions/checkout@v5", 1, number=2 * len(steps) + 3),
        step("Complete job", 0),
    ]


def _failures(message: str, **facts: Any) -> list[AnnotationPlan]:
    return [annotation(message, **facts), annotation("Process completed with exit code 1.")]
