"""`logs`: lines of the logs that GitHub keeps arrive under the steps that wrote them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.fakes.backends import Loki
from tests.fakes.faults import black_hole, status
from tests.fakes.github import FakeGitHub
from tests.fakes.logs import LogEntry
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, moment, step
from tests.stories.test_inside_a_run import going_on
from tests.support.program import Program, Result
from tests.support.run_logs import (
    archive_per_job,
    archive_per_step,
    log_of,
    logged,
    nanoseconds,
    text_per_job,
)

SHAPES = pytest.mark.parametrize("packed", [archive_per_step, archive_per_job])
GROUP = "Run pytest"
PYTEST = (
    f"##[group]{GROUP}",
    "\x1b[36;1mpytest\x1b[0m -q",
    "##[endgroup]",
    "##[debug]collecting",
    "##[warning]2 tests are slow",
    "",
    "##[error]Process completed with exit code 1.",
)
LINES = [
    (GROUP, "INFO", GROUP),
    ("pytest -q", "INFO", GROUP),
    ("collecting", "DEBUG", None),
    ("2 tests are slow", "WARN", None),
    ("Process completed with exit code 1.", "ERROR", None),
]
CHECKOUT = ("##[group]Run actions/checkout@v4", "##[endgroup]", "Syncing repository: acme/shop")


def failed_run(world: World, **facts: Any) -> Run:
    """A run in which `test (3.12)` failed in its third step, and `lint` did not."""
    return world.run(
        jobs=[
            job(
                "test (3.12)",
                "failure",
                steps=[
                    step("Set up job", 1),
                    step("Checkout", 2),
                    step("Run pytest", 5, "failure"),
                    step("Upload", conclusion="skipped"),
                    step("Complete job", 0),
                ],
            ),
            job("lint", after=60, steps=[step("Set up job", 1), step("Run ruff", 3)]),
        ],
        **facts,
    )


def its_logs(run: Run) -> dict[tuple[str, int], str]:
    """What the steps of `failed_run` wrote."""
    return logged(
        run,
        {
            ("test (3.12)", 1): ["Current runner version: 2.330.0"],
            ("test (3.12)", 2): CHECKOUT,
            ("test (3.12)", 3): PYTEST,
            ("test (3.12)", 5): ["Cleaning up orphan processes"],
            ("lint", 1): ["Current runner version: 2.330.0"],
            ("lint", 2): ["##[group]Run ruff check", "##[endgroup]", "All checks passed!"],
        },
    )


def bodies(receiver: Receiver) -> list[str]:
    """The lines that arrived, in order."""
    return [event.body for event in lines(receiver)]


def lines(receiver: Receiver) -> list[LogEntry]:
    """The log records that are no events."""
    return [event for event in receiver.events if not event.event_name]


def of_logs(result: Result) -> list[str]:
    """The notices about logs."""
    return [notice for notice in result.notices if "`logs`: " in notice]


@SHAPES
def test_lines_of_a_failed_step_arrive_under_it(
    program: Program, world: World, receiver: Receiver, packed: Any
) -> None:
    """Without colours, with their groups, marks and own times; other steps' lines stay away."""
    run = failed_run(world)
    world.logs(packed(its_logs(run)), run=run.id)
    result = program.export(run, logs="failed")
    assert (result.status, result.warnings, of_logs(result)) == (0, [], [])
    found = lines(receiver)
    told = [(each.body, each.severity, each.attributes.get("flow.log.group")) for each in found]
    assert told == LINES
    of_step = receiver.span("Run pytest")
    assert {(each.trace_id, each.span_id) for each in found} == {
        (of_step.trace_id, of_step.span_id)
    }
    began = moment(run.jobs[0].steps[2].started_at or "")
    assert [each.time for each in found] == [
        nanoseconds(began + timedelta(seconds=number / 10)) for number in (1, 2, 4, 5, 7)
    ]


