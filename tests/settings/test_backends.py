"""`backend`: what each preset sets, what a guess may set, and what counts more."""

from __future__ import annotations

import pytest
from tests.docs.test_backends_document import INPUTS as COLUMNS
from tests.docs.test_backends_document import LEFT_OUT, ROWS
from tests.settings.loading import load

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import EventTime, MetricShape, OldSpans, TraceScope, describe_settings
from flow_telemetry.settings.backends import FORMS, PRESETS, Backend
from flow_telemetry.settings.inputs import INPUT, Inputs
from flow_telemetry.telemetry import Signal

NEW_RELIC = "https://otlp.eu01.nr-data.net"
BY_TITLE = {preset.title: backend for backend, preset in PRESETS.items()}
# Settings that change ids, or what is exported.
OF_THE_USER = {
    *("trace-scope", "phases", "feature-trace", "signals", "span-names"),
    "boilerplate-steps",
}


@pytest.mark.parametrize("backend", Backend, ids=lambda backend: backend.value)
def test_every_backend_has_a_preset_that_can_be_used(backend: Backend) -> None:
    """Its names are settings, its values are valid, and none repeats a default."""
    preset = PRESETS[backend]
    Inputs({}, {}, preset.settings)
    assert preset.settings.keys() <= FORMS | OF_THE_USER
    assert not FORMS & OF_THE_USER
    repeated = {n for n, text in preset.settings.items() if INPUT[n].default == text}
    assert repeated <= {"on-old-span"}  # it says what happens beside `max-span-age`
    settings = load(backend=backend.value)
    given = {each.name: each for each in settings.origins() if each.place.startswith("backend ")}
    assert {name: each.value for name, each in given.items()} == dict(preset.settings)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if " on " not in row[0]], ids=lambda row: row[0]
)
def test_a_preset_is_what_the_page_says(row: list[str]) -> None:
    """Except for the storage of Jaeger, which its endpoint does not tell."""
    title = row[0].partition("]")[0].strip("[")
    settings = PRESETS[BY_TITLE[title]].settings
    written = {
        name: value for name, value in zip(COLUMNS, row[1:-1], strict=True) if value != LEFT_OUT
    }
    defaults = {name: INPUT[name].default for name in COLUMNS} | {"trace-scope": "change"}
    mine = {name: settings.get(name, defaults[name]) for name in written}
    assert mine == written
    assert settings.keys() & set(COLUMNS) <= written.keys()


def test_what_the_observed_backends_get() -> None:
    """Jaeger takes traces only, Prometheus metrics, VictoriaLogs events of now."""
    jaeger = load(backend="jaeger", otlp_endpoint="http://jaeger.example.com:4318")
    assert jaeger.signals.enabled == {Signal.TRACES}
    pages = "http://jaeger.example.com:16686/trace/{trace_id}?uiFind={span_id}"
    assert jaeger.tracing.trace_url == pages
    assert load(backend="prometheus").signals.enabled == {Signal.METRICS}
    victoria = load(backend="victoria").signals
    assert victoria.enabled == {Signal.LOGS}
    assert victoria.event_time is EventTime.SENT


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://[::1]:4318", "http://[::1]:16686/trace/{trace_id}?uiFind={span_id}"),
        ("https://jaeger.example.com", None),
        ("", None),
    ],
)
def test_jaegers_pages_are_known_by_its_usual_port(endpoint: str, expected: str | None) -> None:
    """Behind another address they are somewhere else."""
    assert load(backend="jaeger", otlp_endpoint=endpoint).tracing.trace_url == expected


@pytest.mark.parametrize(
    ("inputs", "environ", "expected"),
    [
        ({}, {}, "change"),
        ({"backend": "new-relic"}, {}, "run"),
        ({"backend": "NEW-RELIC", "feature_key": "ACME-1"}, {}, "run"),
        ({"backend": "new-relic", "settings": "trace-scope: item"}, {}, "item"),
        ({"backend": "new-relic", "settings": "trace-scope: item", "trace_scope": "feature"}, {},
         "feature"),
        ({"settings": "backend: dash0"}, {}, "run"),
        ({"settings": "backend: dash0", "backend": "tempo"}, {}, "change"),
        ({"otlp_endpoint": NEW_RELIC}, {}, "change"),
        ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": NEW_RELIC}, "change"),
    ],
)  # fmt: skip
def test_precedence(inputs: dict[str, str], environ: dict[str, str], expected: str) -> None:
    """Input, then `settings`, then `backend`, then the default; no guess changes ids."""
    assert load(environ, **inputs).tracing.scope is TraceScope(expected)


def test_variables_of_opentelemetry_count_more_than_a_preset() -> None:
    """`OTEL_*` stand between `settings` and `backend`."""
    settings = load({"OTEL_TRACES_EXPORTER": "none"}, backend="jaeger", otlp_endpoint="http://j:1")
    assert not settings.otlp.targets


@pytest.mark.parametrize(
    ("endpoint", "backend"),
    [
        ("https://otlp-gateway-prod-eu-west-0.grafana.net/otlp", Backend.GRAFANA_CLOUD),
        ("https://api.eu1.honeycomb.io", Backend.HONEYCOMB),
        ("https://otlp.datadoghq.eu", Backend.DATADOG),
        (NEW_RELIC, Backend.NEW_RELIC),
        ("https://ingress.eu-west-1.aws.dash0.com", Backend.DASH0),
        ("https://ingest.eu.signoz.cloud:443", Backend.SIGNOZ),
        ("https://abc12345.live.dynatrace.com/api/v2/otlp", Backend.DYNATRACE),
        ("https://my-motlp.ingest.eu-west-1.aws.elastic.cloud:443", Backend.ELASTIC),
        ("https://grafana.net.example.com", None),
        ("https://notgrafana.net", None),
        ("http://127.0.0.1:4318", None),
    ],
)
def test_a_host_is_recognized(endpoint: str, backend: Backend | None) -> None:
    """By its end; then forms are set, and `check` says what the preset would set besides."""
    settings = load(otlp_endpoint=endpoint)
    assert settings.preset.backend is backend
    assert settings.preset.values.keys() <= FORMS
    told = [line for line in describe_settings(settings) if "would also set" in line]
    assert bool(told) == bool(settings.preset.not_set)


def test_a_guess_sets_forms() -> None:
    """Ages and shapes of a backend that would lose data else."""
    settings = load(otlp_endpoint=NEW_RELIC)
    assert settings.tracing.max_span_age == 23 * 3600
    assert settings.tracing.on_old_span is OldSpans.DROP
    grafana = load(otlp_endpoint="https://otlp-gateway-prod-eu-west-0.grafana.net/otlp")
    assert grafana.signals.metric_shape is MetricShape.GAUGE
    (told,) = [line for line in describe_settings(settings) if "would also set" in line]
    assert "`backend: new-relic` would also set trace-scope: run, phases: live" in told


def test_an_unknown_backend_is_an_error() -> None:
    """Which lists the known ones."""
    with pytest.raises(SettingsError, match="`backend` must be one of grafana-cloud, tempo"):
        load(backend="zipkin")
