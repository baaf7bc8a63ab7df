"""The command line: the same export from anywhere, and the ids of any reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.support import references
from tests.support.program import TOKEN, Program, spans_in_file

from flow_telemetry.cli.main import build_parser
from flow_telemetry.cli.options import FLAGS, settings_of
from flow_telemetry.cli.options import RUN as RUN_COMMAND
from flow_telemetry.settings.inputs import INPUTS

# What only a step of a workflow can mean; the target is an argument without a flag.
OF_THE_ACTION = {row.name for row in INPUTS if row.action_only} | {"target"}


@pytest.fixture
def run(world: World) -> Run:
    """A run with a job."""
    return world.run(jobs=[job("test", queued=4, steps=[step("Run pytest", 12)])])


@pytest.mark.parametrize("flag", ["--repo", "--repository"])
def test_a_run_is_exported_from_anywhere(
    program: Program, run: Run, receiver: Receiver, flag: str
) -> None:
    """Repository and number are enough, with the shell's token."""
    result = program.command(
        "export", "run", flag, "acme/shop", "--run-id", run.id, "--otlp-endpoint", receiver.url
    )
    assert result.status == 0
    assert receiver.tree()[0] == "RUN CI"
    assert len(receiver.spans) == 5
    assert result.spool_files == []


def test_the_variables_of_the_shell_count(program: Program, run: Run, receiver: Receiver) -> None:
    """Endpoint, headers, service name and resource attributes, as for any OpenTelemetry program."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=of-the-shell",
        "OTEL_RESOURCE_ATTRIBUTES": "team=delivery",
        "OTEL_SERVICE_NAME": "ci",
    }
    result = program.command(
        "export", "run", "--repo", "acme/shop", "--run-id", run.id, environ=environ
    )
    assert result.status == 0
    assert receiver.requests[0].headers["x-key"] == "of-the-shell"
    resource = receiver.span("RUN CI").resource
    assert (resource["service.name"], resource["team"]) == ("ci", "delivery")


def test_both_doors_send_equal_requests(program: Program, run: Run, receiver: Receiver) -> None:
    """The command line repeats what the action sent, and adds nothing to it."""
    program.export(run)
    program.command(
        "export",
        "run",
        "--repo=ACME/Shop",
        f"--run-id={run.id}",
        f"--otlp-endpoint={receiver.url}",
    )
    first, second = receiver.requests_to("traces")
    assert first.message == second.message


def test_without_an_attempt_it_is_the_latest(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """`--run-attempt` names another."""
    world.rerun(run)
    words = ["export", "run", "--repo=acme/shop", f"--run-id={run.id}", "--detail=run"]
    assert program.command(*words, f"--otlp-endpoint={receiver.url}").status == 0
    assert program.command(*words, "--run-attempt=1", f"--otlp-endpoint={receiver.url}").status == 0
    attempts = [span.attributes["github.run.attempt"] for span in receiver.spans_named("RUN CI")]
    assert attempts == [2, 1]


def test_a_file_takes_the_place_of_a_backend(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """OTLP JSON lines with the same spans, and no request to the backend that is set."""
    file = program.folder / "trace.jsonl"
    result = program.command(
        "export",
        "run",
        "--repo=acme/shop",
        f"--run-id={run.id}",
        f"--output={file}",
        environ={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url},
    )
    assert (result.status, receiver.requests) == (0, [])
    written = spans_in_file(file)
    program.export(run)
    assert written == receiver.spans


def test_a_file_needs_no_endpoint(program: Program, run: Run) -> None:
    """Nor does a switched-off SDK forbid to write one."""
    file = program.folder / "trace.jsonl"
    result = program.command(
        "export",
        "run",
        "--repo=acme/shop",
        f"--run-id={run.id}",
        f"--output={file}",
        environ={"OTEL_SDK_DISABLED": "true"},
    )
    assert result.status == 0
    assert len(spans_in_file(file)) == 5


def test_a_file_that_cannot_be_written_is_an_error(program: Program, run: Run) -> None:
    """The error names the file."""
    file = program.folder / "missing" / "trace.jsonl"
    result = program.command(
        "export", "run", "--repo=acme/shop", f"--run-id={run.id}", f"--output={file}"
    )
    assert result.status == 1
    assert "trace.jsonl" in result.stderr


def test_the_trace_is_drawn_on_request(program: Program, run: Run, receiver: Receiver) -> None:
    """The tree goes to standard output, what is told to standard error; no backend is needed."""
    words = ["export", "run", "--repo=acme/shop", f"--run-id={run.id}", "--print"]
    alone = program.command(*words)
    sent = program.command(*words, f"--otlp-endpoint={receiver.url}")
    for result in (alone, sent):
        assert result.status == 0
        for name in ("RUN CI", "test", "Run pytest"):
            assert name in result.stdout
    assert len(receiver.spans) == 5


def test_the_page_is_written_on_request(program: Program, run: Run, receiver: Receiver) -> None:
    """Beside what is sent, or alone; it has the spans that are sent, and links to the backend."""
    page = program.folder / "page.html"
    words = ["export", "run", "--repo=acme/shop", f"--run-id={run.id}", f"--html={page}"]
    alone = program.command(*words)
    assert (alone.status, receiver.requests) == (0, [])
    assert f"the page is in {page}" in alone.stderr
    without = page.read_text(encoding="utf-8")
    assert without.count("Content-Security-Policy") == 1
    trace_url = "https://tempo.example/trace/{trace_id}"
    words += [f"--otlp-endpoint={receiver.url}", f"--trace-url={trace_url}"]
    assert program.command(*words).status == 0
    text = page.read_text(encoding="utf-8")
    for span in receiver.spans:
        assert span.span_id in text
        assert span.span_id in without
    assert f"https://tempo.example/trace/{receiver.spans[0].trace_id}" in text


def test_a_page_that_cannot_be_written_fails_after_the_export(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Everything was sent, and the message names the flag."""
    page = program.folder / "missing" / "page.html"
    words = ["export", "run", "--repo=acme/shop", f"--run-id={run.id}", f"--html={page}"]
    result = program.command(*words, f"--otlp-endpoint={receiver.url}")
    assert (result.status, len(receiver.spans)) == (1, 5)
    assert "cannot be written" in result.stderr
    assert "--html" in result.stderr


