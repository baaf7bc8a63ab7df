"""Loading of all settings from the environment and the flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import parse as values
from flow_telemetry.settings.inputs import INPUT, INPUTS, optional, text_of
from flow_telemetry.settings.model import (
    EntryPoint,
    Export,
    JobSettings,
    LogLevel,
    Mode,
    RedactionSettings,
    SignalSettings,
    SweepSettings,
    TracingSettings,
    TrackerSettings,
    job_settings,
    redaction_settings,
    signal_settings,
    sweep_settings,
    tracing_settings,
    tracker_settings,
)
from flow_telemetry.settings.otlp import OtlpSettings, otlp_settings
from flow_telemetry.settings.parse import authorities
from flow_telemetry.settings.runner import RunnerContext, runner_context
from flow_telemetry.telemetry import Attributes

_PUBLIC_API = "https://api.github.com"
_PUBLIC_SERVER = "https://github.com"
_ACTION_TIMEOUT_SECONDS = 60.0
# A sweep or a feature needs many requests.
_LARGE_TIMEOUT_SECONDS = 900.0
_LARGE_MODES = {Mode.SWEEP.value, Mode.FEATURE.value, Mode.ITEM.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings:
    """The addresses of GitHub and its token, which `repr` leaves out.

    ``authorities`` is the file or folder with the trusted certificate authorities; empty for the
    bundled ones.
    """

    api_url: str = _PUBLIC_API
    server_url: str = _PUBLIC_SERVER
    token: str = field(default="", repr=False)
    authorities: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the user and the runner. ``timeout`` is in seconds, None without a limit.

    ``warnings`` name the optional settings whose values could not be used.
    """

    mode: Mode
    repository: str | None
    run_id: int | None
    run_attempt: int | None
    number: int | None
    export: Export
    tracing: TracingSettings
    trackers: TrackerSettings
    sweep: SweepSettings
    signals: SignalSettings
    redaction: RedactionSettings
    inside: JobSettings
    snapshot: bool
    repositories: tuple[str, ...]
    max_requests: int
    service_name: str | None
    resource_attributes: Attributes
    summary: bool
    fail_on_error: bool
    timeout: float | None
    spool_path: Path
    log_level: LogLevel
    github: GitHubSettings
    otlp: OtlpSettings
    runner: RunnerContext
    warnings: tuple[str, ...] = ()


