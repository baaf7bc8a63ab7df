"""Bad inputs and bad backends: one clear message, a green build, and nothing collected is lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.faults import Scripted, dripping, html, redirect, status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver, partial_success
from tests.fakes.records import Run
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, job, step
from tests.support.program import TOKEN, Program, Result

SECRET = "kanarien-5f3a9c"
# Input, value, and a word of the message besides the input's name.
BAD_INPUTS = [
    ("otlp-endpoint", "otlp.example.com:4318", "not a URL"),
    ("otlp-endpoint", "http://otlp.example.com:4317", "4318"),
    ("otlp-headers", f"Authorization: Bearer {SECRET}", "malformed"),
    ("otlp-headers", f"a=b,{SECRET}", "part 2"),
    ("otlp-headers", f'{{"Authorization": "Bearer {SECRET}"', "JSON"),
    ("github-token", f"{TOKEN} {TOKEN}", "blank"),
    ("repository", "shop", "OWNER/NAME"),
    ("run-id", "latest", "number above zero"),
    ("fail-on-error", "ture", "true or false"),
    ("timeout", "soon", "seconds"),
]


@pytest.fixture
def run(world: World) -> Run:
    """A run of two jobs."""
    steps = [step("Checkout", 2), step("Run pytest", 12)]
    return world.run(jobs=[job("test", steps=steps), job("lint", queued=3, steps=steps)])


def assert_untouched(result: Result, github: FakeGitHub, receiver: Receiver) -> None:
    """Assert that nothing was asked, sent or kept, and that no secret was printed."""
    assert (github.requests, receiver.requests, result.spool_files) == ([], [], [])
    assert (result.outputs["status"], result.outputs["spans"]) == ("skipped", "0")
    for text in (result.log, result.summary):
        assert SECRET not in text
        assert TOKEN not in text


@pytest.mark.parametrize(("name", "value", "word"), BAD_INPUTS)
def test_an_input_that_cannot_be_used_is_told_before_anything_is_asked(
    program: Program,
    run: Run,
    github: FakeGitHub,
    receiver: Receiver,
    name: str,
    value: str,
    word: str,
) -> None:
    """One error names the input and what is wrong; the step fails: it would never heal."""
    inputs: dict[str, Any] = {name.replace("-", "_"): value}
    result = program.export(run, **inputs)
    (error,) = result.errors
    assert error.startswith(f"flow-telemetry: `{name}`")
    assert word in error
    assert (result.status, result.warnings, result.notices) == (2, [], [])
    assert result.outputs["refused"] == "true"
    assert_untouched(result, github, receiver)


@pytest.mark.parametrize("fail_on_error", [False, True])
def test_a_header_without_its_secret_breaks_no_build(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver, fail_on_error: bool
) -> None:
    """A run of a fork has no secrets, and the same setting works in the others."""
    result = program.export(run, otlp_headers="Authorization=Bearer ", fail_on_error=fail_on_error)
    (message,) = result.errors if fail_on_error else result.warnings
    assert "the value of header Authorization is blank" in message
    assert "forks" in message
    assert (result.status, "refused" in result.outputs) == (int(fail_on_error), False)
    assert_untouched(result, github, receiver)


def test_the_command_line_ends_with_status_2(program: Program, run: Run) -> None:
    """As with a flag that does not exist; a run that cannot be read is status 1."""
    words = ("export", "run", "--repo", "acme/shop", "--run-id")
    assert program.command(*words, run.id, "--detail", "steps").status == 2
    assert program.command(*words, "404404", "--output", "run.jsonl").status == 1


def test_a_header_of_the_environment_is_told_by_its_variable(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """What a variable holds in place of an input is found there."""
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": f"{SECRET}"}
    result = program.export(run, environ)
    (error,) = result.errors
    assert "`OTEL_EXPORTER_OTLP_HEADERS` is malformed" in error
    assert_untouched(result, github, receiver)


@pytest.mark.parametrize("fail_on_error", [False, True])
def test_an_empty_endpoint_is_a_notice_and_no_request(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver, fail_on_error: bool
) -> None:
    """Runs of forks and of Dependabot have no secrets: that is no failure of anybody's."""
    result = program.export(
        run, otlp_endpoint="", otlp_headers="Authorization=Bearer ", fail_on_error=fail_on_error
    )
    (notice,) = result.notices
    assert "`otlp-endpoint` is empty" in notice
    assert "fork" in notice
    assert (result.status, result.warnings, result.errors) == (0, [], [])
    assert_untouched(result, github, receiver)


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")]
)
def test_a_telemetry_that_is_switched_off_is_a_notice_and_no_request(
    program: Program,
    run: Run,
    github: FakeGitHub,
    receiver: Receiver,
    variable: str,
    value: str,
) -> None:
    """OpenTelemetry's own switches are obeyed, with an endpoint given all the same."""
    result = program.export(run, {variable: value}, fail_on_error=True, signals="traces")
    assert any(f"{variable} is {value}" in notice for notice in result.notices)
    assert (result.status, result.warnings, result.errors) == (0, [], [])
    assert_untouched(result, github, receiver)


