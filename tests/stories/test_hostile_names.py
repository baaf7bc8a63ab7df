"""Names are an attacker's text: a run whose names try everything is shown, and obeyed by nobody."""

from __future__ import annotations

import re

from tests.support.program import Program

from flow_telemetry.testing.world import World, job, step

_NAMES = (
    "::error::not ours",
    "##[add-mask]a",
    "x\n::set-output name=status::owned",
    "<img src=x onerror=alert(1)>",
    "`| [x](https://evil.example) @octocat",
    "%%{init: {}}%% click; # \x1b[31m\u202e",
)


def test_names_are_no_commands_to_the_runner(program: Program, world: World) -> None:
    """Workflow, title, jobs and steps print no workflow command and change no output."""
    world.pull_request(123, title=_NAMES[0])
    jobs = [job(name, "failure", steps=[step(name, 3, "failure")]) for name in _NAMES]
    run = world.run(event="pull_request", branch="feature", workflow=_NAMES[1], jobs=jobs)
    result = program.export(run, log_level="debug")
    assert result.outputs["status"] == "exported"
    assert (result.errors, result.warnings, result.notices) == ([], [], [])
    assert not [line for line in result.log.splitlines() if re.match(r"\s*::|.*##\[", line)]
    assert "<img" not in re.sub("`[^`]*`", "", result.summary)
    assert "\x1b" not in result.summary + result.log


def test_a_drawn_trace_is_no_command_either(program: Program, world: World) -> None:
    """The command line may run in a workflow's step, where the runner reads all it prints."""
    run = world.run(jobs=[job(name, steps=[step(name, 3)]) for name in _NAMES])
    result = program.command(
        "export", "run", "--repo", "acme/shop", "--run-id", run.id, "--print", "--output", "x.jsonl"
    )
    assert result.status == 0
    assert "RUN CI" in result.stdout
    assert not [line for line in result.log.splitlines() if re.match(r"\s*::|.*##\[", line)]
    assert "\x1b" not in result.log


def test_names_are_told_where_the_system_speaks_no_unicode(program: Program, world: World) -> None:
    """On Windows standard output is not UTF-8 by itself, but what the runner reads is."""
    run = world.run(jobs=[job("日本語", None, steps=[step("x")]), job("own", None)])
    environ = {
        "GITHUB_RUN_ID": str(run.id),
        "FLOW_TELEMETRY_CHECK_RUN_ID": str(run.jobs[1].id),
        "PYTHONIOENCODING": "cp1252",
    }
    result = program.action_process(environ, timeout=3)
    assert result.outputs["status"] == "skipped"
    assert "日本語" in "".join(result.notices + result.warnings)