def load_settings(
    environ: Mapping[str, str], door: EntryPoint, flags: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of the environment; ``flags``, by input name, take precedence.

    Raises:
        SettingsError: a value without which the export would fail, leak or get wrong ids cannot
            be used; the text names the input. Other values become `Settings.warnings`.
    """
    warnings: list[str] = []
    inputs = {row.name: environ.get(row.variable, "") for row in INPUTS}
    inputs |= {k: v for k, v in (flags or {}).items() if v != ""}
    runner = runner_context(environ)
    signals, trusted = signal_settings(inputs), authorities(environ)
    redaction = redaction_settings(inputs, environ, runner.repository)
    return Settings(
        mode=values.choice("mode", text_of(inputs, "mode"), Mode),
        repository=optional(inputs, "repository", values.repository),
        run_id=optional(inputs, "run-id", values.positive_integer),
        run_attempt=optional(inputs, "run-attempt", values.positive_integer),
        number=optional(inputs, "number", values.positive_integer),
        export=values.choice("export", text_of(inputs, "export"), Export),
        tracing=tracing_settings(inputs, warnings),
        trackers=tracker_settings(inputs, trusted, warnings),
        sweep=sweep_settings(inputs),
        signals=signals,
        redaction=redaction,
        inside=job_settings(inputs, warnings),
        snapshot=values.boolean("snapshot", text_of(inputs, "snapshot")),
        repositories=tuple(
            values.repository("repositories", name)
            for name in values.words(text_of(inputs, "repositories"))
        ),
        max_requests=values.positive_integer("max-requests", text_of(inputs, "max-requests")),
        service_name=_service_name(inputs, environ, door),
        resource_attributes=values.or_default(
            warnings,
            lambda: _resource_attributes(inputs, environ),
            {},
            "The runs get no further resource attributes",
        ),
        summary=values.or_default(
            warnings,
            lambda: values.boolean("summary", text_of(inputs, "summary")),
            True,
            "The summary is written",
        ),
        fail_on_error=values.boolean("fail-on-error", text_of(inputs, "fail-on-error")),
        timeout=_timeout(inputs, door, runner),
        spool_path=_spool_path(inputs, runner, door),
        log_level=_log_level(inputs, runner, warnings),
        github=_github(inputs, environ, trusted),
        otlp=otlp_settings(inputs, environ, signals.wanted),
        runner=runner,
        warnings=_redacted(warnings, redaction),
    )


def _redacted(warnings: list[str], redaction: RedactionSettings) -> tuple[str, ...]:
    """The warnings without secrets: a secret may have been put into the wrong input."""
    if not warnings:
        return ()
    from flow_telemetry.privacy.redactor import build_redactor  # noqa: PLC0415 - seldom needed

    return tuple(map(build_redactor(redaction.secrets, redaction.patterns), warnings))


def _service_name(
    inputs: Mapping[str, str], environ: Mapping[str, str], door: EntryPoint
) -> str | None:
    """Read OTEL_SERVICE_NAME on the command line only: a job may set it for its own tests."""
    inherited = environ.get("OTEL_SERVICE_NAME", "") if door is EntryPoint.COMMAND_LINE else ""
    return text_of(inputs, "service-name") or inherited.strip() or None


def _resource_attributes(
    inputs: Mapping[str, str], environ: Mapping[str, str]
) -> Mapping[str, str]:
    """The resource attributes of a run, without those of the service."""
    name, text = "resource-attributes", text_of(inputs, "resource-attributes")
    if not text:
        name = "OTEL_RESOURCE_ATTRIBUTES"
        text = environ.get(name, "")
    pairs = values.pairs(name, text)
    return {key: value for key, value in pairs.items() if not key.startswith("service.")}


def _timeout(inputs: Mapping[str, str], door: EntryPoint, runner: RunnerContext) -> float | None:
    text = text_of(inputs, "timeout")
    if text:
        return values.duration("timeout", text)
    if door is EntryPoint.COMMAND_LINE:
        return None
    is_sweep = runner.event_name in ("schedule", "workflow_dispatch") and text_of(inputs, "since")
    large = text_of(inputs, "mode") in _LARGE_MODES or is_sweep or runner.event_name == "issues"
    return _LARGE_TIMEOUT_SECONDS if large else _ACTION_TIMEOUT_SECONDS


def _spool_path(inputs: Mapping[str, str], runner: RunnerContext, door: EntryPoint) -> Path:
    text = text_of(inputs, "spool-path")
    if text:
        return Path(text)
    if door is EntryPoint.ACTION and runner.temporary_folder:
        return Path(runner.temporary_folder) / "flow-telemetry"
    return Path("flow-telemetry-spool")


def _log_level(inputs: Mapping[str, str], runner: RunnerContext, warnings: list[str]) -> LogLevel:
    level = values.or_default(
        warnings,
        lambda: values.choice("log-level", text_of(inputs, "log-level"), LogLevel),
        LogLevel(INPUT["log-level"].default),
        "The default is used",
    )
    return LogLevel.DEBUG if runner.debug else level


def _github(inputs: Mapping[str, str], environ: Mapping[str, str], trusted: str) -> GitHubSettings:
    token = text_of(inputs, "github-token") or environ.get("GITHUB_TOKEN", "").strip()
    if any(not "!" <= c <= "~" for c in token):
        raise SettingsError(
            "`github-token` contains a blank or a character that no token has. "
            "Usually something else was pasted, or two secrets were joined"
        )
    return GitHubSettings(
        api_url=_url("GITHUB_API_URL", environ, _PUBLIC_API),
        server_url=_url("GITHUB_SERVER_URL", environ, _PUBLIC_SERVER),
        token=token,
        authorities=trusted,
    )


def _url(name: str, environ: Mapping[str, str], default: str) -> str:
    text = environ.get(name, "").strip().rstrip("/") or default
    values.url(name, text, default)
    return text


def wants_failure(environ: Mapping[str, str]) -> bool:
    """Return whether a failure fails the step; it can be read even if other settings are wrong."""
    return environ.get(INPUT["fail-on-error"].variable, "").strip().lower() == "true"