def test_without_a_backend_nothing_is_read(program: Program, run: Run, github: FakeGitHub) -> None:
    """It says what to set; with a switched-off SDK that is what the user wants."""
    words = ["export", "run", "--repo=acme/shop", f"--run-id={run.id}"]
    result = program.command(*words)
    assert result.status == 2
    for flag in ("--otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "--print", "--html", "--output"):
        assert flag in result.stderr
    off = program.command(*words, environ={"OTEL_SDK_DISABLED": "true"})
    assert (off.status, "OTEL_SDK_DISABLED is true" in off.stderr) == (0, True)
    assert (result.stdout, off.stdout, github.requests) == ("", "", [])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--run-id=1"], "`repository`"),
        (["--repo=acme/shop"], "`target`"),
        (["--repo=shop", "--run-id=1"], "`repository` must be OWNER/NAME"),
        (["--repo=acme/shop", "--run-id=first"], "`run-id` must be a number"),
        (["--repo=acme/shop", "--run-id=1", "--timeout=soon"], "`timeout`"),
        (["--repo=acme/shop", "--run-id=1", "--otlp-headers=secret-x"], "`otlp-headers`"),
        (["--repo=acme/shop", "--run-id=1", "--feature-key=?"], "`feature-key`"),
    ],
)
def test_a_setting_that_cannot_work_is_exit_status_2(
    program: Program, world: World, receiver: Receiver, words: list[str], told: str
) -> None:
    """On standard error, with the input that it is about; nothing is sent."""
    world.run(id=1, jobs=[job("test")])
    result = program.command("export", "run", f"--otlp-endpoint={receiver.url}", *words)
    assert result.status == 2
    assert told in result.stderr
    assert (result.stdout, receiver.requests) == ("", [])
    for hidden in ("Traceback", TOKEN, "secret-x"):
        assert hidden not in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--run-id=424242"], "run 424242 of acme/shop"),
        (["--run-id=1", "--export=job"], "`export` is job"),
    ],
)
def test_what_could_not_be_exported_is_exit_status_1(
    program: Program, world: World, receiver: Receiver, words: list[str], told: str
) -> None:
    """The call is right, but the run is not."""
    world.run(id=1, jobs=[job("test")])
    result = program.command(
        "export", "run", "--repo=acme/shop", f"--otlp-endpoint={receiver.url}", *words
    )
    assert (result.status, receiver.requests) == (1, [])
    assert told in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["export"],
        ["export", "run", "--no-such-flag"],
        ["export", "everything"],
        ["export", "run", "--run-id"],
        ["ids"],
    ],
)
def test_wrong_usage_is_exit_status_2(program: Program, words: list[str]) -> None:
    """As of any command, with the usage on standard error."""
    result = program.command(*words)
    assert result.status == 2
    assert "usage: flow-telemetry" in result.stderr
    assert result.stdout == ""


