"""What a sweep asks for, a thing: the lists first, then many things by one request.

The bars are those of a repository of any size, since the lists are read by pages of a hundred.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

from tests.contracts.openapi import validate
from tests.fakes.demo.world import demo_world
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, deployment_status, happened, job, sha_of, step
from tests.golden.decoded import items_of
from tests.support.program import Program
from tests.support.sweeps import QUERY_REFUSED, ago, asks_for_several, names, sweep

CHANGES, RUNS_OF_EACH = 20, 4
# Lists, the ledger, open work: as many for any number of things.
FIXED = 15


def kinds(github: FakeGitHub) -> Counter[str]:
    """The requests by what they have in common."""
    found: Counter[str] = Counter()
    for request in github.requests:
        query = json.loads(request.body)["query"] if request.body else ""
        name = query.split("(")[0].strip() or request.path.removeprefix("/repos/acme/shop")
        found[re.sub(r"[0-9a-f]{40}|\d+", "*", name)] += 1
    return found


def merge(number: int) -> str:
    """The merge commit of a pull request."""
    return sha_of(f"merge of {number}")


def closed_at(number: int) -> datetime:
    """When a pull request and its story were closed."""
    return ago(hours=2, minutes=5 * (number - 100))


def add_changes(world: World) -> None:
    """Add pull requests of stories of one epic, with their reviews and merges."""
    numbers = range(100, 100 + CHANGES)
    world.issue(4, type="Epic", opened_at=ago(days=20))
    world.history(*(merge(number) for number in range(99, 100 + CHANGES)))
    for number in numbers:
        story = 1_000 + number
        world.issue(
            story, type="Story", parent=4, opened_at=ago(days=2), closed_at=closed_at(number)
        )
        world.pull_request(
            number,
            branch=f"feature-{number}",
            closes=[story],
            opened_at=ago(hours=9),
            merged_at=closed_at(number),
            merge_commit_sha=merge(number),
            timeline=[happened("committed"), happened("reviewed", by="bob", review="approved")],
        )


def add_runs(world: World) -> None:
    """Add some runs of each pull request, and one of its merge."""
    steps = [step("Test", 60)]
    for number in range(100, 100 + CHANGES):
        for before in range(RUNS_OF_EACH):
            world.run(
                event="pull_request",
                branch=f"feature-{number}",
                created_at=ago(hours=4, minutes=5 * (number - 100) + before),
                jobs=[job("test", steps=steps)],
            )
        world.run(
            sha=merge(number),
            created_at=ago(hours=1, minutes=59 + 5 * (number - 100)),
            jobs=[job("test", steps=steps)],
        )


def test_pull_requests_and_issues_come_ten_a_request(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """At most 0.4 requests a pull request and 0.3 an issue, beside the lists."""
    add_changes(world)
    result = sweep(program)
    assert result.warnings == []
    assert len(names(receiver)) == CHANGES
    assert len(github.requests) <= FIXED + 0.7 * CHANGES
    asked = kinds(github)
    assert not [kind for kind in asked if "timeline" in kind or kind == "/pulls/*"]
    assert not asked.keys() & {"query ChangeLineage", "query IssueChain", "query IssueDetails"}


def test_a_run_costs_the_request_for_its_jobs(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """At most 1.3 requests a run: its pull request and that one's items come with others."""
    add_changes(world)
    add_runs(world)
    result = sweep(program, sweep_runs=True)
    assert result.warnings == []
    runs = CHANGES * (RUNS_OF_EACH + 1)
    assert len(names(receiver)) == runs + CHANGES
    assert len(github.requests) <= FIXED + 1.3 * runs + 0.7 * CHANGES
    asked = kinds(github)
    assert asked["/actions/runs/*/attempts/*/jobs"] == runs
    assert not asked.keys() & {"/actions/runs/*/attempts/*", "/commits/*/pulls", "/deployments/*"}


