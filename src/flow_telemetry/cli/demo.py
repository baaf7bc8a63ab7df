"""`flow-telemetry demo`: exports of bundled data, without account, token or network."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flow_telemetry.cli.options import DEMO, add_flags, given_flags, load
from flow_telemetry.cli.parser import Subparsers
from flow_telemetry.cli.replay import send_stored
from flow_telemetry.errors import FlowTelemetryError, SettingsError
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.settings import Settings
from flow_telemetry.telemetry import EncodedRequest

# The newest event is that long ago, so that nothing of the demo is in the future of a backend.
_NEWEST_AGO = timedelta(minutes=1)
_ENDPOINT = "otlp-endpoint"


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "demo",
        help="show the result of an export: without account, token or network",
        description="Replays the events of a feature on a bundled GitHub, exports each over HTTP "
        "to a bundled OTLP receiver, and shows the received live traces and the feature trace: as "
        "trees in the terminal, and as waterfalls on a self-contained page. Your settings and the "
        "network are not used, unless --otlp-endpoint is given: then the times are moved to now, "
        "and traces, events and metrics are sent to your backend by the rules of an export, under "
        "a namespace of their own.",
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="Write the page to FILE. Default: a new temporary folder; with --otlp-endpoint, none.",
    )
    parser.add_argument("--no-open", action="store_true", help="Do not open the page in a browser.")
    add_flags(parser, [DEMO])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Show the demo and return 0; or send it, and return 1 if not everything was delivered."""
    # No other command needs the servers of the demo.
    from flow_telemetry.demo.browser import open_page  # noqa: PLC0415
    from flow_telemetry.demo.recording import load_recording  # noqa: PLC0415
    from flow_telemetry.demo.show import Demo  # noqa: PLC0415

    settings = _sending_settings(options, environ)
    now = datetime.now(timezone.utc)
    demo = Demo(
        environ=environ,
        stream=sys.stdout,
        recording=load_recording(now - _NEWEST_AGO if settings else None),
        html=options.html,
        open_page=None if options.no_open else open_page,
        namespace=f"demo-{now:%Y%m%dT%H%M%SZ}" if settings else "",
    )
    if settings is None:
        demo.show()
        return 0
    return _send(demo.export(), settings)


def _sending_settings(options: argparse.Namespace, environ: Mapping[str, str]) -> Settings | None:
    """Return the settings of a demo that is sent; None if it is only shown.

    Raises:
        SettingsError: nothing can be sent with these settings.
    """
    given = sorted(given_flags(options))
    if not given:
        return None
    if _ENDPOINT not in given:
        flags = ", ".join(f"`--{name}`" for name in given)
        raise SettingsError(f"{flags} is for sending the demo: name a backend by `--{_ENDPOINT}`")
    settings = load(options, environ)
    if not settings.otlp.targets:
        reasons = dict.fromkeys(settings.otlp.off.values())
        raise SettingsError(f"the demo cannot be sent: {'; '.join(reasons)}")
    return settings


def _send(requests: Sequence[EncodedRequest], settings: Settings) -> int:
    """Send requests by the rules of an export: in the spool until they are delivered.

    Raises:
        FlowTelemetryError: the spool cannot be written.
    """
    journal = Spool(folder=settings.spool_path).journal()
    try:
        stored = [journal.store(each) for each in requests if each.signal in settings.otlp.targets]
    finally:
        journal.close()
    folders = {each.path.parent for each in stored if each.path is not None}
    if journal.problem or not folders:
        raise FlowTelemetryError(
            f"the demo cannot be stored in `{settings.spool_path}` before it is sent: "
            f"{journal.problem}. Start it in a folder that can be written"
        )
    return send_stored(settings, sorted(folders))
