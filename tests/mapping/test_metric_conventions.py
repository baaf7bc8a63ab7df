"""Metrics are called as OpenTelemetry's conventions call them, where these have a word."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.mapping.measured import RESOURCE
from tests.mapping.measured_machine import measured_command, measured_job, measured_step
from tests.mapping.test_metrics_of_changes import cart
from tests.mapping.test_metrics_of_deliveries import FAILED, repair
from tests.mapping.test_metrics_of_items import feature, story
from tests.report.builders import busy_run
from tools.conventions import KINDS, convention_attributes, convention_metrics

from flow_telemetry.mapping.flow_metrics import (
    change_measurements,
    delivery_measurements,
    feature_measurements,
    item_measurements,
)
from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.mapping.job_metrics import command_measurements, machine_measurements
from flow_telemetry.mapping.jobs import CommandPlace
from flow_telemetry.mapping.metric_attributes import (
    EXTRA_ATTRIBUTES,
    METRIC_ATTRIBUTES,
    unknown_attributes,
)
from flow_telemetry.mapping.metrics import build_job_points, run_measurements
from flow_telemetry.rules.selection import select_whole_run
from flow_telemetry.telemetry import Instrument, Measurement

OURS = [each for each in INSTRUMENTS if each.name.startswith("flow.")]
CONVENTION = [each for each in INSTRUMENTS if each not in OURS]
ENUMS = (
    *("cicd.pipeline.run.state", "cicd.pipeline.result", "cicd.pipeline.task.run.result"),
    *("vcs.change.state", "vcs.line_change.type", "deployment.status", "cpu.mode"),
    *("disk.io.direction", "network.io.direction", "system.memory.state"),
)

JOB_POINTS = build_job_points(busy_run(), busy_run().jobs[0], RESOURCE)
PLACE = CommandPlace(trace_id="1" * 32, span_id="1" * 16, parent_span_id=None)


def everything() -> list[Measurement]:
    """Return measurements of a thing of each kind."""
    branch = ("vcs.ref.head.name",)
    return [
        *run_measurements(select_whole_run(replace(busy_run(), default_branch="main")), RESOURCE),
        *change_measurements(cart(), RESOURCE, branch),
        *item_measurements(story(closed=60), RESOURCE),
        *feature_measurements(feature(), RESOURCE),
        *delivery_measurements(repair(), RESOURCE),
        *delivery_measurements(FAILED, RESOURCE),
        *machine_measurements(measured_job(measured_step("Compile", 1, 9, 2)), JOB_POINTS),
        *command_measurements(measured_command(), PLACE, RESOURCE),
    ]


@pytest.mark.parametrize("instrument", CONVENTION, ids=lambda each: each.name)
def test_a_metric_of_the_conventions_is_as_they_define_it(instrument: Instrument) -> None:
    """Name, kind and unit are those of the package's constant."""
    convention = convention_metrics()[instrument.name]
    assert not convention.deprecated
    assert convention.unit == instrument.unit
    assert KINDS[convention.instrument] is instrument.kind


def test_values_of_the_conventions_enumerations_are_members_of_them() -> None:
    """Every state, result and type that leaves is one that the conventions have."""
    seen: dict[str, set[str]] = {name: set() for name in ENUMS}
    for each in everything():
        for name in seen.keys() & set(each.attributes):
            seen[name].add(str(each.attributes[name]))
    for name, values in seen.items():
        assert values, f"nothing has {name}"
        assert values <= set(convention_attributes()[name].values)


def test_every_attribute_of_a_metric_is_explained() -> None:
    """In the table of attributes, or among those that a user may add."""
    used = {name for each in INSTRUMENTS for name in each.attributes}
    assert used <= {*METRIC_ATTRIBUTES, *EXTRA_ATTRIBUTES}
    assert set(METRIC_ATTRIBUTES) <= used


def test_names_are_of_one_instrument_each() -> None:
    """In lower case, parts by dots, as the conventions ask for; units are UCUM."""
    names = [each.name for each in INSTRUMENTS]
    assert len(set(names)) == len(names)
    for each in INSTRUMENTS:
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+)+", each.name)
        assert re.fullmatch(r"s|min|1|By|%|\{([a-z]+|USD)\}", each.unit)
        assert each.sent
        assert each.description


def test_metrics_that_are_ours_take_no_name_of_the_conventions() -> None:
    """All of ours begin with `flow.`."""
    assert not {each.name for each in OURS} & convention_metrics().keys()


def test_what_nobody_may_add_is_told() -> None:
    """A name that no fact of a metric has would be looked for in vain."""
    assert unknown_attributes(("vcs.change.id", "vcs.chang.id")) == ("vcs.chang.id",)
