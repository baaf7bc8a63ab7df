"""What kind of machine a job ran on, and what GitHub bills for it."""

from __future__ import annotations

import pytest
from opentelemetry.semconv._incubating.attributes.os_attributes import OsTypeValues
from tests.report.builders import make_job

from flow_telemetry.model import Job
from flow_telemetry.rules.runners import (
    MINUTE_RATES,
    RunnerKind,
    billable_minutes,
    known_labels,
    operating_system,
    runner_kind,
)

HOSTED, LARGER, OWN = RunnerKind


def job(*labels: str, group: str | None = None, name: str | None = None) -> Job:
    """Return a job that asked for a runner by labels."""
    return make_job(1, "test", labels=labels, runner_group=group, runner_name=name)


@pytest.mark.parametrize(
    ("ran", "kind", "system", "minutes"),
    [
        (job("ubuntu-latest"), HOSTED, "linux", 2),
        (job("ubuntu-24.04-arm", group="GitHub Actions"), HOSTED, "linux", 2),
        (job("windows-2025"), HOSTED, "windows", 4),
        (job("macos-15", name="GitHub Actions 12"), HOSTED, "darwin", 20),
        (job("macos-14-xlarge", group="GitHub Actions"), LARGER, "darwin", 2),
        (job("ubuntu-22.04-16core", group="big ones"), LARGER, "linux", 2),
        (job("build-fast", group="Default Larger Runners"), LARGER, None, 2),
        (job("self-hosted", "Linux", "X64", group="Default"), OWN, "linux", None),
        (job("ubuntu-latest", group="arc-runners"), OWN, "linux", None),
        (job("4-core-ubuntu-gpu-t4", group="GitHub Actions"), LARGER, "linux", 2),
        (job("gpu-t4-windows-4-core", group="gpus"), LARGER, "windows", 2),
        (job("depot-windows-2025-8", group="Default"), OWN, "windows", None),
        (job("blacksmith-4vcpu-ubuntu-2404", group="Default"), OWN, "linux", None),
        (job("gpu"), OWN, None, None),
        (job(), None, None, None),
    ],
)
def test_the_kind_of_a_runner(
    ran: Job, kind: RunnerKind | None, system: str | None, minutes: int | None
) -> None:
    """Labels, the runner's group and its name tell; 61 seconds are two minutes."""
    assert runner_kind(ran) is kind
    assert operating_system(ran) == system
    assert billable_minutes(ran, 61) == minutes


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (1, 1), (60, 1), (60.5, 2), (3600, 60)])
def test_each_job_is_rounded_up_to_whole_minutes(seconds: float, minutes: int) -> None:
    """A job that ran at all is billed a minute."""
    assert billable_minutes(job("ubuntu-latest"), seconds) == minutes


def test_operating_systems_are_named_as_the_conventions_do() -> None:
    """Every system that has a rate is a value of `os.type`."""
    assert set(MINUTE_RATES) <= {each.value for each in OsTypeValues}


def test_only_labels_that_github_defines_are_known() -> None:
    """One's own labels can hold the id of a run, as those of on-demand runners do."""
    assert known_labels(job("self-hosted", "X64", "runs-on=1234567890", "a8f3b")) == (
        "self-hosted,x64"
    )
    assert known_labels(job("ubuntu-24.04")) == "ubuntu-24.04"
    assert known_labels(job("macos-14-xlarge")) == "macos-14-xlarge"
    assert known_labels(job("ubuntu-24.04-run-77")) == ""
