"""What kind of machine a job ran on, and what GitHub bills for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.semconv._incubating.attributes.os_attributes import OsTypeValues
from tests.report.builders import at, make_job, make_run, never_started

from flow_telemetry.model import Job, Run
from flow_telemetry.rules.intervals import time_on_runner
from flow_telemetry.rules.runners import (
    MINUTE_RATES,
    NO_PRICES,
    PRICE_LISTS,
    RunnerKind,
    billable_minutes,
    job_cost,
    known_labels,
    operating_system,
    runner_kind,
    runs_cost,
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


NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def run_of(*jobs: Job, public: bool | None = False, **facts: Any) -> Run:
    """Return a run of a private repository, unless it is told to be public."""
    return make_run(*jobs, public=public, **facts)


def cost(
    ran: Job,
    seconds: float = 61,
    *,
    public: bool | None = False,
    prices: Mapping[str, float] = NO_PRICES,
) -> Any:
    """Return the cost of a job of 61 seconds."""
    return job_cost(run_of(ran, public=public), ran, seconds, prices)


@pytest.mark.parametrize(
    ("ran", "private", "public"),
    [
        (job("ubuntu-latest"), 0.012, 0),
        (job("ubuntu-slim"), 0.004, 0),
        (job("ubuntu-24.04-arm"), 0.010, 0),
        (job("windows-2025"), 0.020, 0),
        (job("windows-11-arm", group="GitHub Actions"), 0.020, 0),
        (job("macos-15"), 0.124, 0),
        (job("macos-15-intel"), 0.124, 0),
        (job("macos-15-large"), 0.154, 0.154),
        (job("macos-14-xlarge", group="GitHub Actions"), 0.204, 0.204),
        (job("ubuntu-22.04-16core", group="big ones"), 0.084, 0.084),
        (job("ubuntu-24.04-arm-8-cores"), 0.028, 0.028),
        (job("windows-latest-8-cores"), 0.084, 0.084),
        (job("4-core-ubuntu-gpu-t4", group="GitHub Actions"), 0.104, 0.104),
        (job("self-hosted", "Linux", "X64", group="Default"), 0, 0),
    ],
)
def test_what_a_job_of_a_minute_and_a_second_costs(ran: Job, private: float, public: float) -> None:
    """Two minutes are paid. Standard runners are free in public repositories, larger ones never."""
    assert cost(ran) == private
    assert cost(ran, public=True) == public


@pytest.mark.parametrize(
    "ran",
    [
        job("build-fast", group="Default Larger Runners"),
        job("ubuntu-22.04-7core"),
        job("ubuntu-xlarge", group="big ones"),
        job("depot-windows-2025-8", group="Default"),
        job("gpu"),
        job("hosted", group="GitHub Actions"),
        job(),
    ],
)
def test_a_cost_that_is_not_known_is_left_out(ran: Job) -> None:
    """It would be wrong as 0: somebody pays for it."""
    assert cost(ran) is None


def test_without_the_visibility_only_its_effect_is_unknown() -> None:
    """A standard runner may be free; larger and self-hosted ones do not depend on it."""
    assert cost(job("ubuntu-latest"), public=None) is None
    assert cost(job("ubuntu-latest-4-cores"), public=None) == 0.024
    assert cost(job("self-hosted"), public=None) == 0


@pytest.mark.parametrize("path", ["dynamic/pages/pages-build-deployment", "dynamic/dependabot/x"])
def test_pages_and_dependabot_are_free(path: str) -> None:
    """On standard runners, in private repositories too."""
    ran = job("ubuntu-latest")
    assert job_cost(run_of(ran, path=path), ran, 61) == 0


def test_a_job_costs_what_it_cost_then() -> None:
    """GitHub lowered its prices on 2026-01-01; older ones than those of 2025 are not known."""
    for year, price in ((2026, 0.006), (2025, 0.008), (2019, None)):
        began = NOW.replace(year=year)
        ran = replace(job("ubuntu-latest"), created_at=began, started_at=began, steps=())
        ran = replace(ran, completed_at=began + timedelta(seconds=60))
        assert job_cost(run_of(ran), ran, 60) == price


def test_price_lists_have_a_newest_one_first() -> None:
    """The first list that was valid on a day is that of the day."""
    days = [each.since for each in PRICE_LISTS]
    assert days == sorted(set(days), reverse=True)


def test_your_own_prices_come_before_those_of_github() -> None:
    """By a pattern of labels; the last one that matches decides, as everywhere."""
    depot = job("depot-ubuntu-24.04-8", group="Default")
    assert cost(depot, prices={"depot-*": 0.004}) == 0.008
    assert cost(depot, prices={"depot-*": 0.004, "Depot-*-8": 0.016}) == 0.032
    assert cost(job("ubuntu-latest"), public=True, prices={"ubuntu-*": 0.001}) == 0.002
    assert cost(job("self-hosted", "rack"), prices={"rack": 0.01}) == 0.02
    assert cost(job("macos-15"), prices={"ubuntu-*": 0.001}) == 0.124


LABELS = st.sampled_from(
    ["ubuntu-latest", "ubuntu-slim", "windows-2025", "macos-15", "self-hosted", "ubuntu-8-cores"]
)


@given(LABELS, st.floats(0, 1e6), st.floats(0, 1e6), st.booleans())
def test_a_longer_job_never_costs_less(
    label: str, seconds: float, more: float, public: bool
) -> None:
    """A cost is never negative, and a part of a minute costs as much as the whole."""
    ran = job(label)
    short, long = cost(ran, seconds, public=public), cost(ran, seconds + more, public=public)
    assert 0 <= short <= long
    assert math.isclose(cost(ran, math.ceil(seconds / 60) * 60, public=public), short)


@given(st.lists(LABELS, max_size=6), st.booleans())
def test_runs_cost_what_their_jobs_cost(labels: list[str], public: bool) -> None:
    """If one job's price is unknown, so is the sum: it would be too low."""
    jobs = [make_job(n, f"job {n}", labels=(label,)) for n, label in enumerate(labels, 1)]
    run = run_of(*jobs, public=public)
    costs = [job_cost(run, each, time_on_runner(each) or 0) or 0 for each in jobs]
    assert runs_cost([run, run]) == pytest.approx(2 * sum(costs))
    unknown = make_job(99, "elsewhere", labels=("gpu",))
    assert runs_cost([run, run_of(unknown)]) is None
    assert runs_cost([replace(run, jobs_complete=False)]) is None


def test_jobs_that_never_ran_and_those_of_an_earlier_attempt_cost_nothing_more() -> None:
    """A skipped job has no runner, and a job that was carried over was paid once."""
    ran, skipped = make_job(1, "build", labels=("ubuntu-latest",)), never_started(2, "deploy")
    first = run_of(ran, skipped)
    assert runs_cost([first]) == job_cost(first, ran, time_on_runner(ran) or 0)
    again = replace(first, attempt=2, started_at=at(500))
    assert runs_cost([first, again]) == runs_cost([first])