FAULTS: dict[str, tuple[Scripted, str, str]] = {
    "redirect": (redirect("https://login.example.com/"), "redirect", "login.example.com"),
    "html": (html(title="Please sign in"), "page", "HTML"),
    "partial": (partial_success(2, "too old"), "rejected", "too old"),
    "drip": (dripping(0.1, since="headers"), "timed out", "TIMEOUT"),
    "refused": (status(401, "no such key"), "401", "otlp-headers"),
}


def by_id(spans: list[SpanRecord]) -> list[SpanRecord]:
    """Return the spans in the order of their ids."""
    return sorted(spans, key=lambda span: span.span_id)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_backend_does_not_take_is_told_and_kept(
    program: Program, run: Run, receiver: Receiver, fault: str
) -> None:
    """Not delivered is told in one line, and the spool holds the very spans that were sent."""
    answer, *words = FAULTS[fault]
    headers = f"Authorization=Bearer {SECRET}"
    environ = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1000"}
    receiver.script("/v1/traces", answer, times=None)
    result = program.export(run, environ, otlp_headers=headers, timeout=20)
    (warning,) = result.warnings
    for word in (receiver.url.removeprefix("http://"), *words):
        assert word in warning
    assert "\n" not in warning
    assert (result.status, result.outputs["status"]) == (0, "spooled")
    assert SECRET not in result.log + result.summary
    with Receiver() as well:
        taken = program.export(run, otlp_endpoint=well.url)
        assert taken.outputs["status"] == "exported"
        assert by_id(result.spooled) == by_id(well.spans)


def test_what_is_not_delivered_fails_the_step_on_request(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """The same message as an error; what was collected is kept all the same."""
    receiver.script("/v1/traces", html(), times=None)
    result = program.export(run, fail_on_error=True)
    assert (len(result.errors), result.warnings) == (1, [])
    assert (result.status, result.outputs["status"]) == (1, "spooled")
    assert len(result.spooled) > 0


def test_two_exports_of_an_ended_run_are_equal_requests(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Nothing of the moment is in them: a repeat adds nothing and changes nothing."""
    program.export(run)
    program.export(run)
    first, second = receiver.requests_to("traces")
    assert first.message == second.message
    assert len(first.message.resource_spans) > 0


def test_what_could_not_be_written_either_is_told(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """A spool-path that is a file: the loss is counted and both causes are named."""
    (program.folder / "file").write_text("", encoding="utf-8")
    receiver.script("/v1/traces", status(401), times=None)
    result = program.export(run, spool_path=program.folder / "file")
    assert any("401" in each for each in result.warnings)
    assert any("spool" in each for each in result.warnings)
    assert (result.status, result.outputs["status"]) == (0, "partial")
