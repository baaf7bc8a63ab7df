"""The inputs of a user, byte by byte: `name=value` on each line, where a `~` ends a value's line.

Names are those of inputs and of the variables that count besides.
"""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.build import settings_redactor
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.mapping.metric_attributes import unknown_attributes
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.pipeline import switched_off
from flow_telemetry.settings import EntryPoint, load_settings
from flow_telemetry.settings.inputs import INPUT
from flow_telemetry.subjects.choose import choose_subjects, choose_sweep

_VARIABLES = (
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT"),
    *("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_SDK_DISABLED"),
    *("OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_TRACES_EXPORTER"),
    *("OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"),
    *("GITHUB_TOKEN", "GITHUB_API_URL", "GITHUB_SERVER_URL", "GITHUB_EVENT_NAME"),
    *("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_REPOSITORY", "RUNNER_DEBUG"),
    *("FLOW_TELEMETRY_CHECK_RUN_ID", "FLOW_TELEMETRY_STARTED_AT", "GITHUB_WORKFLOW_REF"),
)
_NAMES = {**{name: each.variable for name, each in INPUT.items()}, **{n: n for n in _VARIABLES}}
_SEEDS = (
    "otlp-endpoint=https://otlp.example.com:4318\notlp-headers=a=b,c=d%20e\nrun-id=7\n",
    'otlp-headers={"authorization": "Bearer x"}\notlp-endpoint=http://[::1]:4318/x\n',
    "mode=sweep\nsince=30d\nworkflows=CI,!Deploy*~re\nbranches=main~release/**\n",
    "feature-key=acme/shop#17\nwork-item-key=linear/ENG-7\nfeature-types=Epic,Theme\n",
    "jira-url=https://acme.atlassian.net\njira-token=x\njira-projects=ACME,SHOP\n",
    "identity-aliases=acme/new=acme/old~CORE-9=ACME-57\nnamespace=acme-prod\n",
    "redact=[a-z]{3,9}-\\d+~(?i)secret\nactors=hash\nblocked-names=Blocked,On hold\n",
    "resource-attributes=team=shop,x=%41\nservice-name={workflow}\ntrace-url=https://x/{trace_id}\n",
    "max-spans=10\nmax-span-age=1h30m\ntimeout=90s\nlog-limit=5\ndetail=job\nsignals=traces\n",
    "settings=# shared~detail: job~redact:~  [a-z]+~  # x~detail: run~backend: dash0\n",
    "settings=otlp-headers: a=b~jira-url: https://u:p@x~~ x~backend\ntarget=acme/shop#7\n",
    "target=https://github.com/acme/shop/actions/runs/7/attempts/2\nmode=run\nbackend=jaeger\n",
    "status-categories=Doing=active~Blocked=waiting\ntrace-scope=item\nmode=item\n",
    "OTEL_EXPORTER_OTLP_ENDPOINT=https://u:p@x/?k=v\nOTEL_EXPORTER_OTLP_HEADERS=a=%zz\n",
)


def run(data: bytes) -> None:
    """Read settings, for one of the doors, and choose what they name."""
    environ = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "7"}
    for line in data.decode(errors="surrogateescape").split("\n"):
        name, _, value = line.partition("=")
        if name in _NAMES and "\0" not in value:  # which no variable can hold
            environ[_NAMES[name]] = value.replace("~", "\n")
    try:
        settings = load_settings(environ, tuple(EntryPoint)[len(data) % len(EntryPoint)])
        switched_off(settings)
        Fallbacks.of(settings.signals)
        settings_redactor(settings)("x" * 50)
        unknown_attributes(settings.signals.metric_attributes)
        if choose_sweep(settings) is None:
            choose_subjects(settings, {})
    except FlowTelemetryError as error:
        str(error).encode(errors="surrogateescape")


def seeds() -> Iterator[bytes]:
    """Yield settings as users write them."""
    yield from (text.encode() for text in _SEEDS)
