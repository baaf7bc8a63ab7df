"""A deployment to measurements: the four keys of DORA, and what each was made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.mapping.measured import RESOURCE, attributes, values
from tests.mapping.records import OBSERVED, TRACING, assert_valid_records
from tests.rules.builders import change, event
from tests.rules.test_deliveries import deployment

from flow_telemetry.mapping.bodies import format_body
from flow_telemetry.mapping.events import delivery_events
from flow_telemetry.mapping.flow_metrics import delivery_measurements, restoration_attributes
from flow_telemetry.mapping.metrics import environment_name
from flow_telemetry.mapping.placement import Ancestry, place
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


def test_the_record_of_a_deployment_names_what_it_restored() -> None:
    """The deployment that had failed, and the time since its end in seconds."""
    assert dict(restoration_attributes(replace(repair(), before=(FAILED,)))) == {
        "flow.deployment.restored": "github.com/acme/shop/deployments/1",
        "flow.deployment.restore_time": 3600,
    }
    told = dict(restoration_attributes(deployment(1, 0, (5, "success"))))
    assert told["flow.deployment.restored"] is None


def test_each_delivered_change_has_a_record_with_numbers() -> None:
    """In its own trace, at the span of its delivery: lead time in seconds, and its first commit."""
    made = repair()
    placements = [
        place(f"{made.reference}#delivers:{c.reference}", Ancestry(change=c, beside=True), TRACING)
        for c in made.delivers
    ]
    records = list(delivery_events(made, placements, RESOURCE, OBSERVED))
    for placement, record in zip(placements, records, strict=True):
        assert_valid_records([record], placement.trace)
    cart, taxes = records
    pull = "github.com/acme/shop/pull/7"
    assert cart.event_name == "flow.change.delivered"
    assert cart.attributes["log.record.uid"] == f"{pull}#event:delivered:2"
    assert cart.attributes["flow.reference"] == pull
    assert cart.span_id == placements[0].span_id(f"{made.reference}#delivers:{pull}")
    own = ("flow.deployment.lead_time", "flow.change.first_commit.revision", "vcs.change.id")
    assert [cart.attributes[name] for name in own] == [8400, "c0ffee", "7"]
    assert [taxes.attributes[name] for name in own] == [3600, "f00d", "8"]
    assert cart.attributes["flow.change.first_commit.time"] == "2026-11-24T08:00:00Z"
    assert cart.attributes["deployment.environment.name"] == "production"
    assert format_body(cart.event_name, cart.attributes) == (
        "pull request #7 was delivered to production 2h 20m after its first commit (acme/shop)"
    )


def test_a_failed_deployment_has_no_record_of_a_delivery() -> None:
    """Nor does one that goes on."""
    for made in (replace(repair(), statuses=FAILED.statuses), replace(repair(), statuses=())):
        assert list(delivery_events(made, [], RESOURCE, OBSERVED)) == []


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
