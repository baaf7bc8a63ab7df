"""The runs that are exported, of any size: a pull request's, all of it successful."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tests.fakes.records import Run
from tests.fakes.world import START, World, happened, job, step

# What the peer's script asks for.
RUN_ID = 42
_NAMES = ("Set up job", "Checkout", "Set up Python", "Install", "Lint", "Test", "Upload report")


@dataclass(frozen=True, slots=True)
class Size:
    """A run of so many jobs, each of so many steps."""

    jobs: int
    steps: int


def make_world(size: Size, *, changes: int = 0) -> tuple[World, Run]:
    """Return a world with a run of that size, and besides so many merged pull requests."""
    world = World("acme/shop")
    world.pull_request(123, branch="feature", closes=[17])
    world.issue(17, "Let people pay")
    steps = [step(f"{_NAMES[n % len(_NAMES)]} {n + 1}", 1 + n % 20) for n in range(size.steps)]
    jobs = [job(f"test (leg {n + 1})", queued=2 + n % 7, steps=steps) for n in range(size.jobs)]
    run = world.run(id=RUN_ID, event="pull_request", branch="feature", jobs=jobs)
    for number in range(1_000, 1_000 + changes):
        _merged(world, number)
    return world, run


def _merged(world: World, number: int) -> None:
    merged_at = START - timedelta(hours=1)
    world.pull_request(
        number,
        branch=f"feature-{number}",
        merged_at=merged_at,
        timeline=[
            happened("review_requested", subject="bob"),
            happened("reviewed", by="bob", facts={"state": "approved"}),
        ],
    )
