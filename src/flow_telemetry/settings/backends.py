"""Presets: the settings that suit a backend.

Sources are in docs/reference/backends.md and docs/guides/recipes.md.

`backend` names one. Without it the host of the endpoint may tell, but then only the forms of data
are set: ids, and what is exported, change only where the user has named the backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

# What a guess may set: shapes, times, sizes and ages, and where a trace is shown.
FORMS = frozenset(
    {
        *("metric-shape", "event-time", "max-spans", "max-span-age", "on-old-span"),
        "trace-url",
    }
)
# https://www.jaegertracing.io/docs/latest/architecture/apis/ lists the ports.
_JAEGER_OTLP_PORT = 4318
_JAEGER_PAGES = "{scheme}://{host}:16686/trace/{{trace_id}}?uiFind={{span_id}}"


class Backend(Enum):
    """The backends that have a preset."""

    GRAFANA_CLOUD = "grafana-cloud"
    TEMPO = "tempo"
    JAEGER = "jaeger"
    HONEYCOMB = "honeycomb"
    DATADOG = "datadog"
    NEW_RELIC = "new-relic"
    DASH0 = "dash0"
    SIGNOZ = "signoz"
    DYNATRACE = "dynatrace"
    ELASTIC = "elastic"
    CLICKSTACK = "clickstack"
    PROMETHEUS = "prometheus"
    VICTORIA = "victoria"
    COLLECTOR = "collector"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendPreset:
    """The settings of a backend by name, where they differ from the defaults.

    ``title`` is its name for people. ``headers`` are the names of those headers of which its
    endpoint wants one, empty if it wants none. ``hosts`` are the ends of its endpoints' hosts.
    """

    title: str
    settings: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def forms(self) -> dict[str, str]:
        """Return the settings that change neither ids nor what is exported."""
        return {name: value for name, value in self.settings.items() if name in FORMS}


# No long traces, and no spans that began long ago.
_RUNS_ONLY = {"trace-scope": "run", "phases": "live", "feature-trace": "false"}
# Honeycomb counts events, each span as one; Dash0 spans, and Datadog indexed spans. The others bill
# bytes, hosts or nothing.
# https://docs.honeycomb.io/manage-data-volume/usage-center/
# https://docs.datadoghq.com/account_management/billing/usage_monitor_apm
_BILLED_BY_SPAN = {"boilerplate-steps": "false"}
PRESETS: Mapping[Backend, BackendPreset] = {
    # Mimir refuses deltas.
    Backend.GRAFANA_CLOUD: BackendPreset(
        title="Grafana Cloud",
        settings={"metric-shape": "gauge"},
        headers=("authorization",),
        hosts=(".grafana.net",),
    ),
    Backend.TEMPO: BackendPreset(title="Tempo", settings={"signals": "traces"}),
    # `trace-url` depends on the endpoint: see `find_preset`.
    Backend.JAEGER: BackendPreset(title="Jaeger", settings={"signals": "traces"}),
    Backend.HONEYCOMB: BackendPreset(
        title="Honeycomb",
        settings={**_BILLED_BY_SPAN},
        headers=("x-honeycomb-team",),
        hosts=(".honeycomb.io",),
    ),
    Backend.DATADOG: BackendPreset(
        title="Datadog",
        settings={
            **_BILLED_BY_SPAN,
            "phases": "live",
            "feature-trace": "false",
            "max-span-age": "18h",
            "on-old-span": "send",
        },
        headers=("dd-api-key",),
        hosts=(".datadoghq.com", ".datadoghq.eu", ".ddog-gov.com"),
    ),
    Backend.NEW_RELIC: BackendPreset(
        title="New Relic",
        settings={**_RUNS_ONLY, "max-span-age": "23h", "on-old-span": "drop"},
        headers=("api-key",),
        hosts=(".nr-data.net",),
    ),
    Backend.DASH0: BackendPreset(
        title="Dash0",
        settings={**_BILLED_BY_SPAN, **_RUNS_ONLY, "max-span-age": "5h", "on-old-span": "drop"},
        headers=("authorization",),
        hosts=(".dash0.com",),
    ),
    # Without a key on a server of one's own, so that no header is expected.
    Backend.SIGNOZ: BackendPreset(
        title="SigNoz",
        settings={"feature-trace": "false", "max-span-age": "14d", "on-old-span": "drop"},
        hosts=(".signoz.cloud",),
    ),
    # The end of a span counts there, so `max-span-age`, which is about the start, is not set.
    Backend.DYNATRACE: BackendPreset(
        title="Dynatrace",
        settings={"phases": "live", "feature-trace": "false"},
        headers=("authorization",),
        hosts=(".dynatrace.com",),
    ),
    Backend.ELASTIC: BackendPreset(
        title="Elastic", headers=("authorization",), hosts=(".elastic.cloud",)
    ),
    Backend.CLICKSTACK: BackendPreset(
        title="ClickStack",
        settings={"feature-trace": "false", "max-span-age": "29d", "on-old-span": "drop"},
    ),
    Backend.PROMETHEUS: BackendPreset(
        title="Prometheus", settings={"signals": "metrics", "metric-shape": "gauge"}
    ),
    # VictoriaLogs drops old records, and VictoriaMetrics deltas, and both answer 200.
    Backend.VICTORIA: BackendPreset(
        title="VictoriaMetrics",
        settings={"signals": "events", "event-time": "sent", "metric-shape": "gauge"},
    ),
    Backend.COLLECTOR: BackendPreset(title="Collector"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPreset:
    """The values of a preset that count, and what is in its place if the backend was guessed.

    ``backend`` is None without a preset. ``not_set`` are the values that a guess may not set.
    """

    backend: Backend | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    not_set: Mapping[str, str] = field(default_factory=dict)
    guessed: bool = False

    @property
    def place(self) -> str:
        """Where its values are from, for messages."""
        name = self.backend.value if self.backend is not None else ""
        return f"guess of `backend` {name} from the endpoint" if self.guessed else f"backend {name}"


def choose_preset(backend: Backend | None, endpoint: str) -> ChosenPreset:
    """Return the preset of a backend, or the forms of that which the endpoint's host names."""
    chosen = backend or _guess(endpoint)
    if chosen is None:
        return ChosenPreset()
    preset = PRESETS[chosen]
    if backend is None:
        forms = preset.forms()
        others = {name: text for name, text in preset.settings.items() if name not in forms}
        return ChosenPreset(backend=chosen, values=forms, not_set=others, guessed=True)
    pages = _jaeger_pages(endpoint) if chosen is Backend.JAEGER else {}
    return ChosenPreset(backend=chosen, values={**preset.settings, **pages})


def _guess(endpoint: str) -> Backend | None:
    try:
        host = (urlsplit(endpoint).hostname or "").lower()
    except ValueError:
        return None
    fitting = (b for b, preset in PRESETS.items() if preset.hosts and host.endswith(preset.hosts))
    return next(fitting, None)


def _jaeger_pages(endpoint: str) -> dict[str, str]:
    """The address of Jaeger's pages, if its ports are the usual ones.

    `uiFind` folds all but the run within the trace of a pull request.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return {}
    if not host or port != _JAEGER_OTLP_PORT:
        return {}
    host = f"[{host}]" if ":" in host else host
    return {"trace-url": _JAEGER_PAGES.format(scheme=parts.scheme, host=host)}