def test_what_stands_on_a_line(program: Program, world: World, receiver: Receiver) -> None:
    """Whose it is, so that a query needs no join, and a name of its own that a repeat has too."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    program.export(run, logs="failed")
    own = run.jobs[0].id
    reference = f"github.com/acme/shop/actions/runs/{run.id}/job/{own}#step:3"
    assert lines(receiver)[-1].attributes == {
        "log.record.uid": f"{reference}#log:7",
        "cicd.pipeline.name": "CI",
        "cicd.pipeline.run.id": str(run.id),
        "cicd.pipeline.task.run.id": str(own),
        "cicd.pipeline.task.name": "test (3.12)",
        "github.step.name": "Run pytest",
    }
    first = [(each.time, each.attributes) for each in lines(receiver)]
    receiver.requests.clear()
    program.export(run, logs="failed")
    assert [(each.time, each.attributes) for each in lines(receiver)] == first


@SHAPES
def test_all_logs_in_order(program: Program, world: World, receiver: Receiver, packed: Any) -> None:
    """Each line under its step, where GitHub's archive has files of whole jobs only, too."""
    run = failed_run(world)
    world.logs(packed(its_logs(run)), run=run.id)
    assert of_logs(program.export(run, logs="all")) == []
    names = {span.span_id: span.name for span in receiver.spans}
    assert [(names[each.span_id], each.body) for each in lines(receiver)] == [
        ("Set up job", "Current runner version: 2.330.0"),
        ("Checkout", "Run actions/checkout@v4"),
        ("Checkout", "Syncing repository: acme/shop"),
        *(("Run pytest", text) for text, *_ in LINES),
        ("Complete job", "Cleaning up orphan processes"),
        ("Set up job", "Current runner version: 2.330.0"),
        ("Run ruff", "Run ruff check"),
        ("Run ruff", "All checks passed!"),
    ]


def test_times_finer_than_github_s(program: Program, world: World, receiver: Receiver) -> None:
    """They stand on the step's child `measured`; the step keeps GitHub's whole seconds."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    program.export(run, logs="failed")
    of_step, measured = receiver.span("Run pytest"), receiver.span("measured")
    tenth = 100_000_000
    assert measured.parent_span_id == of_step.span_id
    assert (measured.start, measured.end) == (of_step.start + tenth, of_step.start + 7 * tenth)
    assert measured.attributes["flow.log.lines"] == 7
    assert "flow.log.lines.cut" not in measured.attributes
    assert measured.attributes["flow.job.name"] == "test (3.12)"
    receiver.requests.clear()
    program.export(run)
    assert receiver.span("Run pytest") == of_step


def test_a_log_that_is_too_large_is_cut_to_its_end(
    program: Program, world: World, receiver: Receiver
) -> None:
    """What says why the step failed is at the end; how much is missing is told."""
    run = failed_run(world)
    many = [f"line {number:04}" for number in range(1000)]
    log = log_of(run.jobs[0].steps[2], ["##[group]Everything", *many])
    world.logs(archive_per_step({("test (3.12)", 3): log}), run=run.id)
    (notice,) = of_logs(program.export(run, logs="failed", log_limit="105"))
    assert bodies(receiver) == many[-10:]
    assert {each.attributes["flow.log.group"] for each in lines(receiver)} == {"Everything"}
    assert "left out: 991 lines of 1 step, of each the first" in notice
    assert "105 bytes that `log-limit` allows" in notice
    attributes = receiver.span("measured").attributes
    assert (attributes["flow.log.lines"], attributes["flow.log.lines.cut"]) == (1001, 991)


def test_a_last_line_that_is_too_large_leaves_its_beginning(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Else nothing would say why the step failed; that it is cut is told."""
    run = failed_run(world)
    log = log_of(run.jobs[0].steps[2], ["first", f"##[error]{'why ' * 200}"])
    world.logs(archive_per_step({("test (3.12)", 3): log}), run=run.id)
    lost, cut = of_logs(program.export(run, logs="failed", log_limit="300"))
    assert bodies(receiver) == ["why " * 75]
    assert "left out: 1 line of 1 step," in lost
    assert "the last line of 1 step was cut" in cut


@SHAPES
def test_further_lines_of_a_message_have_its_level(
    program: Program, world: World, receiver: Receiver, packed: Any
) -> None:
    """`::error::` with `%0A`: the runner writes one time and one mark; the next message ends it."""
    run = failed_run(world)
    written = [
        f"##[group]{GROUP}",
        "##[endgroup]",
        "##[error]no bank\n  at pay.js:1\n\n  at shop.js:2",
        "after it\nand more",
        "##[warning]slow\nvery slow",
        "##[group]Retry\n  in a group",
    ]
    log = log_of(run.jobs[0].steps[2], written)
    world.logs(packed({**its_logs(run), ("test (3.12)", 3): log}), run=run.id)
    program.export(run, logs="failed")
    assert [(record.body, record.severity) for record in lines(receiver)] == [
        (GROUP, "INFO"),
        *(("no bank", "ERROR"), ("  at pay.js:1", "ERROR"), ("  at shop.js:2", "ERROR")),
        *(("after it", "INFO"), ("and more", "INFO"), ("slow", "WARN"), ("very slow", "WARN")),
        *(("Retry", "INFO"), ("  in a group", "INFO")),
    ]


