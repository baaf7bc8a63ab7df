"""The GitHub Action: environment in; annotations, outputs, summary and exit status out.

Telemetry never breaks a build: every failure is a warning and exit status 0, unless the user
asked for `fail-on-error`. Only settings that can never work are errors with exit status 2, because
nothing but the user can heal them.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from actions_toolkit import core

from flow_telemetry import pipeline
from flow_telemetry.build import build_context, build_otlp_exporter, settings_redactor
from flow_telemetry.clock import Clock, Deadline, Interrupted, Interruption, SystemClock
from flow_telemetry.environment import guarded_streams, take_environment
from flow_telemetry.errors import FlowTelemetryError, MissingSecretError, SettingsError
from flow_telemetry.github.webhook import read_event
from flow_telemetry.http.payload import Payload
from flow_telemetry.logging import RedactedLog
from flow_telemetry.otlp.exporter import NullExporter, WatchedExporter
from flow_telemetry.outcome import Outcome, Status
from flow_telemetry.privacy.audience import Audience, read_audience, redact_outcome
from flow_telemetry.privacy.records import redact_record
from flow_telemetry.privacy.redactor import Redactor, build_redactor
from flow_telemetry.report.summary import job_summary
from flow_telemetry.report.terminal import report
from flow_telemetry.report.text import terminal_line
from flow_telemetry.settings import (
    EntryPoint,
    LogLevel,
    Mode,
    Settings,
    describe_settings,
    load_settings,
    public_words,
    secrets_of,
    wants_failure,
)
from flow_telemetry.subjects.choose import choose_subjects, choose_sweep, wants_organization
from flow_telemetry.subjects.types import reads_much
from flow_telemetry.telemetry import Exporter

if TYPE_CHECKING:  # Loaded only for an export, and for a page.
    from flow_telemetry.context import ExportContext
    from flow_telemetry.page import PageSpans

_LONGEST_LINE = 1_000


@dataclass(frozen=True, slots=True)
class ActionLog:
    """A log that writes to the step's log, in the runner's format."""

    level: LogLevel

    def debug(self, text: str) -> None:
        """Log a detail with `log-level: debug` only."""
        if self.level is LogLevel.DEBUG:
            core.info(f"debug: {terminal_line(text, _LONGEST_LINE)}")

    def info(self, text: str) -> None:
        """Log a line of progress."""
        if self.level in (LogLevel.INFO, LogLevel.DEBUG):
            core.info(terminal_line(text, _LONGEST_LINE))

    def progress(self, text: str) -> None:
        """Log the progress with `log-level: debug` only, because a step's log keeps every line."""
        self.debug(text)


