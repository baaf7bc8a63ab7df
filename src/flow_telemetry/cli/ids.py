"""`flow-telemetry ids`: the trace and span ids of flow references, for other tools."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import TraceIdentity, normalize_namespace
from flow_telemetry.model.reference import parse_reference
from flow_telemetry.text import one_line

if TYPE_CHECKING:
    from flow_telemetry.cli.parser import Subparsers

_LONGEST_TEXT = 100


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "ids",
        help="print the trace and span ids of flow references",
        description="Prints the ids that flow references have, by the recipe of "
        "docs/reference/identity.md. Each reference is the root of a trace of its own unless "
        "--root names one. Upper and lower case of names and keys are normalized.",
    )
    parser.add_argument(
        "references",
        nargs="+",
        metavar="REFERENCE",
        help="Flow reference such as github.com/acme/shop/pull/123 or jira/ACME-42, or a URL.",
    )
    parser.add_argument("--root", metavar="REFERENCE", help="Root of the trace of all of them.")
    parser.add_argument("--namespace", default="", help="Namespace of the ids. Default: empty.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the ids."""
    try:
        namespace = normalize_namespace(options.namespace)
    except ValueError as error:
        raise SettingsError(f"--namespace cannot be used: {error}") from None
    root = _reference("--root", options.root) if options.root else None
    rows = []
    for text in options.references:
        reference = _reference("REFERENCE", text)
        trace = TraceIdentity(root=root or reference, namespace=namespace)
        rows.append(
            {
                "reference": reference,
                "root": trace.root,
                "trace_id": trace.trace_id,
                "span_id": trace.span_id(reference),
                "traceparent": trace.traceparent(reference),
            }
        )
    lines = (f"{row['trace_id']}  {row['span_id']}  {row['reference']}" for row in rows)
    text = json.dumps(rows, indent=2) if options.json else "\n".join(lines)
    sys.stdout.write(text + "\n")
    return 0


def _reference(name: str, text: str) -> str:
    try:
        return parse_reference(text)
    except ValueError as error:
        raise SettingsError(f"{name} {one_line(text, _LONGEST_TEXT)!r} {error}") from None