def test_of_long_lines_what_leaves_counts(
    program: Program, world: World, receiver: Receiver
) -> None:
    """16,384 characters each, so that more of them fit."""
    run = failed_run(world)
    log = log_of(run.jobs[0].steps[2], ["the disk is full", *["J" * 70_000] * 16])
    world.logs(archive_per_step({("test (3.12)", 3): log}), run=run.id)
    assert of_logs(program.export(run, logs="failed")) == []
    assert bodies(receiver) == ["the disk is full", *["J" * 16_384] * 16]


@pytest.mark.parametrize("wanted", ["failed", "all"])
@SHAPES
def test_a_failed_step_without_a_line_is_told(
    program: Program, world: World, receiver: Receiver, packed: Any, wanted: str
) -> None:
    """Where there is a log of its job: whoever asks for the reason learns why it is missing."""
    run = failed_run(world)
    logs = its_logs(run)
    del logs["test (3.12)", 3], logs["test (3.12)", 5]
    world.logs(packed(logs), run=run.id)
    (notice,) = of_logs(program.export(run, logs=wanted))
    assert notice.endswith(
        "no line of step Run pytest was found in the log of job test (3.12), which failed"
    )
    assert len(bodies(receiver)) == (0 if wanted == "failed" else 6)


def test_failed_steps_come_before_the_others(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Of `all` logs that are too large, they are whole, and the others as far as there is room."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    whole = sum(len(text) + 1 for text in PYTEST)
    program.export(run, logs="all", log_limit=str(whole + 40))
    assert bodies(receiver) == ["Current runner version: 2.330.0", *(text for text, *_ in LINES)]
    steps = {span.attributes["flow.reference"]: span.attributes for span in receiver.spans}
    cut = [each["flow.log.lines.cut"] for each in steps.values() if "flow.log.lines.cut" in each]
    assert cut == [3, 1, 1, 3]


def test_nothing_is_read_where_nothing_failed(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Not even asked for."""
    run = world.run(jobs=[job("build", steps=[step("Compile", 3)])])
    assert of_logs(program.export(run, logs="failed")) == []
    assert not [path for path in github.paths if "logs" in path]
    assert lines(receiver) == []


def test_a_job_that_failed_without_a_failed_step(
    program: Program, world: World, receiver: Receiver
) -> None:
    """As where the runner was lost: the last step that ran is what tells."""
    steps = [step("Set up job", 1), step("Compile", 30, "cancelled")]
    run = world.run(jobs=[job("build", "failure", steps=steps)])
    logs = logged(run, {("build", 1): ["ready"], ("build", 2): ["linking"]})
    world.logs(archive_per_step(logs), run=run.id)
    program.export(run, logs="failed")
    assert bodies(receiver) == ["linking"]


@pytest.mark.parametrize(
    ("expired", "refused", "said"),
    [
        (True, False, "GitHub does not have the logs of run"),
        (None, False, "GitHub does not have the logs of run"),
        (False, True, "add `actions: read`"),
    ],
)
def test_logs_that_cannot_be_had_are_told_once(
    program: Program,
    world: World,
    github: FakeGitHub,
    receiver: Receiver,
    expired: bool | None,
    refused: bool,
    said: str,
) -> None:
    """The rest leaves all the same, and is no failure."""
    run = failed_run(world)
    if expired is not None:
        world.logs(archive_per_step(its_logs(run)), run=run.id, expired=expired)
    if refused:
        headers = {"x-accepted-github-permissions": "actions=read"}
        words = '{"message": "Must have admin rights to Repository."}'
        github.script("/logs", status(403, words, **headers), times=None)
    result = program.export(run, logs="failed", fail_on_error=True)
    assert (result.status, result.outputs["status"], result.warnings) == (0, "exported", [])
    (notice,) = of_logs(result)
    assert said in notice
    assert len(receiver.spans_named("Run pytest")) == 1
    assert lines(receiver) == []


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x05\x06" + bytes(10)])
def test_an_archive_that_is_none(
    program: Program, world: World, receiver: Receiver, content: bytes
) -> None:
    """Told with its name, and the rest goes on."""
    run = failed_run(world)
    world.logs(content, run=run.id)
    result = program.export(run, logs="all")
    (notice,) = of_logs(result)
    assert f"the archive of the logs of run {run.id} is" in notice
    assert (result.warnings, lines(receiver)) == ([], [])


def test_a_log_that_is_damaged(program: Program, world: World, receiver: Receiver) -> None:
    """The others are whole."""
    run = failed_run(world)
    packed = bytearray(archive_per_step(its_logs(run)))
    at = packed.find(b"3_Run pytest.txt") + len("3_Run pytest.txt")
    packed[at : at + 12] = b"\xff" * 12
    world.logs(bytes(packed), run=run.id)
    (notice,) = of_logs(program.export(run, logs="all"))
    assert "is damaged at one of its logs" in notice
    assert "Syncing repository: acme/shop" in bodies(receiver)
    assert "Process completed with exit code 1." not in bodies(receiver)


def test_names_of_jobs_as_github_writes_them(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A job is found by what is left of its name; names of files choose and lead nowhere."""
    name = "deploy / to: <prod> é"
    run = world.run(jobs=[job(name, "failure", steps=[step("Ship", 3, "failure")])])
    log = log_of(run.jobs[0].steps[0], ["shipping"])
    files = {
        ("deploy  to prod é", 1): log,
        ("..", 1): log_of(run.jobs[0].steps[0], ["evil"]),
        ("another", 1): log_of(run.jobs[0].steps[0], ["stranger"]),
    }
    world.logs(archive_per_step(files), run=run.id)
    program.export(run, logs="all")
    assert bodies(receiver) == ["shipping"]


def test_jobs_whose_names_are_cut_to_one(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The archive cannot tell them apart: each is asked for alone."""
    first, second = ("x" * 95 + end for end in "ab")
    plans = [job(each, "failure", steps=[step("Test", 3, "failure")]) for each in (first, second)]
    run = world.run(jobs=plans)
    single = {each.name: log_of(each.steps[0], [f"in {each.name[-1]}"]) for each in run.jobs}
    packed = archive_per_step({("x" * 90, 1): single[first]})
    world.logs(packed, run=run.id, jobs=single)
    assert of_logs(program.export(run, logs="failed")) == []
    assert bodies(receiver) == ["in a", "in b"]


def test_from_a_last_job_the_others_are_read_one_by_one(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Its own log does not exist yet, which is told where it would be wanted."""
    test = job("test", "failure", steps=[step("Checkout", 2), step("Run pytest", 5, "failure")])
    run = world.run(jobs=[test, job("lint", steps=[step("Ruff", 2)]), going_on("last", "Set up")])
    texts = logged(run, {("test", 1): CHECKOUT, ("test", 2): PYTEST, ("lint", 1): ["fine"]})
    world.logs(run=run.id, jobs=text_per_job(texts))
    assert of_logs(program.inside(run, "last", logs="failed")) == []
    assert bodies(receiver) == [text for text, *_ in LINES]
    asked = [path for path in github.paths if "logs" in path]
    assert asked == [f"/repos/acme/shop/actions/jobs/{run.job('test').id}/logs"]
    receiver.requests.clear()
    (notice,) = of_logs(program.inside(run, "last", logs="all"))
    assert "the log of the job with this step was not sent" in notice
    assert "fine" in bodies(receiver)


@pytest.mark.parametrize("export", ["job", "rest"])
def test_a_job_alone_has_no_logs(
    program: Program, world: World, github: FakeGitHub, export: str
) -> None:
    """They exist when it has ended: the notice names what to do, and nothing is asked."""
    run = world.run(jobs=[job("build"), going_on("test", "Run pytest")])
    (notice,) = of_logs(program.inside(run, "test", export=export, logs="failed"))
    assert all(word in notice for word in ("workflow_run", "export: run", "needs"))
    assert not [path for path in github.paths if "logs" in path]


@pytest.mark.parametrize("wanted", ["all", "failed"])
@pytest.mark.parametrize(
    ("inputs", "environ", "said"),
    [
        ({"signals": "traces,metrics"}, {}, "`signals` does not include it"),
        ({}, {"OTEL_LOGS_EXPORTER": "none"}, "OTEL_LOGS_EXPORTER is none"),
    ],
)
def test_without_the_signal_nothing_is_read(
    program: Program,
    world: World,
    github: FakeGitHub,
    receiver: Receiver,
    wanted: str,
    inputs: dict[str, str],
    environ: dict[str, str],
    said: str,
) -> None:
    """Lines are log records, whatever switches these off."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    (notice,) = of_logs(program.export(run, environ, logs=wanted, **inputs))
    assert said in notice
    assert not [path for path in github.paths if "logs" in path]
    assert receiver.requests_to("logs") == []


def test_without_an_endpoint_for_the_signal_nothing_is_read(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """A variable may name one for traces alone."""
    run = failed_run(world)
    environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/v1/traces"}
    (notice,) = of_logs(program.export(run, environ, logs="all", otlp_endpoint=""))
    assert "`otlp-endpoint` is empty" in notice
    assert not [path for path in github.paths if "logs" in path]
    assert receiver.spans


def test_a_file_takes_lines_without_an_endpoint_for_them(program: Program, world: World) -> None:
    """It has all signals, whatever the variables of the shell switch off."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    file = program.folder / "out.jsonl"
    words = ("--repo", "acme/shop", "--run-id", run.id, "--logs", "failed", "--output", file)
    result = program.command("export", "run", *words, environ={"OTEL_LOGS_EXPORTER": "none"})
    assert result.status == 0, result.stderr
    assert "Process completed with exit code 1." in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(("detail", "owner"), [("job", "test (3.12)"), ("run", "RUN CI")])
def test_lines_stand_under_the_finest_span_that_is_sent(
    program: Program, world: World, receiver: Receiver, detail: str, owner: str
) -> None:
    """With `detail` they name a step that has no span."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    program.export(run, logs="failed", detail=detail)
    assert {each.span_id for each in lines(receiver)} == {receiver.span(owner).span_id}
    assert receiver.spans_named("measured") == []


def test_credentials_in_lines_leave_nowhere(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Neither with colours in between, nor a key over several lines, nor after a cut."""
    token = f"ghp_{'canaryOf36Letters' * 2}"
    written = [
        "-----BEGIN PRIVATE KEY-----",
        *[f"canary-of-a-key-{number}" for number in range(20)],
        "canary-of-a-last-line",
        "-----END PRIVATE KEY-----",
        f"token {token}",
        f"token {token[:9]}\x1b[31m{token[9:]}",
        "Authorization: Bearer canary-of-a-bearer",
        "ask customer-4711-canary",
        "harmless",
    ]
    run = failed_run(world)
    log = log_of(run.jobs[0].steps[2], written)
    world.logs(archive_per_step({("test (3.12)", 3): log}), run=run.id)
    for limit in ("1MB", "250"):
        receiver.requests.clear()
        result = program.export(run, logs="failed", log_limit=limit, redact=r"customer-\d+")
        assert bodies(receiver)[-1] == "harmless"
        shown = "\n".join([*bodies(receiver), result.log, result.summary])
        assert not [each for each in ("canary", "4711") if each in shown.replace("-canary", "")]


def test_no_token_goes_to_where_logs_are_kept(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """GitHub's answer leads to another host."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    program.export(run, logs="failed")
    (asked,) = github.storage.requests
    assert "authorization" not in asked.headers


def test_a_storage_that_does_not_answer(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Half of the time is left for sending."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    github.storage.script.add("", black_hole(), times=None)
    result = program.export(run, logs="failed", timeout="4s")
    assert (result.outputs["status"], len(of_logs(result))) == ("exported", 1)
    assert len(receiver.spans_named("Run pytest")) == 1


def test_a_backend_that_takes_no_old_lines(
    program: Program, world: World, receiver: Receiver
) -> None:
    """They leave with the time of sending, and their own as an attribute."""
    run = failed_run(world, created_at=datetime.fromisoformat("2020-11-24T03:43:00+00:00"))
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    receiver.script("/v1/logs", Loki(), times=None)
    result = program.export(run, logs="failed")
    assert (result.warnings, bodies(receiver)) == ([], [text for text, *_ in LINES])
    assert {each.attributes["flow.event.time"][:10] for each in lines(receiver)} == {"2020-11-24"}


def test_from_the_command_line(program: Program, world: World, receiver: Receiver) -> None:
    """As the action does it."""
    run = failed_run(world)
    world.logs(archive_per_step(its_logs(run)), run=run.id)
    program.command(
        *("export", "run", "--repo", "acme/shop", "--run-id", run.id),
        *("--logs", "failed", "--otlp-endpoint", receiver.url),
    )
    assert bodies(receiver) == [text for text, *_ in LINES]