def main() -> int:
    """Run the action in the environment of the process and return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Windows has another encoding, in which some names cannot be printed.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    with guarded_streams():
        return _run_action()


def _run_action() -> int:
    interruption = Interruption(SystemClock())
    # Until the end, so that a cancelled step still reports its result.
    with interruption.listening():
        environ = take_environment()
        secrets = secrets_of(environ)
        for secret in secrets:
            core.set_secret(secret)
        settings, outcome = _export(
            environ, interruption, build_redactor(secrets, (), public_words(environ))
        )
        try:
            _report(outcome, settings, environ)
        except Exception as error:  # noqa: BLE001 - our own bugs must not break a build
            core.warning(f"the result could not be reported in full: {_unexpected(error)}")
        status = 1 if outcome.failed and wants_failure(environ) else 0
        status = 2 if outcome.refused else status
        return interruption.leave(status)


def _export(
    environ: Mapping[str, str], interruption: Interruption, redact: Redactor
) -> tuple[Settings | None, Outcome]:
    settings = None
    try:
        settings = load_settings(environ, EntryPoint.ACTION)
        log = RedactedLog(ActionLog(settings.log_level), settings_redactor(settings))
        if settings.log_level is LogLevel.DEBUG:
            for line in describe_settings(settings):
                log.debug(line)
        if settings.mode is Mode.CONTEXT:
            outcome = _provide_context(settings, environ, interruption)
            return settings, redact_record(outcome, redact)
        # A merge sends nothing, and needs no endpoint.
        off = None if settings.mode is Mode.MERGE else pipeline.switched_off(settings)
        if off is not None and not settings.page and not settings.comment:
            return settings, off
        event = read_event(settings.runner.event_path)
        return settings, _run(settings, event, interruption, off)
    except MissingSecretError as error:  # Only this run has no secrets; others have.
        problem = str(error)
    except SettingsError as error:
        errors = (*(settings.errors if settings is not None else ()), str(error))
        refused = Outcome(status=Status.SKIPPED, errors=errors, failed=True, refused=True)
        # An invalid value, such as a token in the wrong input, is quoted in the error.
        return settings, redact_record(refused, redact)
    except FlowTelemetryError as error:
        problem = str(error)
    except Interrupted:
        problem = (
            f"the program was cancelled ({interruption.name}): later steps get no trace context"
        )
    except Exception as error:  # noqa: BLE001 - our own bugs must not break a build
        problem = _unexpected(error)
    errors = settings.errors if settings is not None else ()
    outcome = Outcome(status=Status.SKIPPED, errors=errors, problems=(problem,), failed=True)
    return settings, redact_record(outcome, redact)


def _run(
    settings: Settings, event: Payload, interruption: Interruption, off: Outcome | None
) -> Outcome:
    """Export, and write the page; ``off`` is the outcome if nothing is sent."""
    clock = SystemClock()
    deadline = Deadline.after(clock, _timeout_left(settings, clock), interruption.cancellation)
    audience = read_audience(settings.runner, event)
    log = ActionLog(settings.log_level)
    exporter: Exporter = NullExporter()
    if off is None:
        exporter = endpoint = build_otlp_exporter(settings, deadline, audience, log)
        for notice in endpoint.spool.recover():
            log.info(notice)
    for_organization = settings.mode in (Mode.PLAN, Mode.MERGE) or wants_organization(settings)
    kept = None
    if settings.page and settings.mode not in (Mode.PLAN, Mode.MERGE):
        # Loaded only for a page, which keeps the other starts fast.
        from flow_telemetry.page import PageSpans  # noqa: PLC0415

        kept = PageSpans()
        exporter = WatchedExporter(exporter, kept.watched)
    new_context = partial(
        build_context,
        settings,
        exporter=exporter,
        clock=clock,
        deadline=deadline,
        log=log,
        interruption=interruption,
    )
    if for_organization:
        outcome = _run_for_organization(settings, audience, new_context)
        heading = f"Sweep of {settings.sweep.organization}"
    else:
        outcome, heading = _run_for_repository(settings, event, audience, new_context)
    if off is not None:
        notices = (*outcome.notices, *off.notices)
        outcome = replace(outcome, status=off.status, deliveries=(), notices=notices)
    if kept is not None:
        outcome = _write_page(settings, kept, outcome, audience, heading)
    return redact_outcome(audience, outcome)


def _run_for_repository(
    settings: Settings,
    event: Payload,
    audience: Audience,
    new_context: Callable[..., ExportContext],
) -> tuple[Outcome, str]:
    """Export, and write the comment; return the outcome and, of a sweep, the page's heading."""
    sweep = choose_sweep(settings)
    subjects = () if sweep else choose_subjects(settings, event)
    context = new_context(bounded=sweep is not None or reads_much(subjects))
    if sweep is not None:
        # Loaded only for a sweep: most exports are of a run.
        from flow_telemetry.sweep.ledger_file import LedgerFile  # noqa: PLC0415
        from flow_telemetry.sweep.sweep import export_sweep  # noqa: PLC0415

        outcome = export_sweep(context, sweep, LedgerFile(settings.sweep.ledger))
        # No comments: the pull requests had theirs when they ended.
        heading = f"Sweep of {sweep.repository}"
    else:
        outcome, heading = pipeline.export(context, subjects), ""
        if settings.comment:
            outcome = _write_comment(context, outcome, audience)
    return replace(outcome, api_usage=context.github.limits.usage()), heading


def _write_comment(context: ExportContext, outcome: Outcome, audience: Audience) -> Outcome:
    """Write the comment on the pull request; a failure is only a warning of the outcome."""
    # Loaded only for a comment, which keeps the other starts fast.
    from flow_telemetry.comment import comment_on_change  # noqa: PLC0415

    try:
        return comment_on_change(context, outcome, audience)
    except Exception as error:  # noqa: BLE001 - what was exported is to be reported
        return replace(outcome, problems=(*outcome.problems, _unexpected(error, "the comment")))


def _write_page(
    settings: Settings, kept: PageSpans, outcome: Outcome, audience: Audience, heading: str
) -> Outcome:
    """Write the page, and return the outcome with its path; a failure is only a warning."""
    from flow_telemetry.page import page_of_export, write_page_in  # noqa: PLC0415

    folder, trace_url = settings.runner.upload_folder, settings.tracing.trace_url or ""
    if folder is None:
        problem = "no page is written: the runner has not set RUNNER_TEMP"
        return replace(outcome, problems=(*outcome.problems, problem))
    try:
        text = page_of_export(kept, outcome, audience, heading=heading, trace_url=trace_url)
        return replace(outcome, page=str(write_page_in(folder, text)))
    except FlowTelemetryError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - what was exported is to be reported
        problem = _unexpected(error, "the page")
    return replace(outcome, problems=(*outcome.problems, problem))


def _run_for_organization(
    settings: Settings, audience: Audience, new_context: Callable[..., ExportContext]
) -> Outcome:
    """Plan, sweep or merge; nothing of this is loaded for the export of a run."""
    from flow_telemetry.sweep.jobs import merge_sweep, plan_jobs  # noqa: PLC0415
    from flow_telemetry.sweep.ledger_file import LedgerFile  # noqa: PLC0415
    from flow_telemetry.sweep.organization import export_organization  # noqa: PLC0415

    # A plan needs a request for each repository, and has no other limit than the token's.
    context = new_context(bounded=settings.mode not in (Mode.PLAN, Mode.MERGE))
    ledger = LedgerFile(settings.sweep.ledger)
    if settings.mode is Mode.PLAN:
        outcome = plan_jobs(context, ledger, public_only=audience.public)
    elif settings.mode is Mode.MERGE:
        outcome = merge_sweep(context, ledger)
    else:
        outcome = export_organization(context, settings.sweep.organization or "", ledger)
    return redact_outcome(audience, outcome)


