"""Reading all settings from the environment of one of the two doors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import normalize_namespace
from flow_telemetry.keys import ItemKey, parse_item_key
from flow_telemetry.settings import values
from flow_telemetry.settings.inputs import INPUT, INPUTS
from flow_telemetry.settings.otlp import OtlpSettings, otlp_settings
from flow_telemetry.settings.runner import RunnerContext, runner_context
from flow_telemetry.telemetry import Attributes, Signal

_PUBLIC_API = "https://api.github.com"
_PUBLIC_SERVER = "https://github.com"
_ACTION_TIMEOUT_SECONDS = 60.0
SIGNALS = (Signal.TRACES,)

Value = TypeVar("Value")


class Door(Enum):
    """The two ways into the program; their defaults differ."""

    ACTION = "action"
    COMMAND_LINE = "command line"


class Mode(Enum):
    """What an export is about."""

    AUTO = "auto"
    RUN = "run"


class Export(Enum):
    """Which part of a run that still goes on a step inside it sends."""

    RUN = "run"
    JOB = "job"
    REST = "rest"


class Detail(Enum):
    """The finest spans that are sent."""

    STEP = "step"
    JOB = "job"
    RUN = "run"


class TraceScope(Enum):
    """Which entity is the root of the live trace."""

    RUN = "run"
    CHANGE = "change"
    FEATURE = "feature"


class LogLevel(Enum):
    """How much to tell."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings:
    """Which GitHub to read, and with what token; the token is in no representation."""

    api_url: str = _PUBLIC_API
    server_url: str = _PUBLIC_SERVER
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the user and the runner decide. ``timeout`` is in seconds, None for no bound."""

    mode: Mode
    repository: str | None
    run_id: int | None
    run_attempt: int | None
    export: Export
    detail: Detail
    trace_scope: TraceScope
    feature_key: ItemKey | None
    namespace: str
    service_name: str | None
    resource_attributes: Attributes
    trace_url: str | None
    summary: bool
    fail_on_error: bool
    timeout: float | None
    spool_path: Path
    log_level: LogLevel
    github: GitHubSettings
    otlp: OtlpSettings
    runner: RunnerContext


def load_settings(
    environ: Mapping[str, str], door: Door, flags: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings that the environment gives; ``flags``, by input name, win over it.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    inputs = {**_inputs_of(environ), **{k: v for k, v in (flags or {}).items() if v != ""}}
    runner = runner_context(environ)
    feature_key = _feature_key(inputs)
    return Settings(
        mode=values.choice("mode", _text(inputs, "mode"), Mode),
        repository=_optional(inputs, "repository", values.repository),
        run_id=_optional(inputs, "run-id", values.positive_integer),
        run_attempt=_optional(inputs, "run-attempt", values.positive_integer),
        export=values.choice("export", _text(inputs, "export"), Export),
        detail=values.choice("detail", _text(inputs, "detail"), Detail),
        trace_scope=_trace_scope(inputs, feature_key),
        feature_key=feature_key,
        namespace=_namespace(inputs),
        service_name=_service_name(inputs, environ, door),
        resource_attributes=_resource_attributes(inputs, environ),
        trace_url=_text(inputs, "trace-url") or None,
        summary=values.boolean("summary", _text(inputs, "summary")),
        fail_on_error=values.boolean("fail-on-error", _text(inputs, "fail-on-error")),
        timeout=_timeout(inputs, door),
        spool_path=_spool_path(inputs, runner, door),
        log_level=_log_level(inputs, runner),
        github=_github(inputs, environ),
        otlp=otlp_settings(inputs, environ, SIGNALS),
        runner=runner,
    )


def _inputs_of(environ: Mapping[str, str]) -> dict[str, str]:
    return {each.name: environ.get(each.variable, "") for each in INPUTS}


def _text(inputs: Mapping[str, str], name: str) -> str:
    """The trimmed text of an input, or its default where the default is a plain value."""
    default = INPUT[name].default
    return inputs.get(name, "").strip() or ("" if "${{" in default else default)


def _optional(
    inputs: Mapping[str, str], name: str, parse: Callable[[str, str], Value]
) -> Value | None:
    text = _text(inputs, name)
    return parse(name, text) if text else None


def _feature_key(inputs: Mapping[str, str]) -> ItemKey | None:
    text = _text(inputs, "feature-key")
    if not text:
        return None
    try:
        return parse_item_key(text)
    except ValueError as error:
        raise SettingsError(f"input feature-key is {values.shown(text)}: {error}") from None


def _trace_scope(inputs: Mapping[str, str], feature_key: ItemKey | None) -> TraceScope:
    text = _text(inputs, "trace-scope")
    if not text:
        return TraceScope.FEATURE if feature_key else TraceScope.CHANGE
    scope = values.choice("trace-scope", text, TraceScope)
    if scope is TraceScope.FEATURE and feature_key is None:
        raise SettingsError("input trace-scope is feature: name the feature by feature-key")
    return scope


def _namespace(inputs: Mapping[str, str]) -> str:
    try:
        return normalize_namespace(inputs.get("namespace", ""))
    except ValueError as error:
        raise SettingsError(f"input namespace cannot be used: {error}") from None


def _service_name(inputs: Mapping[str, str], environ: Mapping[str, str], door: Door) -> str | None:
    """OTEL_SERVICE_NAME counts on the command line only: a job may set it for its own tests."""
    inherited = environ.get("OTEL_SERVICE_NAME", "") if door is Door.COMMAND_LINE else ""
    return _text(inputs, "service-name") or inherited.strip() or None


def _resource_attributes(
    inputs: Mapping[str, str], environ: Mapping[str, str]
) -> Mapping[str, str]:
    """The attributes of a run's resource; the service's own name is not set this way."""
    name, text = "resource-attributes", _text(inputs, "resource-attributes")
    if not text:
        name = "OTEL_RESOURCE_ATTRIBUTES"
        text = environ.get(name, "")
    found = values.pairs(name, text)
    return {key: value for key, value in found.items() if not key.startswith("service.")}


def _timeout(inputs: Mapping[str, str], door: Door) -> float | None:
    text = _text(inputs, "timeout")
    if text:
        return values.duration("timeout", text)
    return _ACTION_TIMEOUT_SECONDS if door is Door.ACTION else None


def _spool_path(inputs: Mapping[str, str], runner: RunnerContext, door: Door) -> Path:
    text = _text(inputs, "spool-path")
    if text:
        return Path(text)
    if door is Door.ACTION and runner.temporary_folder:
        return Path(runner.temporary_folder) / "flow-telemetry"
    return Path("flow-telemetry-spool")


def _log_level(inputs: Mapping[str, str], runner: RunnerContext) -> LogLevel:
    level = values.choice("log-level", _text(inputs, "log-level"), LogLevel)
    return LogLevel.DEBUG if runner.debug else level


def _github(inputs: Mapping[str, str], environ: Mapping[str, str]) -> GitHubSettings:
    token = _text(inputs, "github-token") or environ.get("GITHUB_TOKEN", "").strip()
    if any(not "!" <= c <= "~" for c in token):
        raise SettingsError(
            "input github-token holds a blank or a character that no token has; "
            "mostly something else was pasted, or two secrets were joined"
        )
    return GitHubSettings(
        api_url=_url("GITHUB_API_URL", environ, _PUBLIC_API),
        server_url=_url("GITHUB_SERVER_URL", environ, _PUBLIC_SERVER),
        token=token,
    )


def _url(name: str, environ: Mapping[str, str], default: str) -> str:
    text = environ.get(name, "").strip().rstrip("/") or default
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        usable = False
    if not usable:
        raise SettingsError(f"{name} is no URL: {values.shown(text)}")
    return text


def wants_failure(environ: Mapping[str, str]) -> bool:
    """Return whether a failure is to fail the step, known even where other settings are not."""
    return environ.get(INPUT["fail-on-error"].variable, "").strip().lower() == "true"
