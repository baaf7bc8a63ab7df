"""A job of a workflow: its steps run one after another on one machine, and hand on variables.

of_job = Job(program, run, "test")
of_job.context()                        # `mode: context`
of_job.process(sys.executable, "-c", A_TOOL)
of_job.step()                           # the export
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.fakes.records import Run
from tests.support.program import Program, Result

_ENTRY = re.compile(r"([\w-]+)<<(\S+)\n(.*?)\n?\2\n", re.DOTALL)
# The OpenTelemetry SDK in a test process: its exporter is set up by the standard variables.
A_TOOL = """
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
import os
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
carrier = {name.lower(): value for name, value in os.environ.items()}
with provider.get_tracer("tool").start_as_current_span(
    "compile shop", context=propagate.extract(carrier)
):
    pass
provider.shutdown()
"""


class Job:
    """A job that runs the context step, then others, then the export: one machine for all."""

    def __init__(self, program: Program, run: Run, name: str) -> None:
        self.program = program
        self.run = run
        self.name = name
        self.environ: dict[str, str] = {}

    def context(self, environ: Mapping[str, str] | None = None, **inputs: Any) -> Result:
        """Run the context step and take over what it gives to the later ones."""
        result = self.step({**self.environ, **(environ or {})}, mode="context", **inputs)
        self.environ.update(self.given)
        return result

    def step(self, environ: Mapping[str, str] | None = None, **inputs: Any) -> Result:
        """Run a step of the action in the job."""
        path = self.program.folder / "env"
        path.write_text("", encoding="utf-8")
        given = {**self.environ, "GITHUB_ENV": str(path), **(environ or {})}
        return self.program.inside(self.run, self.name, given, **inputs)

    @property
    def given(self) -> dict[str, str]:
        """What the last step wrote for the later ones."""
        text = (self.program.folder / "env").read_text(encoding="utf-8").replace("\r\n", "\n")
        return {match[1]: match[3] for match in _ENTRY.finditer(text)}

    def process(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a later step of the job."""
        return subprocess.run(
            list(words),
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