def _timeout_left(settings: Settings, clock: Clock) -> float | None:
    """Return the seconds of `timeout` that the launcher has left; None without a limit.

    The step's first line tells when it began. A time further back is that of another step.
    """
    timeout, began = settings.timeout, settings.runner.step_started_at
    if timeout is None or began is None:
        return timeout
    taken = (clock.now() - began).total_seconds()
    return timeout - taken if 0 <= taken < timeout else timeout


def _provide_context(
    settings: Settings, environ: Mapping[str, str], interruption: Interruption
) -> Outcome:
    """Provide the job's context to its later steps; nothing is sent."""
    # Loaded only in this mode: an export does not need it.
    from flow_telemetry.context_step import give_context  # noqa: PLC0415

    clock = SystemClock()
    deadline = Deadline.after(clock, _timeout_left(settings, clock))
    log = ActionLog(settings.log_level)
    context = build_context(
        settings, exporter=NullExporter(), clock=clock, deadline=deadline, log=log
    )
    event = read_event(settings.runner.event_path)
    given = interruption.read(lambda: give_context(settings, event, context, environ))
    for secret in given.secrets:
        core.set_secret(secret)
    _write("the job's context", lambda: _export_variables(given.variables))
    log.info(given.line)
    return Outcome(
        status=Status.SKIPPED,
        errors=settings.errors,
        problems=given.problems,
        notices=given.notices,
        context=given.outputs,
    )


def _export_variables(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        core.export_variable(name, value)


def _unexpected(error: Exception, stopped: str = "the export") -> str:
    """Return a message with type and place of an exception; its text may contain secrets."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}"
    line = "" if trace is None else f":{trace.tb_lineno}"
    return (
        f"an unexpected {type(error).__name__}{place}{line} stopped {stopped}; this is a bug "
        "in flow-telemetry, please report it with this line"
    )


def _report(outcome: Outcome, settings: Settings | None, environ: Mapping[str, str]) -> None:
    annotate = core.error if outcome.failed and wants_failure(environ) else core.warning
    for error in outcome.errors:
        core.error(f"flow-telemetry: {terminal_line(error, _LONGEST_LINE)}")
    for problem in outcome.problems:
        annotate(f"flow-telemetry: {terminal_line(problem, _LONGEST_LINE)}")
    for notice in outcome.notices:
        core.notice(f"flow-telemetry: {terminal_line(notice, _LONGEST_LINE)}")
    _write("the outputs", lambda: _set_outputs(outcome, settings))
    if settings is not None and settings.mode is Mode.CONTEXT:
        return  # There is no export to report.
    for line in report(replace(outcome, errors=(), problems=(), notices=())).splitlines():
        core.info(terminal_line(line, _LONGEST_LINE))
    if outcome.page:
        core.info(f"the page is in {terminal_line(outcome.page, _LONGEST_LINE)}")
    if settings is not None and settings.summary:
        path = settings.runner.summary_path
        _write("the summary", lambda: _write_summary(outcome, path))


def _write(what: str, write: Callable[[], None]) -> None:
    """Write to a file of the runner; a disk failure is only a warning."""
    try:
        write()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        core.warning(
            f"flow-telemetry: {what} could not be written ({reason}): free space on the runner's "
            "disk, and check the permissions of its temporary folder"
        )


def outputs_of(outcome: Outcome) -> dict[str, str]:
    """Return the action's outputs by name."""
    outputs = {"status": outcome.status.value, "spans": str(outcome.spans), **outcome.context}
    exported = outcome.exported
    if exported is not None:
        outputs["trace-id"] = exported.trace.trace_id
        outputs["span-id"] = exported.trace.span_id(exported.reference)
        outputs["traceparent"] = exported.trace.traceparent(exported.reference)
        outputs["trace-url"] = exported.trace_url or ""
        coverage = exported.job_report.coverage if exported.job_report else None
        if coverage is not None and coverage.file:
            outputs["coverage-file"] = coverage.file
            outputs["coverage-artifact"] = coverage.artifact
    if outcome.page:
        outputs["page"] = outcome.page
    return outputs


def _set_outputs(outcome: Outcome, settings: Settings | None) -> None:
    path = settings.runner.output_path if settings else os.environ.get("GITHUB_OUTPUT")
    if path and Path(path).exists():
        for name, value in outputs_of(outcome).items():
            core.set_output(name, value)
        if outcome.refused:
            # The last steps of action.yml read it, whose `continue-on-error` hides our status.
            core.set_output("refused", "true")


def _write_summary(outcome: Outcome, path: str | None) -> None:
    if not path:
        return
    with Path(path).open("a", encoding="utf-8", newline="\n") as file:
        file.write(job_summary(outcome) + "\n")
