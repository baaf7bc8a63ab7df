"""`flow-telemetry run`: runs a command, measures it, and sends a span and metrics for it.

The command waits while this module is imported, so everything else is imported after its start.
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

from flow_telemetry.environment import finish_streams, write_stderr
from flow_telemetry.process.cgroup import watch_cgroup_peak
from flow_telemetry.process.command import (
    CannotStart,
    Child,
    Ended,
    exit_like,
    original_locale_environ,
)
from flow_telemetry.process.context import (
    RANDOM_BYTES,
    TraceContext,
    command_span_id,
    context_in,
    with_context,
)

if TYPE_CHECKING:
    from flow_telemetry.cli.parser import Subparsers

_ENDPOINTS = (
    *("FLOW_TELEMETRY_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "run",
        help="run a command and send its resource usage as a span and metrics",
        usage="flow-telemetry run [-h] [--name NAME] -- COMMAND ...",
        description="Runs a command and sends a span with its time, exit status, memory, processor "
        "time, page faults and I/O, including those of its child processes. The parent of the span "
        "is the one in TRACEPARENT, and the command gets its own span there; duration, memory and "
        "processor time are sent as metrics too. Streams, terminal, signals and exit status are "
        "the command's, 127 if the command does not exist. Without OTEL_EXPORTER_OTLP_ENDPOINT the "
        "command only runs.",
    )
    parser.add_argument(
        "--name", default="", help="Name of the span. Default: the command without its arguments."
    )
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="The command and its arguments, which are not sent.",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the command and return its exit status, or end by the same signal."""
    words: list[str] = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        write_stderr("the command is missing: flow-telemetry run -- COMMAND …")
        finish_streams()
        return 2
    # Imported modules live until the end: the collector would inspect them a hundred times.
    gc.set_threshold(100_000)
    environ = original_locale_environ(environ)
    own = own_context(environ)
    if own is not None:
        return exit_like(_measure(words, environ, own, options.name))
    try:
        ended = Child(words, environ).wait()
    except CannotStart as error:
        ended = _not_started(error)
    return exit_like(ended)


def own_context(environ: Mapping[str, str]) -> TraceContext | None:
    """Return the trace context of a new span; None if the settings or the trace disable it."""
    if not may_send(environ):
        return None
    parent = context_in(environ) or TraceContext(trace_id=os.urandom(16).hex(), span_id="")
    if not parent.sampled:
        return None
    return parent.child(command_span_id(parent.trace_id, os.urandom(RANDOM_BYTES)))


def may_send(environ: Mapping[str, str]) -> bool:
    """Return whether there is an endpoint for traces, without loading the settings."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environ.get(name, "").strip() for name in _ENDPOINTS)


def _measure(
    words: Sequence[str], environ: Mapping[str, str], own: TraceContext, name: str
) -> Ended:
    read_cgroup_peak = watch_cgroup_peak()
    try:
        child = Child(words, with_context(environ, own))
    except CannotStart as error:
        ended, watch, loading = _not_started(error), None, _start_loading(environ)
    else:
        # The command runs now, so these imports no longer delay it.
        from flow_telemetry.process.usage import TreeWatch  # noqa: PLC0415

        watch = TreeWatch(child.pid, accounts=sys.platform == "win32")
        loading = _start_loading(environ)
        ended = child.wait()
    warnings: Sequence[str] = ()
    try:
        usage = None if watch is None else watch.stop()
        loading.join()
        from flow_telemetry.cli.run_span import measured_command, send  # noqa: PLC0415

        peak = None if read_cgroup_peak is None else read_cgroup_peak()
        command = measured_command(words, name, ended, usage, peak)
        warnings, problem = send(command, own, environ)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - see the next line
        # No fault of the measurement may change the status of the command.
        problem = type(error).__name__
    for warning in warnings:
        write_stderr(warning)
    if problem:
        write_stderr(f"the measurements of the command were not sent in full: {problem}")
    return ended


def _not_started(error: CannotStart) -> Ended:
    write_stderr(str(error))
    now = time.time_ns()
    return Ended(start=now, end=now, returncode=error.status)


def _start_loading(environ: Mapping[str, str]) -> threading.Thread:
    """Start importing the exporter in a thread: it takes longer than many commands."""

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
