"""What the user decides about traces: their root, their namespace, and which spans leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import normalize_namespace
from flow_telemetry.keys import ItemKey, parse_item_key
from flow_telemetry.settings import values
from flow_telemetry.settings.choices import (
    Ancestors,
    Detail,
    Mode,
    OldSpans,
    PhaseSending,
    TraceScope,
)
from flow_telemetry.settings.inputs import given, optional


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """``max_span_age`` is in seconds, None for no bound; keys are None where not given by hand."""

    scope: TraceScope
    detail: Detail
    namespace: str
    feature_key: ItemKey | None
    work_item_key: ItemKey | None
    ancestors: Ancestors
    feature_trace: bool
    phases: PhaseSending
    max_spans: int
    max_span_age: float | None
    on_old_span: OldSpans
    trace_url: str | None


def tracing_settings(inputs: Mapping[str, str]) -> TracingSettings:
    """Return what the inputs say of traces.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    feature_key = _item_key(inputs, "feature-key")
    return TracingSettings(
        scope=_scope(inputs, feature_key),
        detail=values.choice("detail", given(inputs, "detail"), Detail),
        namespace=_namespace(inputs),
        feature_key=feature_key,
        work_item_key=_item_key(inputs, "work-item-key"),
        ancestors=values.choice("ancestors", given(inputs, "ancestors"), Ancestors),
        feature_trace=values.boolean("feature-trace", given(inputs, "feature-trace")),
        phases=values.choice("phases", given(inputs, "phases"), PhaseSending),
        max_spans=values.positive_integer("max-spans", given(inputs, "max-spans")),
        max_span_age=optional(inputs, "max-span-age", values.duration),
        on_old_span=values.choice("on-old-span", given(inputs, "on-old-span"), OldSpans),
        trace_url=given(inputs, "trace-url") or None,
    )


def _item_key(inputs: Mapping[str, str], name: str) -> ItemKey | None:
    text = given(inputs, name)
    if not text:
        return None
    try:
        return parse_item_key(text)
    except ValueError as error:
        raise SettingsError(f"input {name} is {values.shown(text)}: {error}") from None


def _scope(inputs: Mapping[str, str], feature_key: ItemKey | None) -> TraceScope:
    text = given(inputs, "trace-scope")
    if text:
        return values.choice("trace-scope", text, TraceScope)
    # In mode feature the key names what is exported, and says nothing of where runs are sent.
    named = feature_key is not None and given(inputs, "mode") != Mode.FEATURE.value
    return TraceScope.FEATURE if named else TraceScope.CHANGE


def _namespace(inputs: Mapping[str, str]) -> str:
    try:
        return normalize_namespace(inputs.get("namespace", ""))
    except ValueError as error:
        raise SettingsError(f"input namespace cannot be used: {error}") from None
