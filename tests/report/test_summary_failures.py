"""The first lines of the summary of a failed run: which job and step, and the annotation's text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import (
    HOSTILE,
    failed,
    make_exported,
    make_job,
    make_outcome,
    make_run,
    make_step,
)

from flow_telemetry.model import Annotation, Job, Run
from flow_telemetry.report.summary import job_summary


def annotated(job: Job, *messages: str, path: str = "tests/cart_test.py", line: int = 12) -> Job:
    """Return a failed job with failures that a tool annotated, beside the runner's."""
    found = [Annotation(level="failure", message=m, path=path, start_line=line) for m in messages]
    return replace(failed(job), annotations=(*failed(job).annotations, *found))


def shown(run: Run) -> str:
    """Return the summary as its reader sees it, without its headline."""
    text = job_summary(make_outcome(run)).replace("\\", "").replace("\u200b", "")
    return text.partition("\n\n")[2]


def failing(*jobs: Job) -> str:
    """Return the first section below the headline of a failed run of these jobs."""
    return shown(make_run(*jobs, conclusion="failure")).partition("\n\nTrace ")[0]


def link(job: int, step: int) -> str:
    """Return the address of a step."""
    return f"<https://github.com/acme/shop/actions/runs/999/job/{job}#step:{step}:1>"


def test_the_failed_step_and_what_a_tool_said_come_first() -> None:
    """With the file and line, and without the runner's word that there was an exit code."""
    job = annotated(make_job(7, "test (3.12)"), "assert 19.99 == 20.00")
    assert failing(make_job(1, "lint"), job) == (
        f"- ❌ **[`test (3.12)` › `Run test (3.12)`]({link(7, 2)})**: "
        "tests/cart_test.py:12: assert 19.99 == 20.00"
    )


def test_without_any_other_word_the_exit_code_is_told() -> None:
    """It is all that is known."""
    assert failing(failed(make_job(7, "test"))).endswith(": Process completed with exit code 1.")


def test_a_cause_comes_before_what_tools_said() -> None:
    """A job that ran out of memory failed for that reason, whatever a test reports beside it."""
    killed = failed(make_job(7, "test"), "Process completed with exit code 137.")
    tool = Annotation(level="failure", message="not all tests ran", path="a.py", start_line=1)
    text = failing(replace(killed, annotations=(*killed.annotations, tool)))
    assert text.endswith(": Process completed with exit code 137.\n  - a.py:1: not all tests ran")


def test_a_message_of_many_lines_keeps_them() -> None:
    """As a block of code, whose fence is longer than any in the message."""
    message = "assert a == b\n+ ```\n- x"
    text = failing(annotated(make_job(7, "test"), message))
    block = f"tests/cart_test.py:12: {message}".replace("\n", "\n  ")
    assert text.endswith(f"**\n\n  ````text\n  {block}\n  ````\n")


def test_jobs_of_a_matrix_that_failed_alike_are_told_once() -> None:
    """With their number; another message is another failure."""
    steps = (make_step(1, "Run pytest", 3, 20, conclusion="failure"),)
    jobs = [annotated(make_job(n, f"test ({n})", steps=steps), "boom") for n in range(1, 5)]
    other = annotated(make_job(9, "test (9)", steps=steps), "crash")
    rows = failing(*jobs, other).split("\n")
    assert len(rows) == 2
    assert rows[0].endswith("** (and 3 more jobs like it): tests/cart_test.py:12: boom")
    assert rows[1].endswith("**: tests/cart_test.py:12: crash")


def test_of_many_failures_some_are_told() -> None:
    """The trace has them all."""
    jobs = [annotated(make_job(n, f"job {n}"), f"boom {n}") for n in range(1, 9)]
    assert failing(*jobs).split("\n")[5:] == ["- and 3 more failed jobs"]
    messages = [f"message {n}" for n in range(6)]
    assert failing(annotated(make_job(1, "a"), *messages)).endswith("- and 2 more annotations")


@pytest.mark.parametrize("conclusion", ["success", "cancelled", "skipped"])
def test_a_run_that_did_not_fail_begins_with_its_trace(conclusion: str) -> None:
    """Also if a job of it was allowed to fail."""
    run = make_run(failed(make_job(1, "nightly")), conclusion=conclusion)
    assert shown(run).startswith("Trace ") is (conclusion == "success")
    assert shown(make_run(make_job(1, "build"), conclusion=conclusion)).startswith("Trace ")


def test_a_run_that_could_not_start_says_what_is_usually_wrong() -> None:
    """It has no job."""
    assert shown(make_run(conclusion="startup_failure")).startswith(
        "GitHub could not start the run"
    )


def test_a_job_alone_tells_its_own_failure_only() -> None:
    """Under `export: job`."""
    run = make_run(failed(make_job(1, "lint")), make_job(2, "test"), conclusion="failure")
    exported = make_exported(run, reference=run.job_reference(run.jobs[1]))
    assert "❌" not in job_summary(make_outcome(run, exported=exported))


def test_no_step_of_the_runner_is_among_the_slowest() -> None:
    """Nobody can make it faster; and a run of seconds has no diagram."""
    steps = (
        make_step(1, "Set up job", 0, 9),
        make_step(2, "Run make", 9, 4),
        make_step(3, "Complete job", 13, 1),
    )
    text = shown(make_run(make_job(1, "build", queued=0, seconds=14, steps=steps)))
    assert "| `Run make` | `build` | 4s |" in text
    assert "Set up job" not in text
    assert "Complete job" not in text
    assert "mermaid" not in text


@given(st.sampled_from(HOSTILE) | st.text(), st.sampled_from(HOSTILE) | st.text())
def test_no_name_and_no_message_changes_the_shape(name: str, message: str) -> None:
    """Names are in code spans, messages of one line are escaped, those of several in a fence."""
    step = make_step(3, f"s{name}", 3, 20, conclusion="failure")
    job = make_job(7, f"j{name}", steps=(step,))
    text = job_summary(make_outcome(make_run(annotated(job, f"m{message}", path=f"p{name}"))))
    assert len(text) < 60_000
    assert "\n### " not in text
