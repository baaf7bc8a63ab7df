"""The program's whole output on fixed input, compared with the output of an earlier day.

A change of structure must not change what is in `expected`. Whoever means to change the output
runs `make golden` and commits the difference by itself.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from tests.contracts.openapi import validate
from tests.fakes.demo.triggers import triggers
from tests.fakes.demo.world import REPOSITORY, demo_world
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.golden.decoded import golden_text
from tests.support.program import Program, Result
from tests.support.recorded import NO_RECORDED_DATA, RECORDED, RecordedRun, corpus_of_runs

from flow_telemetry.demo.program import start_action

EXPECTED = Path(__file__).parent / "expected"
RUNS = corpus_of_runs() if RECORDED.is_dir() else []
COMMANDS = (
    *("", "check", "completion", "demo", "explain", "export", "export change"),
    *("export feature", "export item", "export run", "ids", "plan", "replay", "run"),
    "sweep",
)
# Nobody listens on port 1.
NOWHERE = "http://127.0.0.1:1"
# Name of a call, and its words.
CALLS = {
    "no command": (),
    "a command that does not exist": ("exports",),
    "version": ("--version",),
    "a flag that does not exist": ("export", "run", "--detial=job"),
    "a flag without an effect": ("export", "run", "--since=7d"),
    "a value that does not exist": ("export", "run", "--run-id=1", "--detail=jbo"),
    "a target of two kinds": ("export", "acme/shop#7"),
    "export of no run": ("export", "run", f"--otlp-endpoint={NOWHERE}"),
    "export of a run whose number is not a number": ("export", "run", "--run-id=seven"),
    "export without an endpoint": ("export", "run", "--repo=acme/shop", "--run-id=1"),
    "export with headers that are not a list": (
        *("export", "run", "--repo=acme/shop", "--run-id=1"),
        *(f"--otlp-endpoint={NOWHERE}", "--otlp-headers=no-equals-sign"),
    ),
    "export of a run that does not exist": (
        *("export", "run", "--repo=acme/shop", "--run-id=1", f"--otlp-endpoint={NOWHERE}"),
    ),
    "check of a backend that is down": ("check", f"--otlp-endpoint={NOWHERE}"),
    "replay of a file that does not exist": (
        *("replay", "missing.jsonl", f"--otlp-endpoint={NOWHERE}"),
    ),
    "run of a command that fails": ("run", "--", "sh", "-c", "exit 3"),
    "run of a command that does not exist": ("run", "--", "no-such-command"),
    "ids": ("ids", "jira/ACME-42", "github.com/acme/shop/pull/123"),
    "export of a feature without its key": ("export", "feature", f"--otlp-endpoint={NOWHERE}"),
    "sweep without a repository": ("sweep", f"--otlp-endpoint={NOWHERE}"),
}
# What differs from one export to the next: ports, sizes after compression, and time that passed.
PASSING = (
    (re.compile(r"(127\\?\.0\\?\.0\\?\.1\\?:)\d{4,5}\b"), r"\1<port>"),
    (re.compile(r"\d[\d,.\\]* (B|kB|MB)\b"), "<size>"),
    (re.compile(r"(The export took )[\dms .\\]*s"), r"\1<time>"),
    # A request whose result is not needed may be under way at the end.
    (re.compile(r"[\d,]+( of [\d,]+ left until )\d\d\\?:\d\d( UTC)"), r"<left>\1<time>\2"),
    (re.compile(r"( for about )\d+ points?"), r"\1<points>"),
)


def check(name: str, text: str, request: pytest.FixtureRequest) -> None:
    """Compare a text with the expected one of that name, or write it under `--update-golden`."""
    path = EXPECTED / name
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()


def shown(result: Result) -> str:
    """Return what a user sees of a call."""
    text = f"exit status: {result.status}\n"
    for name, part in (("stdout", result.stdout), ("stderr", result.stderr)):
        text += f"== {name}\n{part}"
    return steady(text)


def steady(text: str) -> str:
    """Return the text with a word in place of what differs between two exports."""
    for pattern, word in PASSING:
        text = pattern.sub(word, text)
    return text


@pytest.mark.parametrize("recorded", RUNS, ids=lambda recorded: recorded.name)
def test_a_recorded_run(
    recorded: RecordedRun, program: Program, receiver: Receiver, request: pytest.FixtureRequest
) -> None:
    """All that its export sends, the job summary, the log and the exit status."""
    began = time.time_ns()
    with recorded.served() as api:
        result = program.action_process(
            {
                "GITHUB_API_URL": api,
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": recorded.repository,
            },
            run_id=recorded.id,
            run_attempt=recorded.attempt,
        )
    sent = golden_text(receiver.requests, began, time.time_ns())
    check(f"runs/{recorded.name}.otlp.json", sent, request)
    check(f"runs/{recorded.name}.summary.md", steady(result.summary), request)
    check(f"runs/{recorded.name}.log", shown(result), request)


@pytest.mark.skipif(not RECORDED.is_dir(), reason=NO_RECORDED_DATA)
def test_the_recorded_runs_are_there() -> None:
    """Six at least, and an expected file for each."""
    assert len(RUNS) >= 6
    known = {path.name.removesuffix(".otlp.json") for path in (EXPECTED / "runs").glob("*.json")}
    assert known == {recorded.name for recorded in RUNS}


def test_the_demo_world(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """All that its events send, and the job summary of each."""
    world, began, summaries = demo_world(), time.time_ns(), []
    with FakeGitHub(world, check=validate) as github, Receiver() as receiver:
        with start_action(
            github_url=github.url,
            server_url=world.server_url,
            repository=REPOSITORY,
            otlp_endpoint=receiver.url,
            environ=dict(os.environ),
            folder=tmp_path,
        ) as action:
            for trigger in triggers(world):
                summary = tmp_path / "summary.md"
                summary.write_text("", encoding="utf-8")
                variables = {**trigger.variables, "GITHUB_STEP_SUMMARY": str(summary)}
                status, _ = action.export(variables, trigger.payload)
                summaries.append(
                    f"# {trigger.time:%Y-%m-%d %H:%M} {trigger.event}: {trigger.what}\n\n"
                    f"exit status: {status}\n\n" + summary.read_text(encoding="utf-8")
                )
        sent = golden_text(receiver.requests, began, time.time_ns())
    check("demo.otlp.json", sent, request)
    check("demo.summaries.md", steady("\n".join(summaries)), request)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, program: Program, request: pytest.FixtureRequest) -> None:
    """The text of `--help`, 80 columns wide."""
    result = program.command_process(*command.split(), "--help", environ={"COLUMNS": "80"})
    check(f"help/{command.replace(' ', '-') or 'flow-telemetry'}.txt", shown(result), request)


def test_exit_statuses(program: Program, request: pytest.FixtureRequest) -> None:
    """Status and messages of calls that a user gets wrong, and of some right ones."""
    found = {}
    for name, words in CALLS.items():
        result = program.command_process(*words, environ={"COLUMNS": "80"})
        printed = {"stdout": result.stdout, "stderr": result.stderr}
        lines = {stream: steady(text).splitlines() for stream, text in printed.items()}
        found[name] = {"status": result.status, **lines}
    check("exit-statuses.json", json.dumps(found, indent=2, ensure_ascii=False) + "\n", request)
