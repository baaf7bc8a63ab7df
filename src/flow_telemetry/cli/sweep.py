"""`flow-telemetry sweep`: exports everything that was closed or deployed in a period."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
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
        help="export what was closed or deployed since",
        description="Exports the pull requests and issues that were closed, and the deployments "
        "that ended, since a time; with --sweep-runs the runs too.",
    )
    add_flags(parser)
    add_output(parser)
    parser.add_argument(
        "--resume",
        metavar="FILE",
        type=Path,
        help="note in FILE what was sent, and leave out what it notes already",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Sweep; return 0, or 1 where not all could be read or sent."""
    flags = flags_of(options, mode=Mode.SWEEP.value)
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags)
    (subject,) = choose_subjects(settings, {})
    if not isinstance(subject, SweepSubject):
        raise TypeError(subject)
    return export_and_print(
        options,
        settings,
        lambda parts: _sweep(
            parts, subject, resume=options.resume, at_once=options.output is not None
        ),
        bounded=True,
    )


def _sweep(
    parts: ExportContext, subject: SweepSubject, *, resume: Path | None, at_once: bool
) -> Outcome:
    """Export one subject after another, so that what is interrupted can go on.

    A file is written ``at_once``: it appears when it is whole.
    """
    try:
        sweep = find_subjects(parts, subject, sent=_noted(resume))
    except FlowTelemetryError as error:
        problems = (*parts.settings.warnings, str(error))
        return Outcome(status=Status.SKIPPED, problems=problems, failed=True)
    begun: list[Subject] = []
    todo = _until_the_end(sweep, parts, begun)
    done = Outcome(status=Status.SKIPPED, problems=parts.settings.warnings)
    left = len(sweep.subjects)
    for group in [todo] if at_once else ((each,) for each in todo):
        outcome = pipeline.export(within_sweep(parts), group)
        done = merge_outcomes((done, outcome))
        # What failed at the end is left as well as what was not begun.
        left -= len(begun) - (outcome.failed and bool(end_reason(parts)))
        if resume is not None and not outcome.failed:
            _note(resume, begun)
        begun.clear()
    return merge_outcomes((_found(sweep, describe_early_end(parts, sweep, left)), done))


def _until_the_end(sweep: Sweep, parts: ExportContext, begun: list[Subject]) -> Iterator[Subject]:
    """What was found, as long as more may be read; ``begun`` gets each that is taken."""
    for number, subject in enumerate(sweep.subjects, start=1):
        if end_reason(parts):
            return
        parts.log.progress(f"{number} of {len(sweep.subjects)}, {parts.github.requests} requests")
        begun.append(subject)
        yield subject


def _found(sweep: Sweep, ended: tuple[str, ...]) -> Outcome:
    subjects, sent = len(sweep.subjects), sweep.already_sent
    unread = (*sweep.read_errors, *ended)
    return Outcome(
        status=Status.SKIPPED,
        notices=(f"{subjects} things to send were found, {sent} more had been sent before",),
        problems=tuple(f"the sweep could not read all: {each}" for each in unread),
        left_out=sweep.left_out,
        failed=bool(unread),
    )


def _noted(resume: Path | None) -> frozenset[str]:
    if resume is None or not resume.is_file():
        return frozenset()
    return frozenset(resume.read_text(encoding="utf-8").split("\n"))


def _note(resume: Path, sent: Iterable[Subject]) -> None:
    with resume.open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{format_mark(each)}\n" for each in sent)
