"""The change of coverage against a pull request's base, whose run kept its own as an artifact."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import answers, records
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, sha_of
from tests.stories.job.test_coverage import JOB, a_run, export, left
from tests.stories.points import by
from tests.stories.test_inside_a_run import going_on
from tests.support.clients import SHOP, client_of
from tests.support.program import Program, Result

from flow_telemetry.github.payloads import parse_run
from flow_telemetry.model import Change, Run
from flow_telemetry.subjects.job.coverage import base_coverage

UNIT = "flow.coverage.unit"
BASE_SHA = sha_of("base of 7")


def profile(reached: int, of: int, package: str = "shop") -> bytes:
    """Return a Go profile of a package with so many statements."""
    parts = ((1, reached, 1), (2, of - reached, 0))
    blocks = [f"acme.com/{package}/a.go:{n}.1,{n}.2 {many} {run}" for n, many, run in parts]
    return "\n".join(["mode: set", *blocks]).encode()


class History:
    """What ran before: each run on a branch kept what its own export wrote."""

    def __init__(self, program: Program, world: World, folder: Path) -> None:
        self.program = program
        self.world = world
        self.folder = folder

    def covered(
        self, reached: int, *, kept: str | None = None, expired: bool = False, **facts: Any
    ) -> records.Run:
        """Add a run that reached so many of 1,000 statements, kept under the name that it got."""
        run = a_run(self.world, **{"branch": "main", "sha": BASE_SHA, **facts})
        result = self.export(run, profile(reached, 1000))
        file = Path(result.outputs["coverage-file"])
        name = kept or result.outputs["coverage-artifact"]
        self.world.artifact(name, {file.name: file.read_bytes()}, run=run.id, expired=expired)
        return run

    def export(self, run: records.Run, report: bytes) -> Result:
        """Export from inside of a run whose job left a report."""
        workspace = left(self.folder, cov=report)
        return export(self.program, run, workspace)

    def change(self, reached: int) -> Result:
        """Export from inside of a run of pull request 7, which is to be merged into main."""
        self.world.pull_request(7, branch="feature", title="A cart")
        run = a_run(self.world, event="pull_request", branch="feature")
        self.program.github.requests.clear()
        return self.export(run, profile(reached, 1000))


@pytest.fixture
def history(program: Program, world: World, tmp_path: Path) -> History:
    """A repository in which nothing ran so far."""
    return History(program, world, tmp_path)


def asked(github: FakeGitHub) -> list[str]:
    """Return what was asked of artifacts."""
    return [path for path in github.paths if "artifacts" in path]


def measured_last(receiver: Receiver) -> dict[str, Any]:
    """Return what the newest span of measurements says of coverage."""
    span = receiver.spans_named("measured")[-1]
    begin = "flow.coverage."
    return {n.removeprefix(begin): v for n, v in span.attributes.items() if n.startswith(begin)}


def test_the_change_is_told_in_percentage_points(
    history: History, receiver: Receiver, github: FakeGitHub
) -> None:
    """As a gauge, on the job's measurements and in the summary; it takes two requests."""
    history.covered(821)
    result = history.change(824)
    assert measured_last(receiver)["statement.change"] == pytest.approx(0.3)
    assert by(receiver, "flow.coverage.change", UNIT) == {"statement": pytest.approx(0.3)}
    assert "**Coverage** 82.4 % (+0.3) of 1,000 statements." in result.summary
    assert "against `main`" in result.summary
    assert "| acme\\.com/shop | 82.4 % (+0.3) |" in result.summary
    assert (result.warnings, result.notices) == ([], [])
    assert len(asked(github)) == 2


def test_coverage_can_fall(history: History, receiver: Receiver) -> None:
    """The change is negative then, also as a metric."""
    history.covered(900)
    result = history.change(850)
    assert by(receiver, "flow.coverage.change", UNIT) == {"statement": pytest.approx(-5)}
    assert "85.0 % (-5.0)" in result.summary


def test_the_commit_of_the_base_is_preferred_to_newer_ones(
    history: History, receiver: Receiver
) -> None:
    """What main has got since is no work of the pull request; else the newest counts."""
    history.covered(500, sha=sha_of("older"))
    history.covered(800)
    history.covered(990, sha=sha_of("newer"))
    history.change(824)
    assert measured_last(receiver)["statement.change"] == pytest.approx(2.4)


def test_without_one_of_the_commit_the_newest_counts(history: History, receiver: Receiver) -> None:
    """A commit of the base that no run built has none of its own."""
    history.covered(500, sha=sha_of("older"))
    history.covered(814, sha=sha_of("newer"))
    history.change(824)
    assert measured_last(receiver)["statement.change"] == pytest.approx(1)


def test_what_a_fork_kept_is_never_read(history: History, world: World, github: FakeGitHub) -> None:
    """Its branch may be called main too; neither is one of another branch or name, or expired."""
    world.repository("mallory/shop", fork=True)
    history.covered(10, head_repository="mallory/shop", event="pull_request")
    history.covered(10, branch="release")
    history.covered(10, kept="flow-telemetry-coverage-of-another-job")
    history.covered(10, expired=True)
    result = history.change(824)
    lacks = "The change against `main` is unknown: no run on it has kept the coverage of this job"
    assert result.summary.count(lacks) == 1
    assert (result.warnings, result.notices, result.outputs["status"]) == ([], [], "exported")
    assert len(asked(github)) == 1
    assert "**Coverage** 82.4 % of 1,000 statements." in result.summary


