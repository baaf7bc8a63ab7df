"""Requests of a sweep in a busy repository, by thing: the bars of requests for sweeps.

    python -m benchmarks.sweep_requests

The repository has 35 days of 200 runs a day, with pull requests and issues of that time. The sweep
exports some hours in which 500 runs, 100 pull requests and 100 issues ended, and ten deployments
beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, deployment_status, happened, job, sha_of, step

from benchmarks.processes import FailedError
from benchmarks.table import table

NAME = "acme/shop"
_WINDOW = timedelta(hours=6)
# A sweep leaves to the next one what ended this shortly before it.
_DELAY = timedelta(hours=1)
_EPIC = 7
_NOTICES = "the annotations of failed runs, which no bar counts"
# The first pattern that a request fits says what it was for.
_PURPOSES = (
    (r"query Ahead.*\bpullRequest\(number: \$number\d+\) \{\n +additions", "pull requests"),
    (r"query Ahead.*\bissue\(", "issues"),
    (r"query Ahead\b", "runs"),
    (r"query (Open|IssueTypes)", "the state of open work"),
    (r"query Closings.*: issue\(", "issues"),
    (r"query Closings", "pull requests"),
    (r"query (AheadDeployments|AheadProtections|JobDeployments|EnvironmentProtection)", "runs"),
    (r"/check-runs/\d+/annotations", _NOTICES),
    (r"/actions/runs", "runs"),
    (r"query (CommitChanges|EnvironmentDeployments)", "deployments"),
    (r"/(deployments|compare|commits)\b", "deployments"),
    (r"/pulls\b", "pull requests"),
    (r"/issues\b", "issues"),
    (r"graphql", "queries for one thing"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """So many things that are new, in a repository with so many days of earlier runs."""

    runs: int = 500
    changes: int = 100
    issues: int = 100
    deployments: int = 50
    days: int = 35
    runs_a_day: int = 200

    def of(self, purpose: str) -> int:
        """Return the number of new things of a purpose, 0 if it has none."""
        return {
            "runs": self.runs,
            "pull requests": self.changes,
            "issues": self.issues,
            "deployments": self.deployments,
        }.get(purpose, 0)


BARS = {"runs": 1.3, "pull requests": 0.4, "issues": 0.3, "deployments": 3.0}


def make_world(load: Workload, now: datetime) -> World:
    """Return the repository at that time."""
    world = World(NAME)
    world.issue(_EPIC, type="Epic", opened_at=now - timedelta(days=60))
    steps = [step("Test", 60)]
    begin = now - _WINDOW
    for number in range(load.days * load.runs_a_day):
        created_at = begin - timedelta(days=1) / load.runs_a_day * (number + 1)
        jobs = [job("test", steps=steps)]
        world.run(created_at=created_at, sha=sha_of(f"old {number}"), jobs=jobs)
    world.history(*(_merge(number) for number in range(load.changes + 1)))
    for number in range(load.changes):
        _add_change(world, 1_000 + number, _time(now, number, load.changes), number)
    for number in range(load.issues):
        closed_at = _time(now, number, load.issues)
        parent = _EPIC if number % 2 else None
        world.issue(
            5_000 + number,
            type="Story",
            parent=parent,
            opened_at=closed_at - timedelta(days=3),
            closed_at=closed_at,
        )
    for number in range(load.runs):
        of_change = number % 5
        change = number % max(1, load.changes)
        created_at = _time(now, number, load.runs)
        # Many wait for runners, so that it is asked whether they waited for an approval.
        queued, result = 90 if number % 3 else 4, "success" if number % 10 else "failure"
        jobs = [job("test", result, queued=queued, steps=steps)]
        if of_change:
            branch = f"feature-{1_000 + change}"
            world.run(event="pull_request", branch=branch, created_at=created_at, jobs=jobs)
        else:
            world.run(sha=_merge(change + 1), created_at=created_at, jobs=jobs)
    before = now - _WINDOW - timedelta(days=1)
    ended = [deployment_status("success", after=30)]
    world.deployment(sha=_merge(0), created_at=before, statuses=ended)
    for number in range(load.deployments):
        change = (number + 1) * load.changes // load.deployments
        created_at = _time(now, change - 1, load.changes) + timedelta(seconds=30)
        world.deployment(sha=_merge(change), created_at=created_at, statuses=ended)
    return world


def _merge(number: int) -> str:
    """The commit of the first merges, of which 0 came before all."""
    return sha_of(f"merge {number}")


def _time(now: datetime, number: int, most: int) -> datetime:
    """A time in the window of the sweep, in order."""
    share = (number + 1) / (most + 1)
    return (now - _WINDOW + (_WINDOW - _DELAY) * share).replace(microsecond=0)


def _add_change(world: World, number: int, merged_at: datetime, position: int) -> None:
    world.pull_request(
        number,
        branch=f"feature-{number}",
        closes=[5_000 + position],
        opened_at=merged_at - timedelta(days=2),
        merged_at=merged_at,
        merge_commit_sha=_merge(position + 1),
        timeline=[
            happened("committed"),
            happened("review_requested", subject="bob"),
            happened("reviewed", by="bob", review="approved"),
        ],
    )


def count_requests(load: Workload, now: datetime) -> tuple[Counter[str], Counter[str]]:
    """Sweep the repository; return the requests by purpose, and what arrived by the kind of span.

    Raises:
        FailedError: the sweep failed.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeGitHub(make_world(load, now)) as github,
        Receiver() as receiver,
    ):
        command = [sys.executable, "-m", "flow_telemetry", "sweep", "--repo", NAME]
        command += ["--since", f"{int(_WINDOW.total_seconds())}s", "--sweep-runs"]
        command += ["--ledger", "ledger.json", "--otlp-endpoint", receiver.url]
        environ = {
            **{name: text for name, text in os.environ.items() if name in ("PATH", "PYTHONPATH")},
            "GITHUB_API_URL": github.url,
            "GITHUB_TOKEN": "ghs_ofTheBenchmark0123456789",
        }
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, encoding="utf-8", check=False
        )
        if done.returncode:
            raise FailedError(done.stderr)
        purposes = Counter(map(_purpose, _texts(github)))
        arrived = Counter(str(span.attributes.get("flow.entity.type")) for span in receiver.spans)
    return purposes, arrived


def _texts(github: FakeGitHub) -> Iterator[str]:
    for request in github.requests:
        query = json.loads(request.body)["query"] if request.body else ""
        yield f"{request.path} {query}"


def _purpose(text: str) -> str:
    found = (name for pattern, name in _PURPOSES if re.search(pattern, text, re.DOTALL))
    return next(found, "the repository and its rights")


def main() -> int:
    """Count and print; returns 1 if a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name, default in (("runs", 500), ("changes", 100), ("issues", 100), ("days", 35)):
        parser.add_argument(f"--{name}", type=int, default=default)
    load = Workload(**vars(parser.parse_args()))
    try:
        purposes, arrived = count_requests(load, datetime.now(timezone.utc))
    except FailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    rows, broken = [], False
    for purpose, count in sorted(purposes.items()):
        things, bar = load.of(purpose), BARS.get(purpose)
        each = f"{count / things:.2f}" if things else ""
        rows.append((purpose, f"{things:,}" if things else "", f"{count:,}", each, f"{bar or ''}"))
        broken |= bool(things and bar and count / things > bar)
    sys.stdout.write(table(("requests for", "new things", "requests", "a thing", "bar"), rows))
    sys.stdout.write(f"\nSpans that arrived: {dict(sorted(arrived.items()))}\n")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
