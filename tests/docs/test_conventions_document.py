"""The page on OpenTelemetry's conventions is whole, and what it says of us is what is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.support.workflows import ROOT
from tools import conventions
from tools.conventions import (
    KINDS,
    convention_attributes,
    convention_metrics,
    family_of,
    followed_rows,
    is_ours,
    metric_rows,
    metrics_not_sent_rows,
    model_groups,
    not_sent_rows,
    value_rows,
)
from tools.conventions_reasons import (
    DEPRECATED,
    FAMILIES,
    METRIC_FAMILIES,
    METRIC_USES,
    METRICS_NOT_SENT,
    NOT_SENT,
    OPEN_VALUES,
    OTHER_VALUES,
    OUR_VALUES,
    PROPOSED,
    USES,
    VALUES,
    Family,
)
from tools.update_docs import CONVENTIONS_PAGE, SENT_ON, SPAN_ATTRIBUTES, with_conventions

from flow_telemetry.mapping.event_types import EVENT_TYPES
from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.telemetry import Instrument, InstrumentKind

PAGE = (ROOT / CONVENTIONS_PAGE).read_text(encoding="utf-8")
GOLDEN = sorted((ROOT / "tests" / "golden" / "expected").rglob("*.otlp.json"))
GROUPS = model_groups()
REGISTRY = [
    attribute
    for group in GROUPS
    if group["type"] == "attribute_group"
    for attribute in group["attributes"]
]

# https://github.com/open-telemetry/weaver/blob/main/schemas/semconv-syntax.md
FIELDS = {
    "attribute_group": {"display_name"},
    "entity": {"name", "stability"},
    "span": {"span_kind", "stability", "note"},
    "event": {"name", "stability"},
    "metric": {"metric_name", "instrument", "unit", "stability", "annotations"},
}
# https://opentelemetry.io/docs/specs/semconv/cicd/cicd-metrics/: requirement level `Required`, and
# what is required under a condition.
REQUIRED = {
    "cicd.pipeline.run.duration": {
        *("cicd.pipeline.name", "cicd.pipeline.run.state", "cicd.pipeline.result", "error.type"),
    },
    "cicd.pipeline.run.errors": {"cicd.pipeline.name", "error.type"},
    "cicd.system.errors": {"cicd.system.component", "error.type"},
    "vcs.change.duration": {"vcs.repository.url.full", "vcs.ref.head.name", "vcs.change.state"},
    "vcs.change.time_to_approval": {"vcs.repository.url.full", "vcs.ref.head.name"},
    "vcs.change.time_to_merge": {"vcs.repository.url.full", "vcs.ref.head.name"},
}
# Strings need examples; an integer may have them.
TYPES = {"string": str, "int": int}


def _attributes(value: Any) -> Iterator[tuple[str, str]]:
    """The attributes with a text as value in a decoded request, at any depth."""
    if isinstance(value, list):
        for element in value:
            yield from _attributes(element)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "attributes":
                yield from (
                    (name, typed["stringValue"])
                    for name, typed in inner.items()
                    if "stringValue" in typed
                )
            else:
                yield from _attributes(inner)


SENT_VALUES: dict[str, set[str]] = {}
for _path in GOLDEN:
    for _name, _value in _attributes(json.loads(_path.read_text(encoding="utf-8"))):
        SENT_VALUES.setdefault(_name, set()).add(_value)


@pytest.mark.parametrize("name", SENT_ON)
def test_every_attribute_is_on_the_page(name: str) -> None:
    """Those of the conventions, and those of ours."""
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", [instrument.name for instrument in INSTRUMENTS])
def test_every_metric_is_on_the_page(name: str) -> None:
    """Those of the conventions, and those of ours."""
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", sorted(name for name in SENT_ON if not is_ours(name)))
def test_an_attribute_that_follows_the_conventions_is_one_of_theirs(name: str) -> None:
    """They have it, and have not deprecated it, unless a reason is given."""
    assert convention_attributes()[name].deprecated == (name in DEPRECATED)
    assert name not in DEPRECATED or name in USES


@pytest.mark.parametrize("name", VALUES)
def test_values_of_the_conventions_are_theirs(name: str) -> None:
    """What they do not have is a difference with a reason."""
    theirs = set(convention_attributes()[name].values)
    assert theirs
    assert set(VALUES[name]) - theirs == {v for n, v in OTHER_VALUES if n == name}


@pytest.mark.parametrize("name", sorted(VALUES.keys() | OUR_VALUES.keys()))
def test_lists_of_values_have_all_that_is_sent(name: str) -> None:
    """In the frozen output of the demo and of the recorded runs."""
    assert SENT_VALUES.get(name, set()) <= set(VALUES.get(name, ()) + OUR_VALUES.get(name, ()))


@pytest.mark.parametrize("name", REQUIRED)
def test_a_metric_has_the_attributes_that_the_conventions_require(name: str) -> None:
    """On its points, or possible on them if they are required under a condition."""
    (instrument,) = [instrument for instrument in INSTRUMENTS if instrument.name == name]
    assert REQUIRED[name] <= set(instrument.attributes)


def test_the_frozen_output_has_values() -> None:
    """A search that finds nothing would pass every list."""
    assert {"cicd.pipeline.result", "flow.entity.type", "vcs.change.state"} <= SENT_VALUES.keys()


def test_every_attribute_of_the_frozen_output_is_compared() -> None:
    """None is sent beside the tables."""
    assert SENT_VALUES.keys() <= SENT_ON.keys()


def test_names_of_ours_are_not_in_the_conventions() -> None:
    """Neither attributes nor metrics."""
    assert not [name for name in SENT_ON if is_ours(name) and name in convention_attributes()]
    assert not [i.name for i in INSTRUMENTS if is_ours(i.name) and i.name in convention_metrics()]


def test_no_reason_is_left_over() -> None:
    """What is sent now, or is gone from the conventions, needs its reason no longer."""
    attributes, metrics = convention_attributes(), convention_metrics()
    instruments = {instrument.name for instrument in INSTRUMENTS}
    assert NOT_SENT.keys() & SENT_ON.keys() == set()
    assert METRICS_NOT_SENT.keys() & instruments == set()
    assert {name for name in NOT_SENT if attributes[name].deprecated} == set()
    assert {name for name in METRICS_NOT_SENT if metrics[name].deprecated} == set()
    assert (USES.keys() | VALUES.keys() | OPEN_VALUES.keys() | OUR_VALUES.keys()) <= SENT_ON.keys()
    assert METRIC_USES.keys() <= instruments


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.prefix)
def test_a_family_has_attributes(family: Family) -> None:
    """Each reason is the reason of a name."""
    assert [n for n in SENT_ON if is_ours(n) and family_of(n, FAMILIES) is family]


def test_each_prefix_has_one_reason() -> None:
    """Two would make the choice depend on their order."""
    for families in (FAMILIES, METRIC_FAMILIES):
        assert len({family.prefix for family in families}) == len(families)


def test_a_name_that_the_conventions_do_not_have_fails() -> None:
    """Of an attribute or of a metric."""
    with pytest.raises(LookupError, match=r"`vcs\.chang\.id` is not in release"):
        list(followed_rows({"vcs.chang.id": "change"}))
    wrong = Instrument(
        name="cicd.run.duration", kind=InstrumentKind.HISTOGRAM, unit="s", description=""
    )
    with pytest.raises(LookupError, match=r"`cicd\.run\.duration` is not in release"):
        list(metric_rows([wrong]))


def test_a_difference_without_a_reason_fails() -> None:
    """Whether a name is not sent, has values, or is ours in a new namespace."""
    with pytest.raises(LookupError, match=r"`cicd\.pipeline\.action\.name` is not sent"):
        list(not_sent_rows([]))
    with pytest.raises(LookupError, match=r"`cicd\.pipeline\.run\.active` is not sent"):
        list(metrics_not_sent_rows([]))
    with pytest.raises(LookupError, match=r"`cicd\.worker\.state` needs its values"):
        list(value_rows(["cicd.worker.state"]))
    with pytest.raises(LookupError, match=r"`acme\.name` has no reason"):
        family_of("acme.name", FAMILIES)


def test_a_page_without_the_place_for_a_table_is_an_error() -> None:
    """The generator names the comments that it looks for."""
    with pytest.raises(ValueError, match="<!-- followed -->"):
        with_conventions("# Title", SENT_ON, INSTRUMENTS)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["id"])
def test_a_group_of_the_proposal_is_of_the_models_grammar(group: dict[str, Any]) -> None:
    """Fields that its type has, all of those that it needs, and a stability that may change."""
    kind = group["type"]
    common = {"id", "type", "brief", "attributes"}
    assert group.keys() - {"note", "annotations"} == (common | FIELDS[kind]) - {
        *("note", "annotations")
    }
    assert group["id"].startswith("registry." if kind == "attribute_group" else f"{kind}.")
    assert group["brief"].strip().endswith(".")
    assert group.get("stability", "development") == "development"
    if kind == "span":
        assert group["id"].endswith(f".{group['span_kind']}")
        assert "**Span name**" in group["note"]
    if kind in ("entity", "event", "metric"):
        assert group["id"] == f"{kind}.{group.get('metric_name') or group['name']}"
    if kind == "metric":
        assert group["instrument"] in KINDS


@pytest.mark.parametrize("attribute", REGISTRY, ids=lambda attribute: attribute["id"])
def test_an_attribute_of_the_proposal_is_of_the_models_grammar(attribute: dict[str, Any]) -> None:
    """With type, brief, stability and examples, under a name that is still free."""
    assert attribute.keys() - {"note"} == {"id", "type", "stability", "brief", "examples"}
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)+", attribute["id"])
    assert attribute["id"] not in convention_attributes()
    assert attribute["stability"] == "development"
    assert attribute["brief"].strip().endswith(".")
    if isinstance(attribute["type"], str):
        assert {type(example) for example in attribute["examples"]} == {TYPES[attribute["type"]]}
        return
    members = attribute["type"]["members"]
    for member in members:
        assert member.keys() == {"id", "value", "brief", "stability"}
        assert member["id"] == member["value"]
    assert set(attribute["examples"]) <= {member["value"] for member in members}


def test_the_proposal_refers_to_attributes_that_exist() -> None:
    """Its own, or those of the conventions; each id once; a metric's name is still free."""
    ids = [attribute["id"] for attribute in REGISTRY]
    groups = [group["id"] for group in GROUPS]
    assert len({*ids, *groups}) == len(ids) + len(groups)
    for group in GROUPS:
        assert group.get("metric_name") not in convention_metrics()
        if group["type"] != "attribute_group":
            refs = [attribute["ref"] for attribute in group["attributes"]]
            assert len(set(refs)) == len(refs)
            assert set(refs) <= {*ids, *convention_attributes()}
    used = {a["ref"] for g in GROUPS for a in g["attributes"] if "ref" in a}
    assert set(ids) <= used, "an attribute comes with a signal that has it"


