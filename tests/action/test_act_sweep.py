"""The README's `flow-telemetry.yml` run twice by act: the ledger reaches the second sweep.

act runs the caller, the workflow that it calls and the action, and its artifact service takes the
ledger. GitHub keeps artifacts between runs, act does not: the test takes the artifact out of act's
folder and gives it to the fake GitHub, whose API the next sweep reads.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.action.test_act import begin, going_on, secrets
from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World
from tests.support.act import Act, ActResult, ArtifactStore
from tests.support.workflows import ACTION, ROOT, TELEMETRY, Workflow, documented_examples, load

pytestmark = pytest.mark.act

CALLER = ".github/workflows/flow-telemetry.yml"
CALLED = TELEMETRY.relative_to(ROOT).as_posix()
JOB = "Telemetry / Export"
LEDGER = "flow-telemetry-ledger"


def caller(file: str = "ready file") -> Workflow:
    """The README's file, which calls the workflow of the checkout in place of a release's."""
    workflow = load(documented_examples()[file])
    (call,) = workflow["jobs"].values()
    call["uses"] = f"./{CALLED}"
    call.pop("cache-mode", None)  # act 0.2.89 does not know it
    return workflow


def called() -> Workflow:
    """The workflow, whose action is that of the README's other examples."""
    text = TELEMETRY.read_text(encoding="utf-8")
    return load(re.sub(r"(?<=uses: )owner/flow-telemetry@\S+", ACTION, text))


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    """act's artifact service with a new folder."""
    ((_, upload),) = [job["steps"] for job in called()["jobs"].values()]
    return ArtifactStore(folder=tmp_path / "artifacts", action=upload["uses"])


def merged(world: World, number: int, minutes_ago: float) -> None:
    """A pull request that was merged so many minutes ago."""
    at = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=minutes_ago)
    branch = f"branch-{number}"
    world.pull_request(number, branch=branch, opened_at=at - timedelta(hours=1), merged_at=at)


def begin_sweep(world: World) -> Run:
    """A scheduled run of the file that began just now."""
    job = going_on(JOB)
    return begin(
        world, job, workflow="flow-telemetry", event="schedule", path=CALLER, title="schedule"
    )


def sweep(
    act: Act, run: Run, artifacts: ArtifactStore, receiver: Receiver, file: str = "ready file"
) -> ActResult:
    """Run the file as that run, and record in the world how it ended, and what it kept."""
    world = act.github.world
    result = act.run(
        "schedule",
        caller(file),
        run=run,
        event=events.schedule(world, workflow=CALLER),
        secrets=secrets(receiver.url),
        path=CALLER,
        calls={CALLED: called()},
        artifacts=artifacts,
    )
    world.change_job(run, JOB, conclusion="failure" if result.status else "success")
    return result


def keep(world: World, run: Run, archive: bytes) -> None:
    """Give the fake GitHub what act's service took."""
    world.artifact(LEDGER, archive, run=run.id)


def pulls(receiver: Receiver) -> list[str]:
    """The names of the pull requests that were exported, once for each export."""
    return sorted(
        span.name for span in receiver.spans if span.attributes["flow.entity.type"] == "opening"
    )


def archives_read(act: Act) -> list[str]:
    """The archives of artifacts that were downloaded from the fake GitHub."""
    return [path for path in act.github.paths if re.search(r"/artifacts/\d+/zip$", path)]


@pytest.mark.parametrize("file", ["scheduled file", "ready file"])
def test_the_ledger_reaches_the_next_sweep(
    act: Act, world: World, receiver: Receiver, artifacts: ArtifactStore, file: str
) -> None:
    """What the first exported is left out; a closing that GitHub lists late is exported once.

    Without the ledger, the second sweep would begin at the start of the first one, and the late
    closing would be lost.
    """
    merged(world, 1, minutes_ago=50)
    first = begin_sweep(world)
    result = sweep(act, first, artifacts, receiver, file)
    assert result.status == 0, result.log
    assert pulls(receiver) == ["pull request #1"]
    assert archives_read(act) == []

    archive = artifacts.archive(first, LEDGER)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.namelist() == ["ledger.json"]
        json.loads(opened.read("ledger.json"))
    keep(world, first, archive)

    merged(world, 2, minutes_ago=45)
    second = begin_sweep(world)
    result = sweep(act, second, artifacts, receiver, file)
    assert result.status == 0, result.log
    assert pulls(receiver) == ["pull request #1", "pull request #2"]
    assert len(archives_read(act)) == 1
    assert artifacts.archive(second, LEDGER) != archive


def test_a_sweep_leaves_half_of_the_workflow_s_token_to_others(
    act: Act, world: World, receiver: Receiver, artifacts: ArtifactStore
) -> None:
    """The action's expression finds that the token is that of the workflow."""
    act.github.rate_limit = 16
    for number in range(1, 9):
        merged(world, number, minutes_ago=50 + number)
    result = sweep(act, begin_sweep(world), artifacts, receiver, "scheduled file")
    assert "share of the workflow's token, 50 % of 16 requests to REST" in result.log
    assert act.github.used["core"] == 8


@pytest.mark.parametrize(
    ("event", "script", "status", "kept"),
    [
        ("schedule", "true", 0, ["ledger.json"]),
        ("schedule", "false", 1, ["ledger.json"]),
        ("workflow_dispatch", "true", 0, ["ledger.json"]),
        ("pull_request_target", "true", 0, []),
    ],
)
def test_sweeps_keep_what_the_action_recorded(
    act: Act,
    world: World,
    artifacts: ArtifactStore,
    event: str,
    script: str,
    status: int,
    kept: list[str],
) -> None:
    """Even if the action failed; a run that another event started keeps nothing.

    A script stands in place of the action here.
    """
    folder = "$RUNNER_TEMP/flow-telemetry"
    workflow = called()
    for job in workflow["jobs"].values():
        record = f'mkdir "{folder}" && echo "{{}}" >"{folder}/ledger.json" && {script}'
        job["steps"][0] = {"name": "Record", "run": record}
    run = begin_sweep(world)
    for _ in range(2):  # the second attempt replaces what the first kept
        result = act.run(
            event,
            caller(),
            run=run,
            path=CALLER,
            calls={CALLED: workflow},
            artifacts=artifacts,
        )
        assert result.status == status, result.log
    if kept:
        with zipfile.ZipFile(io.BytesIO(artifacts.archive(run, LEDGER))) as opened:
            assert opened.namelist() == kept
    else:
        assert not (artifacts.folder / str(run.id)).exists()


def test_a_sweep_without_endpoint_is_green(
    act: Act, world: World, artifacts: ArtifactStore
) -> None:
    """No secret is required: the run has a notice, and no ledger to keep."""
    run = begin_sweep(world)
    result = act.run(
        "schedule",
        caller(),
        run=run,
        event=events.schedule(world, workflow=CALLER),
        path=CALLER,
        calls={CALLED: called()},
        artifacts=artifacts,
    )
    assert result.status == 0, result.log
    assert (len(result.commands("notice")), result.commands("warning")) == (1, [])
    assert act.github.requests == []
    assert not (artifacts.folder / str(run.id)).exists()