def test_every_setting_has_a_place_in_the_help() -> None:
    """A new one needs a row with its commands in cli/options.py, unless only a step can mean it."""
    assert {each.name for each in INPUTS} - FLAGS.keys() == OF_THE_ACTION


def test_every_row_is_for_a_command_that_exists() -> None:
    """Nobody notices a misspelled command otherwise."""
    parser = build_parser()
    commands = {
        f"{name} {kind}".strip()
        for name, (_, command) in parser.subcommands.items()
        for kind in command.subcommands or [""]
    }
    assert {command for flag in FLAGS.values() for command in flag.commands} <= commands


@pytest.mark.parametrize(
    "command", sorted({command for flag in FLAGS.values() for command in flag.commands})
)
def test_the_full_help_has_the_flags_with_an_effect(program: Program, command: str) -> None:
    """The short one has those that most users need, and is one screen long."""
    short = program.command(*command.split(), "--help").stdout
    full = program.command(*command.split(), "--help-all").stdout
    for flag in FLAGS.values():
        form = f"--{flag.name} "
        if (command, flag.name) == ("plan", "repositories"):
            continue  # There it is another name of `--sweep-repositories`.
        assert (form in full) is (command in flag.commands), form
        assert (form in short) is (command in flag.commands and flag.common), form
    assert len(short.splitlines()) < 65


def test_the_help_of_an_export_has_ten_flags(program: Program) -> None:
    """And its usage names the rest in one word."""
    listed = [
        line
        for line in program.command("export", "--help").stdout.splitlines()
        if line[:3] == "  -"
    ]
    assert len([line for line in listed if "--help" not in line]) == 10


def test_every_flag_is_understood(program: Program, run: Run, receiver: Receiver) -> None:
    """All at once, and each with its effect."""
    file = program.folder / "shared.txt"
    file.write_text("actors: hash\n", encoding="utf-8")  # the flag counts
    every = {
        "otlp-endpoint": receiver.url,
        "otlp-headers": "x-key=flag",
        "github-token": TOKEN,
        "repository": "acme/shop",
        "backend": "collector",
        "run-id": str(run.id),
        "run-attempt": "1",
        "export": "run",
        "detail": "job",
        "trace-scope": "run",
        "span-names": "plain",
        "feature-key": "GH-17",
        "namespace": "acme-prod",
        "service-name": "ci-{repository}",
        "resource-attributes": "team=delivery",
        "trace-url": "https://b.example.com/{trace_id}",
        "timeout": "30",
        "spool-path": "kept",
        "log-level": "error",
        "number": "7",
        "work-item-key": "",
        "trace-files": "**/*.otlp.jsonl",
        "trace-artifacts": "traces-*",
        "logs": "none",
        "log-limit": "1MB",
        "tracker": "none",
        "feature-types": "Epic",
        "identity-aliases": "acme/new=acme/old",
        "jira-url": "https://jira.example.com",
        "jira-email": "",
        "jira-token": "",
        "jira-projects": "ACME",
        "status-project": "",
        "status-categories": "Review=in progress",
        "ancestors": "none",
        "compare": "off",
        "boilerplate-steps": "true",
        "feature-trace": "true",
        "phases": "completed",
        "max-spans": "5000",
        "max-span-age": "",
        "on-old-span": "drop",
        "repositories": "acme/shop",
        "max-requests": "100",
        "since": "7d",
        "ledger": "ledger.json",
        "sweep-jira": "ACME",
        "workflows": "CI",
        "deployment-environments": "prod*",
        "production-environments": "prod-eu",
        "lead-time-from": "committer",
        "branches": "*",
        "signals": "traces",
        "events": "none",
        "event-time": "event",
        "metric-shape": "gauge",
        "metric-attributes": "",
        "prices": "ubuntu-*=0.004",
        "actors": "login",
        "blocked-names": "waiting",
        "flow-types": "task=debt",
        "redact": "customer-[0-9]+",
        "settings": str(file),
    }
    switches = {"snapshot", "sweep-runs", "fork-artifacts"}
    assert settings_of(RUN_COMMAND) <= every.keys() | switches
    values = {name: text for name, text in every.items() if RUN_COMMAND in FLAGS[name].commands}
    flags = [f"--{name}={value}" for name, value in values.items()]
    assert program.command("export", "run", *flags, "--fork-artifacts").status == 0
    root = receiver.span("RUN CI")
    reference = references.run_of(run)
    assert root.trace_id == references.trace_id(reference, "acme-prod")
    assert root.attributes["flow.feature.key"] == "acme/shop#17"
    assert (root.resource["service.name"], root.resource["team"]) == ("ci-acme/shop", "delivery")
    assert receiver.requests[0].headers["x-key"] == "flag"
    assert receiver.spans_named("Run pytest") == []


