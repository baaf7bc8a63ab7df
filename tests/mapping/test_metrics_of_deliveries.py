"""A deployment to measurements: the four keys of DORA, and what each was made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.mapping.measured import RESOURCE, attributes, values
from tests.rules.builders import change, event
from tests.rules.test_deliveries import deployment

from flow_telemetry.mapping.flow_metrics import delivery_measurements, dora_attributes
from flow_telemetry.mapping.metrics import environment_name
from flow_telemetry.model import Deployment, Event, EventKind
from flow_telemetry.telemetry import Measurement

FAILED = deployment(1, 10, (20, "failure"))


def commit(minute: float, sha: str) -> Event:
    """Return a commit."""
    return replace(event(minute, EventKind.COMMITTED), id=sha)


def repair() -> Deployment:
    """Return a deployment that delivers two changes after the one before it failed."""
    cart = change(commit(-60, "c0ffee"), commit(0, "beef"), closed=30)
    taxes = replace(change(commit(20, "f00d"), closed=30), number=8)
    made = deployment(2, 40, (80, "success"))
    return replace(made, delivers=(cart, taxes), production=True)


def of(made: Deployment, *others: Deployment) -> list[Measurement]:
    """Return the measurements of a deployment."""
    return list(delivery_measurements(replace(made, before=others), RESOURCE))


def test_a_deployment_delivers_and_restores() -> None:
    """Lead times from each change's first commit, and an hour since the failure."""
    measured = of(repair(), FAILED)
    assert values(measured) == {
        "flow.deployment.count": [1],
        "flow.deployment.duration": [40 * 60],
        "flow.deployment.changes": [2],
        "flow.deployment.lead_time": [140 * 60, 60 * 60],
        "flow.deployment.restore_time": [60 * 60],
    }
    assert attributes("flow.deployment.count", measured) == {
        "github.repository": "acme/shop",
        "deployment.environment.name": "production",
        "flow.deployment.production": True,
        "deployment.status": "succeeded",
    }


def test_a_failed_deployment_is_a_change_failure() -> None:
    """What it was to deliver has no lead time yet."""
    measured = of(replace(repair(), statuses=FAILED.statuses, created_at=FAILED.created_at))
    assert set(values(measured)) == {
        *("flow.deployment.count", "flow.deployment.duration", "flow.deployment.failures"),
    }
    assert attributes("flow.deployment.count", measured)["deployment.status"] == "failed"


def test_one_that_goes_on_is_not_measured() -> None:
    """Nor one that another replaced before it came to anything."""
    assert of(deployment(1, 0, (5, "in_progress"))) == []
    assert of(deployment(1, 0, (5, "in_progress"), (9, "inactive"))) == []


def test_a_rollback_delivers_nothing() -> None:
    """It is a deployment, and restores what failed; no change has a lead time by it."""
    found = values(of(deployment(2, 40, (80, "success")), FAILED))
    assert found["flow.deployment.changes"] == [0]
    assert found["flow.deployment.restore_time"] == [3600]
    assert "flow.deployment.lead_time" not in found


def test_a_batch_of_unknown_size_is_not_measured() -> None:
    """More was deployed than could be compared: the lead times that are known still count."""
    found = values(of(replace(repair(), delivers_complete=False)))
    assert "flow.deployment.changes" not in found
    assert len(found["flow.deployment.lead_time"]) == 2


def test_the_record_of_a_deployment_names_what_its_numbers_are_made_of() -> None:
    """The change, its first commit and its time; the deployment that had failed."""
    assert dict(dora_attributes(replace(repair(), before=(FAILED,)))) == {
        "flow.deployment.lead_times": (
            "acme/shop#7: 8400 s from c0ffee of 2026-11-24T08:00:00Z",
            "acme/shop#8: 3600 s from f00d of 2026-11-24T09:20:00Z",
        ),
        "flow.deployment.restored": "github.com/acme/shop/deployments/1",
        "flow.deployment.restore_time": 3600,
    }
    told = dict(dora_attributes(deployment(1, 0, (5, "success"))))
    assert told["flow.deployment.restored"] is None
    assert told["flow.deployment.lead_times"] == ()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("production", "production"),
        ("us-east-1", "us-east-1"),
        ("pr-1234", "pr-*"),
        ("preview/2026-11-24", "preview/*-*-*"),
        ("preview-0a1b2c3d4e", "preview-*"),
        ("facade", "facade"),
        ("deadbeef", "deadbeef"),
    ],
)
def test_environments_that_count_on_are_one_series(name: str, told: str) -> None:
    """An environment for each pull request would be a series for each."""
    assert environment_name(name) == told
