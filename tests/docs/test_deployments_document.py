"""The worked example on the page about deployments is what the program finds."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, deployment_status, happened, sha_of
from tests.stories.points import by, value
from tests.stories.worlds import deployed
from tests.support.program import Program

from flow_telemetry.mapping.instruments import INSTRUMENTS

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "deployments.md").read_text(
    encoding="utf-8"
)
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## A worked example")[2].splitlines()
    if re.match(r"\| \d", line)
]


def test_the_worked_example(program: Program, world: World, receiver: Receiver) -> None:
    """Each row: status, kind, what is delivered, restored and repaired."""
    shas = [sha_of(f"merge of {number}") for number in (1, 2, 3)]
    world.history(sha_of("base"), *shas)
    world.deployment(
        sha=sha_of("base"),
        created_at="2025-11-04T00:00:00Z",
        statuses=[deployment_status("success")],
    )
    for number, sha in enumerate(shas, 1):
        world.pull_request(
            number,
            branch=f"branch-{number}",
            opened_at="2025-11-04T09:00:00Z",
            merged_at=f"2025-11-05T0{number}:00:00Z",
            merge_commit_sha=sha,
            timeline=[happened("committed", at="2025-11-04T08:00:00Z", subject=sha)],
        )
    assert len(ROWS) == 6
    for hour, commit, conclusion, *told in ROWS:
        before = len(receiver.spans), len(receiver.metrics)
        run, _ = deployed(world, sha_of(commit), f"2025-11-05T0{hour}:00:00Z", conclusion)
        program.export(run)
        spans = [s for s in receiver.spans[before[0] :] if s.name == "deploy production"]
        points = {p.name: p for p in receiver.metrics[before[1] :]}
        count = points["flow.deployment.count"].attributes
        restored = points.get("flow.deployment.restore_time")
        repaired = points.get("flow.deployment.remediations")
        assert told == [
            count["deployment.status"],
            count["flow.deployment.kind"],
            numbers(spans),
            f"{restored.value / 3600:.0f} h" if restored else "",
            repaired.attributes["flow.deployment.kind"] if repaired else "",
        ]
    assert by(receiver, "flow.deployment.count", "deployment.status") == {
        "succeeded": 4,
        "failed": 1,
        "cancelled": 1,
    }
    assert value(receiver, "flow.deployment.failures") == 1
    assert value(receiver, "flow.deployment.failed_changes") == 1


def numbers(spans: list[SpanRecord]) -> str:
    """The numbers of the pull requests whose traces have a span."""
    return ", ".join(sorted(span.attributes["vcs.change.id"] for span in spans))


def test_each_metric_on_the_page_exists() -> None:
    """No metric is described under an old name."""
    named = set(re.findall(r"`(flow\.deployment\.[a-z_]+)`", PAGE))
    known = {instrument.name for instrument in INSTRUMENTS}
    attributes = {
        f"flow.deployment.{name}" for name in ("task", "production", "incomplete", "kind")
    }
    assert named - attributes <= known
