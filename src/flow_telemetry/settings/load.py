"""Loading of all settings from the environment and the flags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flow_telemetry.identity import host_of
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.privacy.redactor import build_redactor
from flow_telemetry.settings import parse
from flow_telemetry.settings.backends import ChosenPreset, choose_preset
from flow_telemetry.settings.credentials import public_words, secrets_of
from flow_telemetry.settings.github import (
    GitHubSettings,
    GitRemote,
    NamedServer,
    github_settings,
    is_public_host,
)
from flow_telemetry.settings.inputs import INPUT, INPUTS, Inputs
from flow_telemetry.settings.model import (
    Compare,
    DeploymentSettings,
    EntryPoint,
    Export,
    JiraSettings,
    JobSettings,
    LogLevel,
    Mode,
    SignalSettings,
    SweepSettings,
    TraceScope,
    TracingSettings,
    TrackerSettings,
)
from flow_telemetry.settings.otlp import OtlpSettings, otlp_settings
from flow_telemetry.settings.runner import RunnerContext, runner_context
from flow_telemetry.settings.shared import parse_shared_settings
from flow_telemetry.settings.target import resolve_target
from flow_telemetry.telemetry import Attributes
from flow_telemetry.text import counted

if TYPE_CHECKING:
    from flow_telemetry.settings.origins import Origin

_ACTION_TIMEOUT_SECONDS = 60.0
# A sweep or a feature needs many requests.
_LARGE_TIMEOUT_SECONDS = 900.0
_LARGE_MODES = (Mode.SWEEP, Mode.PLAN, Mode.MERGE, Mode.FEATURE, Mode.ITEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the user and the runner. ``timeout`` is in seconds, None without a limit.

    ``secrets`` are the program's own credentials, which `repr` leaves out, ``public_words`` those
    of the run's context, and ``redact_patterns`` the user's regular expressions, all valid.
    ``errors`` name the optional settings whose values are unusable, ``preset`` is what the
    backend gives, ``origins`` finds where each value is from, and ``repeated`` what is in
    `settings` more than once.
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
    deployments: DeploymentSettings
    signals: SignalSettings
    job: JobSettings
    snapshot: bool
    repositories: tuple[str, ...]
    max_requests: int
    service_name: str | None
    resource_attributes: Attributes
    summary: bool
    page: bool
    comment: bool
    compare: Compare
    fail_on_error: bool
    timeout: float | None
    spool_path: Path
    log_level: LogLevel
    github: GitHubSettings
    otlp: OtlpSettings
    runner: RunnerContext
    secrets: tuple[str, ...] = field(default=(), repr=False)
    public_words: tuple[str, ...] = ()
    redact_patterns: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    preset: ChosenPreset = field(default_factory=ChosenPreset, compare=False)
    origins: Callable[[], tuple[Origin, ...]] = field(default=tuple, compare=False, repr=False)
    repeated: tuple[str, ...] = field(default=(), compare=False)


def load_settings(
    environ: Mapping[str, str],
    entry_point: EntryPoint,
    flags: Mapping[str, str] | None = None,
    *,
    github_url: str = "",
    remote: GitRemote | None = None,
) -> Settings:
    """Return the settings of the environment; ``flags``, by input name, take precedence.

    On the command line ``github_url`` is that of `--github-url`, and ``remote`` the git remote of
    the current folder.

    Raises:
        SettingsError: a value is unusable, and without it the export would fail, leak or get wrong
            ids; the text names the input. Other unusable values become `Settings.errors`.
    """
    texts = {row.name: environ.get(row.variable, "") for row in INPUTS}
    texts |= {name: text for name, text in (flags or {}).items() if text != ""}
    shared = parse_shared_settings(texts["settings"])
    from_inputs = frozenset(name for name, text in texts.items() if text.strip())
    texts |= {n: text for n, text in shared.texts.items() if n not in from_inputs}
    backend = parse.named("backend", INPUT["backend"].parse, texts["backend"].strip())
    preset = choose_preset(backend, _any_endpoint(texts, environ))
    inputs = Inputs(texts, environ, preset.values)
    sweep_requested = bool(texts["since"].strip())
    runner, trusted = runner_context(environ), parse.authorities(environ)
    jira = _jira_settings(inputs, trusted)
    variables = {**environ, **{INPUT[name].variable: text for name, text in texts.items()}}
    secrets, public = secrets_of(variables), public_words(variables)
    errors = tuple(inputs.errors.values())
    if errors:  # A secret may have been put into the wrong input.
        errors = tuple(map(build_redactor(secrets, inputs.redact, public), errors))
    by_hand = entry_point is EntryPoint.COMMAND_LINE
    named_repository = inputs.target.repository or inputs.repository or runner.repository
    named_repository = named_repository or inputs.organization
    if remote is not None and (named_repository or inputs.target.key):
        # Only its server can still count, if it is one of GitHub's.
        remote = remote if _is_known_host(remote, environ) else None
    github = github_settings(
        environ,
        inputs.github_token,
        entry_point,
        trusted,
        NamedServer(
            github_url=github_url,
            target=inputs.target.origin if by_hand and not inputs.target.key else "",
            remote=remote.server_url if remote else "",
            token=(flags or {}).get("github-token", ""),
        ),
    )
    if remote is not None and host_of(remote.server_url) != host_of(github.server_url):
        remote = None
    target, mode = resolve_target(
        inputs.target, inputs.mode, server=github.server_url, jira=inputs.jira_url
    )

    def find_origins() -> tuple[Origin, ...]:
        # Loaded for debug output and `check` only.
        from flow_telemetry.settings.origins import origins_of  # noqa: PLC0415

        return origins_of(texts, environ, from_inputs, shared, preset)

    return Settings(
        mode=mode,
        repository=target.repository
        or inputs.repository
        or (remote.repository if remote and not runner.repository else None),
        run_id=target.run_id or inputs.run_id,
        run_attempt=target.run_attempt or inputs.run_attempt,
        number=target.number or inputs.number,
        export=inputs.export,
        tracing=tracing_settings(inputs, target.key, mode, entry_point),
        trackers=_tracker_settings(inputs, jira, has_jira_url=bool(texts["jira-url"].strip())),
        sweep=SweepSettings(
            requested=sweep_requested,
            since=inputs.since,
            ledger=_ledger_path(inputs, entry_point, runner),
            runs=inputs.sweep_runs,
            jira_projects=inputs.sweep_jira,
            workflows=inputs.workflows,
            branches=inputs.branches,
            rate_limit_share=inputs.rate_limit_share,
            organization=inputs.organization,
            repositories=inputs.sweep_repositories,
            shards=inputs.shards,
            shard=inputs.shard,
        ),
        deployments=DeploymentSettings(
            environments=inputs.deployment_environments,
            production=inputs.production_environments,
            lead_time_from=inputs.lead_time_from,
        ),
        signals=_signal_settings(inputs),
        job=_job_settings(inputs),
        snapshot=inputs.snapshot,
        repositories=inputs.repositories,
        max_requests=inputs.max_requests,
        service_name=_service_name(inputs, environ, entry_point),
        resource_attributes=inputs.resource_attributes,
        summary=inputs.summary,
        page=inputs.page,
        comment=inputs.comment,
        compare=inputs.compare,
        fail_on_error=inputs.fail_on_error,
        timeout=_timeout(inputs, mode, entry_point, runner, sweep_requested=sweep_requested),
        spool_path=_spool_path(inputs, entry_point, runner),
        log_level=LogLevel.DEBUG if runner.debug else inputs.log_level,
        github=github,
        otlp=otlp_settings(texts, environ, inputs.signals),
        runner=runner,
        secrets=secrets,
        public_words=public,
        redact_patterns=inputs.redact,
        errors=errors,
        origins=find_origins,
        preset=preset,
        repeated=shared.repeated,
    )


def _is_known_host(remote: GitRemote, environ: Mapping[str, str]) -> bool:
    host = host_of(remote.server_url)
    return is_public_host(host) or environ.get("GH_HOST", "").strip().lower() == host


def _any_endpoint(texts: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The endpoint of all signals, or of traces; empty without one."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    candidates = (texts["otlp-endpoint"], *(environ.get(name, "") for name in names))
    return next((text.strip() for text in candidates if text.strip()), "")


def _signal_settings(inputs: Inputs) -> SignalSettings:
    return SignalSettings(
        enabled=inputs.signals,
        events=inputs.events,
        event_time=inputs.event_time,
        exceptions=inputs.exceptions,
        metric_shape=inputs.metric_shape,
        metric_attributes=inputs.metric_attributes,
        prices=inputs.prices,
        actors=inputs.actors,
        blocked_names=inputs.blocked_names,
        flow_types=inputs.flow_types,
    )


def tracing_settings(
    inputs: Inputs,
    key: ItemKey | None = None,
    mode: Mode | None = None,
    entry_point: EntryPoint = EntryPoint.ACTION,
) -> TracingSettings:
    """Return the settings of traces; ``key`` is that of `target`, which the mode exports."""
    scope, mode = inputs.trace_scope, mode or inputs.mode
    if scope is None:
        # In mode feature the key names the export, and does not select the trace of runs.
        in_feature = inputs.feature_key is not None and mode is not Mode.FEATURE
        # Who exports an item by hand wants its span, which only these scopes have.
        by_hand = mode is Mode.ITEM and entry_point is EntryPoint.COMMAND_LINE
        alone = TraceScope.ITEM if by_hand else TraceScope.CHANGE
        scope = TraceScope.FEATURE if in_feature else alone
    return TracingSettings(
        scope=scope,
        detail=inputs.detail,
        boilerplate_steps=inputs.boilerplate_steps,
        namespace=inputs.namespace,
        feature_key=(key if mode is Mode.FEATURE else None) or inputs.feature_key,
        work_item_key=(key if mode is Mode.ITEM else None) or inputs.work_item_key,
        ancestors=inputs.ancestors,
        feature_trace=inputs.feature_trace,
        phases=inputs.phases,
        names=inputs.span_names,
        max_spans=inputs.max_spans,
        max_span_age=inputs.max_span_age,
        on_old_span=inputs.on_old_span,
        trace_url=inputs.trace_url,
    )


def _tracker_settings(
    inputs: Inputs, jira: JiraSettings | None, *, has_jira_url: bool
) -> TrackerSettings:
    return TrackerSettings(
        choice=inputs.tracker,
        feature_types=inputs.feature_types,
        aliases=inputs.identity_aliases,
        status_project=inputs.status_project,
        status_categories=inputs.status_categories,
        jira=jira,
        has_jira_url=has_jira_url,
        jira_projects=inputs.jira_projects,
    )


def _jira_settings(inputs: Inputs, authorities: str) -> JiraSettings | None:
    """The site of Jira; None without a usable `jira-url` and token. May add an error."""
    if {"jira-url", "jira-token"} & inputs.errors.keys():
        return None
    if not inputs.jira_url:
        if inputs.jira_email or inputs.jira_token:
            inputs.errors["jira-url"] = (
                "`jira-url` is missing, but `jira-email` or `jira-token` is set. "
                f"{INPUT['jira-url'].if_wrong}"
            )
        return None
    return JiraSettings(
        url=inputs.jira_url,
        email=inputs.jira_email,
        token=inputs.jira_token,
        authorities=authorities,
    )


def _job_settings(inputs: Inputs) -> JobSettings:
    return JobSettings(
        needed_results=inputs.needs,
        measure=inputs.measure,
        inject_endpoint=inputs.inject_endpoint,
        reports=inputs.reports,
        test_reports=inputs.test_reports,
        coverage_reports=inputs.coverage_reports,
        trace_files=inputs.trace_files,
        trace_artifacts=inputs.trace_artifacts,
        fork_artifacts=inputs.fork_artifacts,
        logs=inputs.logs,
        log_limit=inputs.log_limit,
    )


def _service_name(
    inputs: Inputs, environ: Mapping[str, str], entry_point: EntryPoint
) -> str | None:
    """Read OTEL_SERVICE_NAME on the command line only: a job may set it for its own tests."""
    on_command_line = entry_point is EntryPoint.COMMAND_LINE
    inherited = environ.get("OTEL_SERVICE_NAME", "") if on_command_line else ""
    return inputs.service_name or inherited.strip() or None


def _timeout(
    inputs: Inputs,
    mode: Mode,
    entry_point: EntryPoint,
    runner: RunnerContext,
    *,
    sweep_requested: bool,
) -> float | None:
    if inputs.timeout is not None or entry_point is EntryPoint.COMMAND_LINE:
        return inputs.timeout
    is_sweep = runner.event_name in ("schedule", "workflow_dispatch") and sweep_requested
    large = mode in _LARGE_MODES or is_sweep or runner.event_name == "issues"
    return _LARGE_TIMEOUT_SECONDS if large else _ACTION_TIMEOUT_SECONDS


def _ledger_path(inputs: Inputs, entry_point: EntryPoint, runner: RunnerContext) -> Path | None:
    if inputs.ledger is None and entry_point is EntryPoint.ACTION and runner.upload_folder:
        return runner.upload_folder / "ledger.json"
    return inputs.ledger


def _spool_path(inputs: Inputs, entry_point: EntryPoint, runner: RunnerContext) -> Path:
    if inputs.spool_path is not None:
        return inputs.spool_path
    if entry_point is EntryPoint.ACTION and runner.upload_folder:
        return runner.upload_folder / "spool"
    return Path("flow-telemetry-spool")


def describe_settings(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that is set somewhere, and one that counts the others."""
    yield from settings.repeated
    not_set = settings.preset.not_set
    if settings.preset.backend is not None and not_set:
        name = settings.preset.backend.value
        values = ", ".join(f"{setting}: {value}" for setting, value in not_set.items())
        yield f"the endpoint is that of {name}: `backend: {name}` would also set {values}"
    origins = settings.origins()
    given = [each for each in origins if not each.is_default]
    for each in given:
        yield f"setting {each.name}: {each.value} ({each.place})"
    others = len(origins) - len(given)
    yield counted(others, "other setting", "has its default", "have their defaults")


def wants_failure(environ: Mapping[str, str]) -> bool:
    """Return whether a failure fails the step; it can be read even if other settings are wrong."""
    return environ.get(INPUT["fail-on-error"].variable, "").strip().lower() == "true"
