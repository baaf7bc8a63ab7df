"""`flow-telemetry sweep`: exports everything that was closed or deployed in a period."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from flow_telemetry import pipeline
from flow_telemetry.cli.export import add_output, export_and_print
from flow_telemetry.cli.options import Subparsers, add_flags, flags_of
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.outcome import Outcome, Status, merge_outcomes
from flow_telemetry.settings import EntryPoint, Mode, load_settings
from flow_telemetry.subjects.choose import choose_subjects
from flow_telemetry.subjects.sweep import (
    Sweep,
    describe_early_end,
    end_reason,
    find_subjects,
    format_mark,
    within_sweep,
)
from flow_telemetry.subjects.types import Subject, SweepSubject


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "sweep",
        help="export everything closed or deployed in a period",
        description="Exports the pull requests and issues that were closed, and the deployments "
        "that ended, since a time; with --sweep-runs the runs too.",
    )
    add_flags(parser)
    add_output(parser)
    parser.add_argument(
        "--resume",
        metavar="FILE",
        type=Path,
        help="record sent subjects in FILE, and skip those that it lists already",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Sweep; return 0, or 1 if something could not be read or sent."""
    flags = flags_of(options, mode=Mode.SWEEP.value)
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags)
    (subject,) = choose_subjects(settings, {})
    if not isinstance(subject, SweepSubject):
        raise TypeError(subject)
    return export_and_print(
        options,
        settings,
        lambda context: _sweep(
            context, subject, resume=options.resume, at_once=options.output is not None
        ),
        bounded=True,
    )


def _sweep(
    context: ExportContext, subject: SweepSubject, *, resume: Path | None, at_once: bool
) -> Outcome:
    """Export one subject after another, so that an interrupted sweep can be resumed.

    With ``at_once`` all are one export: an output file appears only when it is complete.
    """
    sent: frozenset[str] = frozenset()
    if resume is not None and resume.is_file():
        sent = frozenset(resume.read_text(encoding="utf-8").split("\n"))
    try:
        sweep = find_subjects(context, subject, sent=sent)
    except FlowTelemetryError as error:
        problems = (*context.settings.warnings, str(error))
        return Outcome(status=Status.SKIPPED, problems=problems, failed=True)
    begun: list[Subject] = []
    subjects = _until_end(sweep, context, begun)
    outcomes = Outcome(status=Status.SKIPPED, problems=context.settings.warnings)
    remaining = len(sweep.subjects)
    for group in [subjects] if at_once else ((subject,) for subject in subjects):
        outcome = pipeline.export(within_sweep(context), group)
        outcomes = merge_outcomes((outcomes, outcome))
        # A subject that failed because the sweep ended remains, like those that were not begun.
        remaining -= len(begun) - (outcome.failed and bool(end_reason(context)))
        if resume is not None and not outcome.failed:
            with resume.open("a", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{format_mark(subject)}\n" for subject in begun)
        begun.clear()
    errors = (*sweep.read_errors, *describe_early_end(context, sweep, remaining))
    listed = Outcome(
        status=Status.SKIPPED,
        notices=(
            f"{len(sweep.subjects)} subjects to send were found, {sweep.already_sent} more had "
            "been sent before",
        ),
        problems=tuple(f"the sweep could not read all: {error}" for error in errors),
        left_out=sweep.left_out,
        failed=bool(errors),
    )
    return merge_outcomes((listed, outcomes))


def _until_end(sweep: Sweep, context: ExportContext, begun: list[Subject]) -> Iterator[Subject]:
    """The subjects of a sweep until its requests or time end; ``begun`` gets those yielded."""
    total = len(sweep.subjects)
    for number, subject in enumerate(sweep.subjects, start=1):
        if end_reason(context):
            return
        context.log.progress(f"{number} of {total}, {context.github.requests} requests")
        begun.append(subject)
        yield subject