def add_waits(world: World) -> None:
    """Add runs whose jobs waited: for runners, for people, for a timer, and for both."""
    world.environment("production", timer=30)
    world.environment("staging")
    for number in range(12):
        deploy = job("deploy", queued=(90, 700, 1_900)[number % 3], steps=[step("Deploy", 60)])
        build = job("build", queued=40, steps=[step("Compile", 60)])
        run = world.run(
            event="workflow_dispatch",
            sha=merge(99),
            created_at=ago(hours=3, minutes=10 * number),
            jobs=[build, deploy],
        )
        if number % 3 == 0:
            continue
        of_job = run.job("deploy")
        log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{of_job.id}"
        states = (("waiting", 0), ("queued", of_job.plan.queued - 40), ("success", 60))
        world.deployment(
            "production" if number % 2 else "staging",
            sha=run.sha,
            created_at=of_job.created_at,
            statuses=[
                deployment_status(state, after=after, log_url=log) for state, after in states
            ],
        )
        if number % 2:
            world.review("production", run=run.id)


def test_waits_of_many_runs_come_by_a_query_for_all(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """What the jobs of each run waited for would take two requests a run."""
    world.history(merge(99))
    add_waits(world)
    result = sweep(program, sweep_runs=True)
    assert result.warnings == []
    kinds_of_waits = {span.attributes["flow.entity.type"] for span in receiver.spans}
    assert {"queued", "approval"} <= kinds_of_waits
    asked = kinds(github)
    assert asked["query AheadDeployments"] == asked["query AheadProtections"] == 1
    assert not asked.keys() & {"query JobDeployments", "query EnvironmentProtection"}


def test_a_deployment_costs_three_requests(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """Its statuses and the commits since the one before it; the list of all is the same for all."""
    add_changes(world)
    before = world.deployment(
        sha=merge(99), created_at=ago(days=2), statuses=[deployment_status("success")]
    )
    for number in range(100, 100 + CHANGES):
        world.deployment(
            sha=merge(number),
            created_at=closed_at(number),
            statuses=[deployment_status("success", after=30)],
        )
    assert before.id
    result = sweep(program)
    assert result.warnings == []
    assert len(github.requests) <= FIXED + (3 + 0.7) * CHANGES


def test_the_telemetry_is_the_same_one_by_one(program: Program, world: World) -> None:
    """If GitHub refuses every query for several things, they are read as without them."""
    add_changes(world)
    add_runs(world)
    add_waits(world)
    compare_with_and_without(program, world, since="1d")


def test_so_is_that_of_a_world_with_all_there_is(program: Program) -> None:
    """Forks, reruns, blocks, reviews, deployments, sub-issues, statuses of a project."""
    compare_with_and_without(program, demo_world(), since="2025-10-01T00:00:00Z")


def compare_with_and_without(program: Program, world: World, *, since: str) -> None:
    """Sweep a world twice, first as usual, then with each query for several things refused."""
    command = ("sweep", "--repo", "acme/shop", "--since", since, "--sweep-runs", "--output")
    with FakeGitHub(world, check=validate) as github:
        environ = {"GITHUB_API_URL": github.url, "GITHUB_SERVER_URL": world.server_url}
        assert program.command(*command, "together.jsonl", environ=environ).status == 0
        asked = len(github.requests)
        github.script(asks_for_several, QUERY_REFUSED, times=None)
        assert program.command(*command, "alone.jsonl", environ=environ).status == 0
        assert len(github.requests) - asked > asked
    together = items_in(program.folder / "together.jsonl")
    assert together == items_in(program.folder / "alone.jsonl")
    assert sum(together.values()) > 100


def items_in(path: Path) -> Counter[str]:
    """Spans, records and metrics with their resources, without what differs in each export."""
    found: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        for entity, item in items_of(json.loads(line)):
            text = json.dumps([entity, item], sort_keys=True)
            # A metric has the time of the export; spans and events have times of their own.
            time = r'"\w*imeUnixNano"' if "spanId" not in item else '"observedTimeUnixNano"'
            found[re.sub(time + r': "\d+"', "", text)] += 1
    return found
