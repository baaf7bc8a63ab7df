"""Whatever GitHub answers of a run, its measurements are valid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from tests.mapping.measured import RESOURCE, checked
from tests.mapping.payloads import Answers, damaged_answers
from tests.mapping.test_any_answer import parts_of, run_in
from tests.mapping.trees import assert_values

from flow_telemetry.errors import PayloadError
from flow_telemetry.mapping.metric_attributes import EXTRA_ATTRIBUTES
from flow_telemetry.mapping.metrics import job_matrix, job_name, run_measurements
from flow_telemetry.rules.selection import RunSlice


def parts(answers: Answers) -> Iterator[RunSlice]:
    """Return every part of the run that answers tell of; none where they tell of none."""
    try:
        yield from parts_of(run_in(answers))
    except PayloadError:
        return


@given(damaged_answers())
def test_measurements_of_any_answer_are_valid(answers: Answers) -> None:
    """Not negative, with attributes of the tables, short enough for every backend."""
    for part in parts(answers):
        measured = checked(run_measurements(part, RESOURCE, tuple(EXTRA_ATTRIBUTES)))
        for each in measured:
            assert_values(each.attributes)
        counted = [m for m in measured if m.instrument.name == "flow.job.count"]
        assert len(counted) <= len(part.jobs)


@pytest.mark.parametrize(
    ("name", "base", "matrix"),
    [
        ("test", "test", ""),
        ("test (3.12)", "test", "3.12"),
        ("test (3.12, ubuntu-latest)", "test", "3.12, ubuntu-latest"),
        ("test (a (b), c)", "test", "a (b), c"),
        ("call (eu) / test (3.12)", "call / test", "eu; 3.12"),
        ("build (again) now", "build (again) now", ""),
        ("(nameless)", "(nameless)", ""),
        ("unbalanced)", "unbalanced)", ""),
        ("", "", ""),
    ],
)
def test_the_matrix_values_of_a_job(name: str, base: str, matrix: str) -> None:
    """They stand in brackets at the end, and may hold brackets themselves."""
    assert (job_name(name), job_matrix(name)) == (base, matrix)
