"""The time that storing, reading and removing the requests of an export takes."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path

from flow_telemetry.otlp.compression import compress
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.telemetry import EncodedRequest, Signal

_TURNS = 200
# Sizes of the requests of 20 jobs of 10 steps: 242 spans and 6 metric points.
_SIZES = {Signal.TRACES: 60_000, Signal.METRICS: 3_000}


def write_ahead_milliseconds() -> float:
    """Return the median for two requests, without their compression, which sending needs too."""
    numbers = random.Random(1)
    text = bytes(numbers.choice(b"abcdefgh    ") for _ in range(max(_SIZES.values())))
    requests = [
        EncodedRequest(signal=signal, body=text[:size], items=1) for signal, size in _SIZES.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool")
        return 1000 * statistics.median(_measure(spool, requests) for _ in range(_TURNS))


def _measure(spool: Spool, requests: list[EncodedRequest]) -> float:
    began = time.perf_counter()
    for request in requests:
        compress(request.body)
    compressed = time.perf_counter()
    journal = spool.journal()
    stored = [journal.store(request) for request in requests]
    for request_file in stored:
        request_file.read()
        journal.remove(request_file)
    journal.close()
    return time.perf_counter() - compressed - (compressed - began)
