"""The four keys of DORA: from the first commit to the deployment, from a failure to the repair."""

from __future__ import annotations

from dataclasses import replace

from tests.rules.builders import at, change, event, minutes
from tests.rules.test_deliveries import deployment

from flow_telemetry.model import Change, Deployment, EventKind
from flow_telemetry.rules.deployments import is_change_failure
from flow_telemetry.rules.flow import find_restoration, measure_lead_times

COMMITTED = EventKind.COMMITTED


def delivering(made: Deployment, *changes: Change) -> Deployment:
    """Return a deployment that delivers changes."""
    return replace(made, delivers=changes)


def of(made: Deployment) -> list[tuple[int, int]]:
    """Return the lead times of a deployment as minutes."""
    return [minutes(each.interval) for each in measure_lead_times(made)]


def test_the_lead_time_runs_from_the_first_commit_to_the_success() -> None:
    """The commit may be older than the pull request; of each that is delivered there is one."""
    first = change(event(-60, COMMITTED), event(20, COMMITTED), closed=30)
    second = replace(change(event(10, COMMITTED), closed=30), number=8)
    made = delivering(deployment(1, 40, (50, "success")), first, second)
    assert of(made) == [(-60, 50), (10, 50)]
    assert [each.commit.time for each in measure_lead_times(made)] == [at(-60), at(10)]


def test_a_promotion_does_not_restart_the_clock() -> None:
    """The same commit reaches staging, then production: both count from the first commit."""
    cart = change(event(0, COMMITTED), closed=30)
    staging = deployment(1, 40, (50, "success"), environment="staging")
    production = deployment(2, 90, (100, "success"))
    assert of(delivering(staging, cart)) == [(0, 50)]
    assert of(delivering(production, cart)) == [(0, 100)]


def test_what_was_never_deployed_has_no_lead_time() -> None:
    """Neither has what a failed deployment was to deliver, nor a change of unknown commits."""
    cart = change(event(0, COMMITTED), closed=30)
    assert of(delivering(deployment(1, 40, (50, "failure")), cart)) == []
    assert of(delivering(deployment(1, 40), cart)) == []
    assert of(delivering(deployment(1, 40, (50, "success")), change(closed=30))) == []
    later = change(event(60, COMMITTED), closed=30)
    assert of(delivering(deployment(1, 40, (50, "success")), later)) == []
    untold = change(replace(event(0, COMMITTED), has_own_time=False), closed=30)
    assert of(delivering(deployment(1, 40, (50, "success")), untold)) == []


def test_whether_a_deployment_is_a_change_failure() -> None:
    """One that goes on is neither."""
    assert is_change_failure(deployment(1, 0, (5, "success"))) is False
    assert is_change_failure(deployment(1, 0, (5, "error"))) is True
    assert is_change_failure(deployment(1, 0, (5, "in_progress"))) is False


def restored(made: Deployment, *others: Deployment) -> tuple[int, tuple[int, int]] | None:
    """Return the number of the failure that a deployment made good, and how long it took."""
    found = find_restoration(made, others)
    return None if found is None else (found[0].id, minutes(found[1]))


def test_the_next_success_restores_what_failed() -> None:
    """The clock runs from the first of the failures since the success before."""
    good = deployment(1, 0, (5, "success"))
    failures = (deployment(2, 10, (15, "failure")), deployment(3, 20, (25, "error")))
    repair = deployment(4, 30, (45, "success"))
    assert restored(repair, good, *failures) == (2, (15, 45))
    assert restored(repair, *failures) == (2, (15, 45))


def test_a_failure_is_restored_once() -> None:
    """The success after the repair restores nothing, and an old failure is nobody's."""
    history = (
        deployment(1, 0, (5, "failure")),
        deployment(2, 10, (15, "success")),
    )
    assert restored(deployment(3, 20, (25, "success")), *history) is None
    assert restored(deployment(3, 20, (25, "failure")), *history) is None


def test_another_environment_restores_nothing() -> None:
    """A success in staging does not help production; names differ in case only, not in place."""
    failed = deployment(1, 0, (5, "failure"))
    repair = deployment(2, 10, (15, "success"), environment="staging")
    assert restored(repair, failed) is None
    assert restored(replace(repair, environment="Production"), failed) == (1, (5, 15))
