"""Names are an attacker's text: a run whose names try everything is shown, and obeyed by nobody."""

from __future__ import annotations

import re

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, annotation, happened, job, step
from tests.report.builders import HOSTILE
from tests.support import closings
from tests.support.program import Program, Result

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


# Tags that are ours; a text's own would be escaped, or stand in a code span.
_OUR_TAGS = {"<sub>", "</sub>"}


def assert_harmless(result: Result) -> None:
    """Assert that nothing in the log is a command, and nothing in the summary is markup."""
    assert result.outputs["status"] == "exported"
    assert not [line for line in result.log.splitlines() if re.match(r"\s*::|.*##\[", line)]
    told = result.log + result.summary
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", told
    )
    # A diagram, or a message in a fence that is longer than any in the message itself.
    block = r"^(?P<indent> *)(?P<fence>`{3,})(?:mermaid|text)$.*?^(?P=indent)(?P=fence)$"
    outside = re.sub(block, "", result.summary, flags=re.DOTALL | re.MULTILINE)
    assert not [line for line in outside.splitlines() if line.lstrip().startswith("```")]
    outside = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    outside, links = re.subn(
        r"\]\(<https://github\.com/acme/shop/[\w/]*(#step:\d+:1)?>\)", "](ours)", outside
    )
    assert links
    assert set(re.findall(r"(?<!\\)</?\w[^>]*>", outside)) - _OUR_TAGS == set()
    assert outside.count("](") == links


@pytest.mark.parametrize("text", [each for each in HOSTILE if each.strip()])
def test_a_hostile_text_in_every_place_of_a_pull_request_is_only_shown(
    program: Program, world: World, receiver: Receiver, text: str
) -> None:
    """As title, branch, label, login, type, workflow, job, step, and in what a tool annotated."""
    name = text[:200].encode(errors="replace").decode()
    world.issue(17, title=text, type=name, labels=[name], closed_at="2026-11-04T08:00:00Z")
    world.pull_request(
        123,
        title=text,
        branch=name,
        author=name,
        labels=[name],
        closes=[17],
        merged_at="2026-11-04T08:00:00Z",
        timeline=[
            happened("labeled", at="2026-11-03T08:00:00Z", by=name, subject=name),
            happened("review_requested", at="2026-11-03T09:00:00Z", by=name, subject=name),
        ],
    )
    failed = job(
        text,
        "failure",
        steps=[step(text, 20, "failure")],
        annotations=[annotation(text, title=text)],
    )
    run = world.run(
        event="pull_request",
        branch=name,
        actor=name,
        workflow=text,
        path=".github/workflows/ci.yml",
        title=text,
        jobs=[failed],
    )
    for result in (
        program.export(run, log_level="debug"),
        closings.pull_request(program, 123, log_level="debug"),
        closings.issue(program, "acme/shop#17", trace_scope="item", log_level="debug"),
    ):
        assert_harmless(result)
        assert (result.errors, result.warnings) == ([], [])
    assert len(receiver.spans_named("pull request #123")) >= 1


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
