"""A short run of docs/contributing/fuzzing.md: the corpus, and some mutations by chance."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from fuzz.checks import Broken, check_trees
from fuzz.harnesses import NAMES, harness
from fuzz.mutation import Edit, as_json, edited, edited_bytes, edits_in
from fuzz.scenarios import SCENARIOS
from tests.otlp.builders import make_span

from fuzz import exports

ROOT = Path(__file__).parents[2]
BY_CHANCE = {"exports": 40}
ANSWER: dict[str, Any] = {"id": 7, "jobs": [{"name": "test", "steps": []}, {"name": "lint"}]}


@pytest.fixture(scope="module", autouse=True)
def _stages() -> Iterator[None]:
    yield
    exports.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_finds_nothing(name: str) -> None:
    """What was found once is in there, so that it stays mended."""
    under_test = harness(name)
    for data in under_test.corpus:
        under_test.run(data)
    assert under_test.corpus


@pytest.mark.parametrize("name", NAMES)
def test_some_inputs_by_chance_find_nothing(name: str) -> None:
    """The same ones on every machine."""
    under_test = harness(name)
    inputs = list(islice(under_test.by_chance(2026), BY_CHANCE.get(name, 150)))
    for data in inputs:
        under_test.run(data)
    assert len(set(inputs)) > len(inputs) / 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_without_edits_each_scenario_sends_what_it_is_about(name: str) -> None:
    """Else its edits would be of answers that nothing is made of."""
    outcome = exports.stage(name).export({})
    if SCENARIOS[name].door == "export":
        assert outcome is not None
        assert outcome.status.value == "exported"
        assert any(each.collected for each in outcome.deliveries)


def test_an_edit_is_the_same_everywhere() -> None:
    """An input is bytes, so that libFuzzer's own ways are ways of mutating answers too."""
    (edit,) = edits_in(bytes([3, 1, 0, 0, 0, 3, 0, 0]) + b"rest")
    assert edit == Edit(target=3, place=1, what=3, how=0)
    assert edited(ANSWER, [Edit(0, 0, 3, 0)]) == {"jobs": ANSWER["jobs"]}
    assert edited(ANSWER, [Edit(0, 1 + 3 * 3 * 2, 3, 0)]) == {"id": 7, "jobs": ANSWER["jobs"][1:]}
    assert edited(ANSWER, [Edit(0, 2, 3, 0)]) is None


def test_what_is_edited_stays_as_it_was() -> None:
    """The next input begins with the same answer."""
    before = as_json(ANSWER)
    for what in range(16):
        for place in range(40):
            as_json(edited(ANSWER, [Edit(0, place, what, 7), Edit(0, place + 1, what, 9)]))
    assert as_json(ANSWER) == before
    assert edited_bytes(b"abc", [Edit(0, 1, 4, 0)]) == b"a"


def test_edits_reach_the_answer_that_they_are_of() -> None:
    """The real client decodes what the stand-in gives, and tells what is wrong with it."""
    stage = exports.stage("run")
    target = next(at for at, name in enumerate(stage.targets) if name.endswith("/runs/N"))
    outcome = stage.export(stage.edits_by_target((Edit(target, 0, 3, 0),)))
    assert outcome is not None
    assert [each for each in outcome.problems if "has no usable `id`" in each]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "another"}, "two spans of one id"),
        ({"span_id": f"{1:016x}", "parent_span_id": f"{2:016x}"}, "a circle of parents"),
    ],
)
def test_what_is_wrong_is_a_finding(changes: dict[str, Any], said: str) -> None:
    """The checks would find it, if an export sent it."""
    span = make_span(2)
    with pytest.raises(Broken, match=said):
        check_trees([span, replace(span, **changes)])


def test_the_command_tells_how_many_inputs_it_tried() -> None:
    """It ends with status 0 where nothing was found."""
    words = [sys.executable, "-m", "fuzz", "archives", "--inputs", "20", "--seed", "3"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("archives: 20 inputs in ")
    assert done.stdout.endswith("seed 3\n")
