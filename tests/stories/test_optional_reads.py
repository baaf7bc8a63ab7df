"""What is optional and hangs at GitHub costs itself only: the run arrives, with all the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.faults import Answer, Request, Scripted, black_hole, truncated
from tests.fakes.records import Run
from tests.faults.items import Items, received_by
from tests.faults.stage import Stage
from tests.faults.stage import stage as new_stage

from flow_telemetry.github.optional import kind_of
from flow_telemetry.http import session

TIMEOUT, SLACK = 6, 5.0
_RUN = "/repos/*/actions/runs/*/attempts/*"
REQUIRED = {_RUN, f"{_RUN}/jobs"}
AHEAD = "query Ahead"
# The run that deployed a merged pull request, the same if GitHub reads nothing ahead, and a run
# that was replaced before it had a job.
_MERGED = (
    "/repos/*/actions/workflows/*/runs",
    "/repos/*/check-runs/*/annotations",
    "/repos/*/commits/*/pulls",
    "/repos/*/compare/*",
    "/repos/*/deployments",
    "/repos/*/deployments/*/statuses",
    "query EnvironmentDeployments",
)
OPTIONAL: dict[str, tuple[str, ...]] = {
    "merged": (*_MERGED, AHEAD),
    "one by one": (
        *_MERGED,
        "/repos/*/issues/*/timeline",
        "/repos/*/pulls/*",
        "query ChangeLineage",
    ),
    "replaced": (
        "/repos/*/actions/runs",
        "/repos/*/commits/*/pulls",
        "/repos/*/deployments",
        "/repos/*/pulls",
        "query RefKind",
    ),
}


FAILED = Answer(
    status=200,
    headers={"Content-Type": "application/json"},
    body=b'{"errors": [{"message": "no"}]}',
)


@dataclass(frozen=True, slots=True)
class Ended:
    """What arrived, which kinds of requests GitHub got, and the seconds it took."""

    received: Items
    asked: frozenset[str]
    seconds: float


Export = Callable[..., Ended]


@pytest.fixture
def export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Export:
    """Export a run of a world of its own, while GitHub answers requests of a kind so."""

    def exported(
        name: str, hanging: str = "", answer: Scripted | None = None, timeout: int = 60
    ) -> Ended:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        with new_stage(folder, monkeypatch, capsys) as stage:
            stage.run = replaced(stage) if name == "replaced" else stage.run
            if name == "one by one":
                stage.github.script(lambda request: kind(request) == AHEAD, FAILED, times=None)
            if answer is not None:
                stage.github.script(lambda request: kind(request) == hanging, answer, times=None)
            result, seconds = stage.export(timeout=timeout)
            assert result.status == 0
            asked = frozenset(map(kind, stage.github.requests))
            asked -= {AHEAD} if name == "one by one" else set()
            return Ended(received_by(stage.receiver), asked, seconds)

    return exported


def replaced(stage: Stage) -> Run:
    """Return a run that waited, and was cancelled before it had a job."""
    return stage.github.world.run(event="push", branch="v2", conclusion="cancelled", jobs=[])


def kind(request: Request) -> str:
    """Return the kind of a request that the fake GitHub got."""
    body = json.loads(request.body) if request.body else None
    return kind_of(session.Request(f"http://{request.path}", body=body))


def without_limits(items: Iterable[str]) -> set[str]:
    """Return the items but for what GitHub's limits leave, which only an answer can tell."""
    return {item for item in items if not item.startswith("flow.github.rate_limit.")}


@pytest.mark.parametrize("name", OPTIONAL)
def test_all_kinds_of_requests_are_tried(name: str, export: Export) -> None:
    """So that one that is added is tried as well."""
    assert export(name).asked == {*REQUIRED, *OPTIONAL[name]}


@pytest.mark.parametrize(
    ("name", "hanging"), [(name, each) for name, kinds in OPTIONAL.items() for each in kinds]
)
def test_one_that_hangs_costs_no_other(name: str, hanging: str, export: Export) -> None:
    """All arrives that arrives if the answer is damaged, which costs no time."""
    damaged = export(name, hanging, truncated(40))
    silent = export(name, hanging, black_hole(), timeout=TIMEOUT)
    assert silent.seconds < TIMEOUT + SLACK
    assert silent.asked == damaged.asked
    for signal in ("traces", "logs", "metrics"):
        assert without_limits(silent.received.of(signal)) == without_limits(
            damaged.received.of(signal)
        )