def test_what_is_proposed_is_what_we_send() -> None:
    """Each attribute, event and metric has a name of ours that stands for it today."""
    named = {attribute["id"] for attribute in REGISTRY} | {
        group.get("metric_name") or group["name"]
        for group in GROUPS
        if group["type"] in ("event", "metric")
    }
    assert named == PROPOSED.keys()
    ours = {*SENT_ON, *(i.name for i in INSTRUMENTS), *(event.name for event in EVENT_TYPES)}
    assert set(PROPOSED.values()) <= ours


def test_a_proposed_type_is_the_type_that_we_send() -> None:
    """A text is a text; a list of values has ours, with underscores."""
    types = {attribute.name: attribute.type for attribute in SPAN_ATTRIBUTES}
    for attribute in REGISTRY:
        ours = PROPOSED[attribute["id"]]
        if isinstance(attribute["type"], str):
            assert attribute["type"] == types[ours]
            continue
        assert types[ours] == "string"
        if ours in OUR_VALUES:
            values = {member["value"] for member in attribute["type"]["members"]}
            assert values == {value.replace("-", "_") for value in OUR_VALUES[ours]}


def test_a_proposed_metric_has_our_kind_and_unit() -> None:
    """It can be made of what is sent."""
    ours = {instrument.name: instrument for instrument in INSTRUMENTS}
    for group in GROUPS:
        if group["type"] == "metric":
            instrument = ours[PROPOSED[group["metric_name"]]]
            assert KINDS[group["instrument"]] is instrument.kind
            assert group["unit"] == instrument.unit


def test_the_release_is_the_packages() -> None:
    """The page states it beside the newest one."""
    assert re.fullmatch(r"1\.\d+\.\d+", conventions.release())
    assert f"has release {conventions.release()}." in PAGE
