"""`flow-telemetry run`: runs a command, measures it, and sends that as a span.

The command waits while this is loaded, so nothing is that is not needed before it has started.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flow_telemetry.process.cgroup import watch_cgroup_peak
from flow_telemetry.process.command import (
    CannotStart,
    Child,
    Ended,
    exit_like,
    finish_streams,
    original_locale_environ,
    write_stderr,
)
from flow_telemetry.process.context import TraceContext, context_in, with_context

if TYPE_CHECKING:
    from flow_telemetry.cli.options import Subparsers

_ENDPOINTS = (
    *("FLOW_TELEMETRY_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "run",
        help="run a command and send what it used as a span and metrics",
        usage="flow-telemetry run [-h] [--name NAME] -- COMMAND ...",
        description="Runs a command and sends a span with its time, exit status, memory, processor "
        "time, page faults and I/O, those of all processes below it included. The span stands "
        "under the one that TRACEPARENT names, and the command finds its own there; duration, "
        "memory and processor time leave as metrics too. Streams, "
        "terminal, signals and exit status are the command's, 127 if the command does not exist. "
        "Without OTEL_EXPORTER_OTLP_ENDPOINT the command just runs.",
    )
    parser.add_argument(
        "--name", default="", help="name of the span (default: the command without its arguments)"
    )
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="the command and its arguments, which are sent nowhere",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the command and return its exit status, or die by the signal that it died by."""
    words: list[str] = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        write_stderr("no command is given: flow-telemetry run -- COMMAND …")
        finish_streams()
        return 2
    # What is loaded beside the command stays: the collector would look at it a hundred times.
    gc.set_threshold(100_000)
    environ = original_locale_environ(environ)
    own = own_context(environ)
    ended = _run(words, environ) if own is None else _measure(words, environ, own, options.name)
    return exit_like(ended)


def own_context(environ: Mapping[str, str]) -> TraceContext | None:
    """Return a new span's place; None if the settings or the trace disable sending."""
    if not may_send(environ):
        return None
    outer = context_in(environ)
    if outer is None:
        return TraceContext(trace_id=os.urandom(16).hex(), span_id=os.urandom(8).hex())
    return outer.child(os.urandom(8).hex()) if outer.sampled else None


def may_send(environ: Mapping[str, str]) -> bool:
    """Whether the settings, which take long to load, have an endpoint for traces."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environ.get(name, "").strip() for name in _ENDPOINTS)


def _run(words: Sequence[str], environ: Mapping[str, str]) -> Ended:
    try:
        return Child(words, environ).wait()
    except CannotStart as error:
        return _not_started(error)


def _measure(
    words: Sequence[str], environ: Mapping[str, str], own: TraceContext, name: str
) -> Ended:
    read_cgroup_peak = watch_cgroup_peak()
    try:
        child = Child(words, with_context(environ, own))
    except CannotStart as error:
        ended, watch, loading = _not_started(error), None, _loaded(environ)
    else:
        # Now that the command runs, there is time to load what measures and sends.
        from flow_telemetry.process.usage import TreeWatch  # noqa: PLC0415

        watch = TreeWatch(child.pid, accounts=sys.platform == "win32")
        loading = _loaded(environ)
        ended = child.wait()
    try:
        seen = None if watch is None else watch.stop()
        loading.join()
        from flow_telemetry.cli.run_span import Measured, send  # noqa: PLC0415

        peak = None if read_cgroup_peak is None else read_cgroup_peak()
        measured = Measured(words=words, name=name, ended=ended, seen=seen, cgroup_peak=peak)
        problem = send(measured, own, environ)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - see the next line
        # No fault of the measurement may change the status of the command.
        problem = type(error).__name__
    if problem:
        write_stderr(f"what was measured of the command was not sent in full: {problem}")
    return ended


def _not_started(error: CannotStart) -> Ended:
    write_stderr(str(error))
    now = time.time_ns()
    return Ended(start=now, end=now, returncode=error.status)


def _loaded(environ: Mapping[str, str]) -> threading.Thread:
    """Begin to load what sends, in a thread: it takes longer than many commands."""

    def load() -> None:
        from flow_telemetry.process.usage import leave_signals_to_main_thread  # noqa: PLC0415

        leave_signals_to_main_thread()
        try:
            from flow_telemetry.cli.run_span import load_sender  # noqa: PLC0415

            load_sender(environ)
        except Exception:  # noqa: BLE001, S110 - the command reports it at its end
            pass

    thread = threading.Thread(target=load, name="loading", daemon=True)
    thread.start()
    return thread
