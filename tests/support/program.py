"""The real program as users meet it: the action on a runner, and the command line.

    result = program.export(run)                    # on `workflow_run`, the run has ended
    result = program.inside(run, "telemetry")       # a step of the run's own job
    result = program.command("export", "run", ...)  # from anywhere

Both doors run in this process, with the environment that a runner or a shell would set, against
the fake GitHub and the receiver. What they print and write comes back as a `Result`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.fakes import events
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.spans import SpanRecord, from_json, spans_in
from tests.support.spool import files_in, spans_of

from flow_telemetry import action
from flow_telemetry.cli import main as cli
from flow_telemetry.settings.inputs import ACTION_INPUTS, INPUTS

TOKEN = "ghs_fakeTokenOfThisRun0123456789"
# The run of the workflow that exports others; nothing asks GitHub about it.
EXPORTING_RUN = "9000001"
# The action as a program.
DOOR = "import sys; from flow_telemetry.action import main; sys.exit(main())"

_COMMAND = re.compile(r"::(add-mask|warning|notice|error)(?: [^:]*)?::(.*)")
_OUTPUT = re.compile(r"(?P<name>[\w-]+)<<(?P<end>\S+)\n(?P<value>.*?)\n?(?P=end)\n", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one call: exit status, standard output and error, and the runner's files."""

    status: int
    stdout: str
    stderr: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
    spool_folder: Path

    @property
    def warnings(self) -> list[str]:
        """The messages of the warnings that the runner shows at the run."""
        return self._messages("warning")

    @property
    def notices(self) -> list[str]:
        """The messages of the notices."""
        return self._messages("notice")

    @property
    def errors(self) -> list[str]:
        """The messages of the errors."""
        return self._messages("error")

    @property
    def masks(self) -> list[str]:
        """The values that the runner was told to hide."""
        return self._messages("add-mask")

    @property
    def log(self) -> str:
        """All that was printed, but for the lines that name what the runner is to hide."""
        lines = (self.stdout + self.stderr).splitlines()
        return "\n".join(line for line in lines if not line.startswith("::add-mask::"))

    @property
    def spool_files(self) -> list[Path]:
        """The files that keep what was not delivered."""
        return files_in(self.spool_folder)

    @property
    def spooled(self) -> list[SpanRecord]:
        """The spans in those files."""
        return [span for path in self.spool_files for span in spans_of(path)]

    def _messages(self, command: str) -> list[str]:
        found = (_COMMAND.fullmatch(line.rstrip("\r")) for line in self.stdout.split("\n"))
        return [_unescaped(match[2]) for match in found if match and match[1] == command]