def test_what_is_not_delivered_is_kept_beside(program: Program, run: Run) -> None:
    """In ./flow-telemetry-spool, with exit status 1."""
    result = program.command(
        "export",
        "run",
        "--repo=acme/shop",
        f"--run-id={run.id}",
        "--otlp-endpoint=http://127.0.0.1:9",
        "--timeout=3",
    )
    assert result.status == 1
    assert "127.0.0.1:9" in result.stderr
    assert result.spool_folder == program.folder / "flow-telemetry-spool"
    assert len(result.spooled) == 5


PULL = references.pull(123)
RUN = f"{references.SHOP}/actions/runs/999/attempts/1"


def test_ids_of_references_are_lines(program: Program) -> None:
    """Trace id, span id and reference; each is its own root unless one is named."""
    own = program.command("ids", PULL, RUN)
    below = program.command("ids", "--root", PULL, RUN)
    assert (own.status, below.status, own.stderr) == (0, 0, "")
    assert own.stdout.splitlines() == [
        f"bc5addb5cf688a1630d4f8fe75f91da2  e5277f9fffce771d  {PULL}",
        f"85cd7876882ccaebd5b8d1f73dd73063  e33ff3a87a0c4fc2  {RUN}",
    ]
    assert below.stdout == f"bc5addb5cf688a1630d4f8fe75f91da2  4874e21768926a40  {RUN}\n"


def test_ids_of_references_as_json(program: Program) -> None:
    """For scripts, with the traceparent; a namespace counts."""
    result = program.command(
        "ids", "--json", "--namespace", " acme-prod ", "--root", "jira/ACME-42", PULL
    )
    assert json.loads(result.stdout) == [
        {
            "reference": PULL,
            "root": "jira/ACME-42",
            "trace_id": "139b0be4f966e9d8f031e8875551cdc7",
            "span_id": "1305ed483c5bbcce",
            "traceparent": "00-139b0be4f966e9d8f031e8875551cdc7-1305ed483c5bbcce-01",
        }
    ]


def test_a_namespace_that_cannot_be_used_is_told(program: Program) -> None:
    """The flag is named."""
    result = program.command("ids", "--namespace", "a\nb", PULL)
    assert (result.status, result.stdout) == (2, "")
    assert "--namespace" in result.stderr


def test_the_program_runs_as_a_process_of_its_own(program: Program, tmp_path: Path) -> None:
    """`python -m flow_telemetry` is the same command."""
    result = program.command_process("ids", PULL)
    assert result.status == 0
    assert result.stdout.split()[:2] == ["bc5addb5cf688a1630d4f8fe75f91da2", "e5277f9fffce771d"]
    assert program.command_process("--version").stdout.startswith("flow-telemetry ")
