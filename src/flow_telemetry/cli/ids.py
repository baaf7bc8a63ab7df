"""`flow-telemetry ids`: the trace and span ids of flow references, for other tools."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import TraceIdentity, normalize_namespace

if TYPE_CHECKING:
    from flow_telemetry.cli.options import Subparsers


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "ids",
        help="print the trace and span ids of flow references",
        description="Prints the ids that flow references have, by the recipe of "
        "docs/reference/identity.md. Each reference is the root of a trace of its own unless "
        "--root names one.",
    )
    parser.add_argument(
        "references",
        nargs="+",
        metavar="REFERENCE",
        help="flow reference, such as github.com/acme/shop/pull/123",
    )
    parser.add_argument("--root", metavar="REFERENCE", help="root of the trace of all of them")
    parser.add_argument("--namespace", default="", help="namespace of the ids (default: empty)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the ids."""
    try:
        namespace = normalize_namespace(options.namespace)
    except ValueError as error:
        raise SettingsError(f"--namespace cannot be used: {error}") from None
    rows = []
    for reference in options.references:
        trace = TraceIdentity(root=options.root or reference, namespace=namespace)
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