class Program:
    """Both doors on one machine: `folder` holds the runner's files and the spool."""

    def __init__(
        self,
        *,
        github: FakeGitHub,
        receiver: Receiver,
        folder: Path,
        patch: pytest.MonkeyPatch,
        printed: pytest.CaptureFixture[str],
    ) -> None:
        self.github = github
        self.receiver = receiver
        self.folder = folder
        self._patch = patch
        self._printed = printed

    def export(self, run: Run, environ: Mapping[str, str] | None = None, **inputs: Any) -> Result:
        """Run the action where it is safe: on `workflow_run`, for a run that has ended."""
        event = events.workflow_run(self.github.world, run)
        of_place = {"GITHUB_EVENT_NAME": "workflow_run"}
        return self.action({**of_place, **(environ or {})}, event=event, **inputs)

    def inside(
        self, run: Run, job: str, environ: Mapping[str, str] | None = None, **inputs: Any
    ) -> Result:
        """Run the action as the step in progress of a job of the run."""
        own = run.job(job)
        ours = next((step for step in own.steps if step.status == "in_progress"), None)
        of_place = {
            "GITHUB_EVENT_NAME": run.plan.event,
            "GITHUB_RUN_ID": str(run.id),
            "GITHUB_RUN_ATTEMPT": str(run.attempt),
            "RUNNER_NAME": own.runner.name or "",
            "FLOW_TELEMETRY_CHECK_RUN_ID": str(own.id),
            "FLOW_TELEMETRY_JOB_STATUS": "success",
            "FLOW_TELEMETRY_STARTED_AT": _unix_seconds(ours.started_at if ours else None),
        }
        return self.action({**of_place, **(environ or {})}, **inputs)

    def action(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        event: Mapping[str, Any] | None = None,
        **inputs: Any,
    ) -> Result:
        """Run the action in this process; ``inputs`` by their names with underscores."""
        variables = self.action_environ(environ, event=event, **inputs)
        status, stdout, stderr = self._call(variables, action.main)
        return self._result(status, stdout, stderr)

    def action_process(
        self, environ: Mapping[str, str] | None = None, *, door: str = DOOR, **inputs: Any
    ) -> Result:
        """Run the action in a process of its own, which may prepare something before."""
        return self._process(["-c", door], self.action_environ(environ, **inputs))

    def action_environ(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        event: Mapping[str, Any] | None = None,
        **inputs: Any,
    ) -> dict[str, str]:
        """Make the runner's files and return the variables that it and action.yml set."""
        for name in ("output", "summary"):
            (self.folder / name).write_text("", encoding="utf-8")
        (self.folder / "event.json").write_text(json.dumps(event or {}), encoding="utf-8")
        world = self.github.world
        of_runner = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_EVENT_NAME": "workflow_dispatch",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_REPOSITORY": world.default,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": EXPORTING_RUN,
            "GITHUB_SERVER_URL": world.server_url,
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "RUNNER_NAME": "GitHub Actions 99",
            "RUNNER_TEMP": str(self.folder / "temp"),
        }
        given = {"otlp_endpoint": self.receiver.url, "github_token": TOKEN, **inputs}
        return {**of_runner, **_input_variables(given), **(environ or {})}

    def command(self, *arguments: object, environ: Mapping[str, str] | None = None) -> Result:
        """Run the command line in this process, in a shell that knows the fake GitHub only."""
        variables = self.command_environ(environ)
        words = [str(each) for each in arguments]
        self._patch.chdir(self.folder)
        status, stdout, stderr = self._call(variables, lambda: cli.main(words))
        return self._result(status, stdout, stderr, spool=self.folder / "flow-telemetry-spool")

    def command_process(
        self, *arguments: object, environ: Mapping[str, str] | None = None
    ) -> Result:
        """Run the command line in a process of its own."""
        words = ["-m", "flow_telemetry", *(str(each) for each in arguments)]
        return self._process(words, self.command_environ(environ))

    def command_environ(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what a user's shell holds."""
        world = self.github.world
        known = {"GITHUB_API_URL": self.github.url, "GITHUB_SERVER_URL": world.server_url}
        return {**known, "GITHUB_TOKEN": TOKEN, **(environ or {})}

    def _call(self, variables: Mapping[str, str], door: Any) -> tuple[int, str, str]:
        self._printed.readouterr()
        with self._patch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            try:
                status = int(door())
            except SystemExit as left:  # argparse, where the command is used wrongly
                status = left.code if isinstance(left.code, int) else 1
        return status, *self._printed.readouterr()

    def _process(self, words: Sequence[str], variables: Mapping[str, str]) -> Result:
        with self._patch.context() as patch:
            for name, value in {**variables, "PYTHONUTF8": "1"}.items():
                patch.setenv(name, value)
            done = subprocess.run(
                [sys.executable, *words],
                capture_output=True,
                encoding="utf-8",
                cwd=self.folder,
                timeout=120,
                check=False,
            )
        return self._result(done.returncode, done.stdout, done.stderr)

    def _result(self, status: int, stdout: str, stderr: str, spool: Path | None = None) -> Result:
        return Result(
            status=status,
            stdout=stdout,
            stderr=stderr,
            outputs=_outputs(self._written("output")),
            summary=self._written("summary"),
            spool_folder=spool or self.folder / "temp" / "flow-telemetry" / "spool",
        )

    def _written(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


def spans_in_file(path: Path) -> list[SpanRecord]:
    """Return the spans of a file of OTLP JSON lines, the file format of the Collector."""
    lines = path.read_text(encoding="utf-8").splitlines()
    of_traces = (line for line in lines if "resourceSpans" in json.loads(line))
    requests = (from_json(ExportTraceServiceRequest, line) for line in of_traces)
    return [span for request in requests for span in spans_in(request)]


def _input_variables(given: Mapping[str, object]) -> dict[str, str]:
    """Every input as action.yml hands it on: the given ones, else its default there.

    Settings that are not inputs stand in `settings`, before what the test has put there.
    """
    unknown = given.keys() - {each.name.replace("-", "_") for each in INPUTS}
    assert not unknown, f"there are no settings {unknown}"
    texts = {
        name.replace("_", "-"): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in given.items()
    }
    inputs = {each.name: texts.pop(each.name, each.input_default) for each in ACTION_INPUTS}
    lines = [_setting(name, text) for name, text in texts.items() if text.strip()]
    inputs["settings"] = "\n".join([*lines, inputs["settings"]]).rstrip("\n")
    return {each.variable: inputs[each.name] for each in ACTION_INPUTS}


def _setting(name: str, text: str) -> str:
    if "\n" not in text:
        return f"{name}: {text}"
    return "\n  ".join([f"{name}:", *(line.strip() for line in text.split("\n"))])


def _outputs(text: str) -> dict[str, str]:
    text = text.replace("\r\n", "\n")
    found = {match["name"]: match["value"] for match in _OUTPUT.finditer(text)}
    assert not _OUTPUT.sub("", text).strip(), "the runner would not understand the outputs"
    return found


def _unescaped(message: str) -> str:
    return message.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def _unix_seconds(time: Any) -> str:
    return str(int(time.timestamp())) if hasattr(time, "timestamp") else ""
