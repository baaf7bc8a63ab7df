"""`flow-telemetry sweep`: exports everything that ended since the last one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace

from flow_telemetry.build import build_context
from flow_telemetry.cli.export import add_output, export_and_print
from flow_telemetry.cli.options import SWEEP, add_flags, load
from flow_telemetry.cli.parser import Subparsers
from flow_telemetry.cli.targets import add_target
from flow_telemetry.context import ExportContext
from flow_telemetry.github.rate_limit import RESERVED_RATE_LIMIT
from flow_telemetry.model.api_usage import Api
from flow_telemetry.outcome import Outcome
from flow_telemetry.settings import Mode, Settings
from flow_telemetry.subjects.choose import choose_sweep
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.organization import export_organization, merge_rounds
from flow_telemetry.sweep.sweep import export_sweep

_NO_LIMIT = 1_000_000_000
_CLOCK_DIFFERENCE = 5.0


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "sweep",
        help="export everything that ended in a period",
        description="Exports the pull requests and issues that were closed, and the deployments "
        "that ended and that no run exports, since a time; with --sweep-runs the runs too. With "
        "--ledger it records what it exported: the next sweep goes on from there, and exports "
        "nothing twice. With --organization it sweeps the repositories of an organization.",
    )
    add_target(parser, "URL of the repository, or OWNER/NAME, like --repo.")
    add_output(parser)
    add_flags(parser, [SWEEP])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Sweep; return 0, or 1 if nothing could be exported, or something not recorded."""
    settings = load(options, environ, mode=Mode.SWEEP.value)
    if settings.sweep.organization is not None:
        return _sweep_organization(options, settings, settings.sweep.organization)
    subject = choose_sweep(settings)
    if subject is None:
        raise TypeError(settings.mode)
    return export_and_print(
        options,
        settings,
        lambda context: export_sweep(
            context,
            subject,
            LedgerFile(settings.sweep.ledger),
            at_once=options.output is not None,
        ),
        bounded=True,
        heading=f"Sweep of {subject.repository}",
    )


def _sweep_organization(options: argparse.Namespace, settings: Settings, organization: str) -> int:
    """Sweep an organization, in rounds: a ledger lets each go on when the rate limit is reset."""
    if not getattr(options, "max-requests"):
        # Only the rate limit of the token counts, unless the user names another.
        settings = replace(settings, max_requests=_NO_LIMIT)
    file, at_once = LedgerFile(settings.sweep.ledger), options.output is not None

    def export(context: ExportContext) -> Outcome:
        outcomes = [export_organization(context, organization, file, at_once=at_once)]
        while file.path is not None and not at_once and (wait := _seconds_until_reset(context)):
            context.log.info(f"waiting {wait / 60:.0f} minutes for the rate limit to be reset")
            context.deadline.sleep(wait)
            if context.deadline.expired or context.interruption.name:
                break
            context = build_context(
                settings,
                exporter=context.exporter,
                clock=context.clock,
                deadline=context.deadline,
                log=context.log,
                bounded=True,
                interruption=context.interruption,
            )
            outcomes.append(export_organization(context, organization, file))
        return merge_rounds(outcomes)

    heading = f"Sweep of {organization}"
    return export_and_print(options, settings, export, bounded=True, heading=heading)


def _seconds_until_reset(context: ExportContext) -> float:
    """Return the seconds to wait if a rate limit ended a round; 0 if something else did."""
    if not context.github.ended or context.interruption.name:
        return 0.0
    limits = filter(None, map(context.github.limits.of, Api))
    used_up = [each for each in limits if each.left <= max(RESERVED_RATE_LIMIT, each.limit // 10)]
    if not used_up:
        return 0.0
    # GitHub's clock may be a little behind.
    reset = max(each.reset for each in used_up)
    return max(1.0, reset - context.clock.now().timestamp() + _CLOCK_DIFFERENCE)