def test_a_missing_permission_is_named(history: History, github: FakeGitHub) -> None:
    """The notice says which; all else leaves."""
    words = '{"message": "Resource not accessible by integration"}'
    named = {"x-accepted-github-permissions": "actions=read"}
    github.script("/actions/artifacts", status(403, words, **named))
    result = history.change(824)
    (notice,) = result.notices
    assert "`actions: read`" in notice
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert "is unknown: it could not be read" in result.summary


def test_outside_of_a_pull_request_nothing_is_asked(history: History, github: FakeGitHub) -> None:
    """A run on the base is what others are compared with."""
    history.covered(821)
    assert asked(github) == []


def test_each_leg_of_a_matrix_has_a_name_that_stays(
    program: Program, world: World, tmp_path: Path
) -> None:
    """Of the workflow's file and the job: the same in each run, and another in each leg."""
    legs: dict[str, str] = {}
    for run_number in (1, 2):
        for leg in ("test (3.12)", "test (3.13)", "deploy to 東京 ✓"):
            run = world.run(jobs=[going_on(leg, "Run tests")], run_number=run_number)
            environ = {"GITHUB_WORKSPACE": str(left(tmp_path, cov=profile(1, 2)))}
            result = program.inside(run, leg, environ, coverage_reports="*/report")
            name = result.outputs["coverage-artifact"]
            assert legs.setdefault(leg, name) == name
            assert name.removeprefix("flow-telemetry-coverage-").isalnum()
    assert len(set(legs.values())) == 3


def test_what_is_kept_says_no_more_than_the_totals(history: History, world: World) -> None:
    """The file of version 1: whose coverage it is, in all and by package."""
    run = a_run(world, sha=BASE_SHA)
    result = history.export(run, profile(3, 4))
    kept = json.loads(Path(result.outputs["coverage-file"]).read_text(encoding="utf-8"))
    numbers = {"covered": 3, "coverable": 4}
    assert kept == {
        "format": "flow-telemetry coverage",
        "version": 1,
        "repository": "acme/shop",
        "run": run.id,
        "commit": BASE_SHA,
        "job": JOB,
        "totals": {"statement": numbers},
        "packages": [{"name": "acme.com/shop", "statement": numbers}],
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no archive", "not a complete zip archive"),
        ({"other.json": "{}"}, "holds no coverage.json"),
        ({"../coverage.json": "{}"}, "holds no coverage.json"),
        ({"coverage.json": "{"}, "is not JSON"),
        ({"coverage.json": "[" * 100_000}, "is not JSON"),
        ({"coverage.json": '{"format": "flow-telemetry coverage", "version": 2}'}, "version"),
        ({"coverage.json": bytes(5 * 1024 * 1024)}, "larger than 4 MiB"),
    ],
)
def test_an_artifact_of_anything_is_a_notice(
    history: History, world: World, content: bytes | Mapping[str, bytes | str], reason: str
) -> None:
    """It names the artifact and what is wrong with it; the export goes on without."""
    run = history.covered(821)
    name = world.artifacts.pop().plan.name
    world.artifact(name, content, run=run.id)
    result = history.change(824)
    (notice,) = result.notices
    assert reason in notice
    assert name in notice
    assert (result.status, result.warnings, result.outputs["status"]) == (0, [], "exported")


@pytest.fixture(scope="module")
def kept_by_anybody() -> Iterator[tuple[FakeGitHub, World, Run]]:
    """A GitHub whose artifacts are put in place by each example."""
    world = World("acme/shop")
    world.run(branch="main")
    own = parse_run(answers.run(world, world.run(branch="feature")), where="a test")
    with FakeGitHub(world, rate_limit=None) as github:
        yield github, world, own


_NUMBERS = st.one_of(st.integers(), st.none(), st.text(max_size=3), st.floats(), st.booleans())
_JSON = st.recursive(
    _NUMBERS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["totals", "packages", "line", "covered", "coverable", "name", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)
_HEAD = {"format": "flow-telemetry coverage", "version": 1}
_FILES = st.one_of(
    st.binary(max_size=200),
    _JSON.map(lambda value: {**_HEAD, "totals": value}).map(json.dumps),
    st.dictionaries(st.sampled_from(["totals", "packages"]), _JSON).map(
        lambda value: json.dumps({**_HEAD, **value})
    ),
)
_ARTIFACTS = st.one_of(
    st.binary(max_size=500),
    st.binary(max_size=500).map(lambda content: b"PK\x03\x04" + content),
    _FILES.map(lambda content: {"coverage.json": content}),
)


@settings(max_examples=60, deadline=None)
@given(content=_ARTIFACTS)
def test_no_artifact_breaks_an_export(
    kept_by_anybody: tuple[FakeGitHub, World, Run], content: bytes | Mapping[str, bytes | str]
) -> None:
    """Whatever is in it, there are totals to compare with or a notice, and never an error."""
    github, world, run = kept_by_anybody
    world.artifacts.clear()
    world.artifact("kept", content, run=1000)
    with client_of(github) as client:
        change = Change(repository=SHOP, number=7, base_branch="main")
        totals, reason, notice = base_coverage(client, run, change, "kept")
    assert (totals is None) == (notice is not None) == bool(reason)
    if totals is not None:
        assert all(count.coverable >= count.covered for _, count in totals.counts.by_unit())
