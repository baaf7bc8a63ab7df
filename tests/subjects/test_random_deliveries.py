"""Random histories of deployments: each pull request once for each place, whatever happened.

The histories hold rollbacks, hotfixes from branches, deployments of open pull requests, cancelled
and failed jobs, apps that repeat their statuses, several places, and rollouts to several regions.
Each deployment is exported at once or at the very end.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.fakes import records
from tests.fakes.github import FakeGitHub
from tests.fakes.timeline import moment
from tests.fakes.world import START, World, deployment_status, happened, job, sha_of, step
from tests.support.clients import SHOP, client_of

from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.deliveries import with_deliveries
from flow_telemetry.github.deployments import read_deployment, read_outcome
from flow_telemetry.mapping.flow_metrics import delivery_measurements
from flow_telemetry.model import Deployment
from flow_telemetry.rules.deployments import delivery_result
from flow_telemetry.telemetry import Resource

PLACES = (("production", "deploy"), ("production", "deploy:web"), ("staging", "deploy"))
STATES = ("success", "success", "success", "failure", "cancelled", "repeated")
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens; ``pick`` chooses a commit or pull request, ``late`` is the export."""

    kind: str
    pick: int
    place: Place
    state: str
    late: bool


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(
            ("merge", "squash", "open", "hotfix", "latest", "latest", "older", "branch", "regions")
        ),
        st.integers(0, 50),
        st.sampled_from(PLACES[:1] * 4 + PLACES),
        st.sampled_from(STATES),
        st.booleans(),
    ),
    min_size=6,
    max_size=24,
)


@dataclass(slots=True)
class Story:
    """A world in which a history is played, and what comes of the exports."""

    world: World
    clock: datetime = START
    main: list[str] = field(default_factory=list)
    hotfixes: list[str] = field(default_factory=list)
    open_pulls: dict[int, list[str]] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    names: itertools.count[int] = field(default_factory=itertools.count)
    waiting: list[records.Deployment] = field(default_factory=list)
    exported: list[Deployment] = field(default_factory=list)

    def tick(self) -> datetime:
        """Let ten minutes pass."""
        self.clock += timedelta(minutes=10)
        return self.clock

    def commit(self, *after: str) -> str:
        """Add a commit with these parents."""
        sha = sha_of(f"commit {next(self.names)}")
        self.world.history(sha, after=after[0] if after else None)
        self.world.commits["acme/shop"][sha] = after
        return sha

    def open_pull(self) -> int:
        """Open a pull request with one commit on top of main."""
        number = next(self.numbers)
        self.open_pulls[number] = [self.commit(self.main[-1])]
        self._put(number)
        return number

    def merge(self, pick: int, *, squash: bool) -> None:
        """Merge an open pull request, or a new one."""
        number = sorted(self.open_pulls)[pick % len(self.open_pulls)] if self.open_pulls else None
        number = number or self.open_pull()
        head = self.open_pulls[number][-1]
        self.main.append(self.commit(self.main[-1], *([] if squash else [head])))
        self._put(number, merge=self.main[-1])
        del self.open_pulls[number]

    def _put(self, number: int, merge: str | None = None) -> None:
        commits = self.open_pulls[number]
        known = [p for p in self.world.pull_requests if p.number == number]
        for pull in known:
            self.world.pull_requests.remove(pull)
        self.world.pull_request(
            number,
            branch=f"branch-{number}",
            opened_at=known[0].opened_at if known else self.tick(),
            merged_at=self.tick() if merge else None,
            merge_commit_sha=merge,
            commits=commits[:-1],
            sha=commits[-1],
            timeline=[happened("committed", at=START, subject=commits[0])],
        )

    def deploy(self, sha: str, ref: str, step_: Step, jobs: int = 1) -> list[records.Deployment]:
        """Deploy a commit by the jobs of a run, or by an app that repeats its status."""
        at = self.tick()
        environment, task = step_.place
        if step_.state == "repeated":
            statuses = [deployment_status("success", after=60 + n) for n in range(3)]
            statuses.append(deployment_status("failure", after=60))
            return [
                self.world.deployment(
                    environment, sha=sha, ref=ref, task=task, created_at=at, statuses=statuses
                )
            ]
        work = [step("Roll out", 60)]
        run = self.world.run(
            sha=sha,
            created_at=at,
            jobs=[job(f"ship {n}", step_.state, after=n // 2, steps=work) for n in range(jobs)],
        )
        made = []
        for each in run.jobs:
            log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{each.id}"
            written = moment(each.completed_at or START) + timedelta(seconds=2)
            state = "success" if step_.state == "success" else "failure"
            made.append(
                self.world.deployment(
                    environment,
                    sha=sha,
                    ref=ref,
                    task=task,
                    created_at=each.created_at,
                    statuses=[deployment_status(state, created_at=written, log_url=log)],
                )
            )
        return made

    def play(self, step_: Step) -> list[records.Deployment]:
        """Let a step happen; return the deployments that it makes."""
        if step_.kind in ("merge", "squash"):
            self.merge(step_.pick, squash=step_.kind == "squash")
            return []
        if step_.kind == "open":
            self.open_pull()
            return []
        if step_.kind == "hotfix":
            sha = self.commit(self.main[step_.pick % len(self.main)])
            self.hotfixes.append(sha)
            return self.deploy(sha, "hotfix", step_)
        if step_.kind == "branch" and self.open_pulls:
            number = sorted(self.open_pulls)[step_.pick % len(self.open_pulls)]
            if step_.pick % 2:
                commits = self.open_pulls[number]
                commits.append(self.commit(commits[-1]))
                self._put(number)
            return self.deploy(self.open_pulls[number][-1], f"branch-{number}", step_)
        if step_.kind == "older":
            return self.deploy(self.main[step_.pick % len(self.main)], "main", step_)
        jobs = 3 if step_.kind == "regions" else 1
        return self.deploy(self.main[-1], "main", step_, jobs)

    def export(self, github: FakeGitHub, made: list[records.Deployment]) -> None:
        """Read deployments as an export does, in a process of its own."""
        with client_of(github) as client:
            self.exported += [self._read(client, each) for each in made]

    def _read(self, client: GitHubClient, made: records.Deployment) -> Deployment:
        found = read_outcome(client, read_deployment(client, SHOP, made.id))
        return with_deliveries(client, found)

    def contents(self, sha: str) -> set[str]:
        """Every commit that a commit contains."""
        parents = self.world.commits["acme/shop"]
        found: set[str] = set()
        waiting = [sha]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting += parents[current]
        return found


def metrics(made: Deployment) -> Counter[str]:
    """The number of points of each metric that a deployment gives."""
    resource = Resource(attributes={})
    return Counter(m.instrument.name for m in delivery_measurements(made, resource))


def order(made: Deployment) -> tuple[datetime, int]:
    """When a deployment was written to have ended."""
    return made.statuses[0].time, made.job_id or made.id


def told(*kinds: str, pick: int = 0) -> list[Step]:
    """A history in one place in which everything succeeds."""
    return [Step(kind, pick, PLACES[0], "success", late=False) for kind in kinds]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps)
@example(told("open", "branch", "squash", "latest"))
@example(told("open", "branch", "merge", "latest"))
# A hotfix on top of what main had, which itself was not deployed; then back; then main again.
@example([*told("merge", "merge"), *told("hotfix", pick=2), *told("older", "merge", "latest")])
@example(told("merge", "latest", "hotfix", "merge", "latest"))
@example([Step(k, 0, p, "success", late=False) for k in ("merge", "latest") for p in PLACES])
def test_each_pull_request_is_delivered_once_for_each_place(history: list[Step]) -> None:
    """Nothing twice, nothing lost, and nothing restored that was not broken."""
    world = World("acme/shop")
    story = Story(world)
    story.main.append(story.commit())
    with FakeGitHub(world) as github:
        first = Step("latest", 0, PLACES[0], "success", late=False)
        for place in PLACES:
            story.export(
                github,
                story.deploy(
                    story.main[0], "main", Step(first.kind, 0, place, "success", late=False)
                ),
            )
        for each in history:
            made = story.play(each)
            if each.late:
                story.waiting += made
            else:
                story.export(github, made)
        story.export(github, story.waiting[::-1])
    assert len({made.id for made in story.exported}) == len(story.exported)
    for where in PLACES:
        here = (made for made in story.exported if (made.environment, made.task) == where)
        check_place(story, sorted(here, key=order))


def check_place(story: Story, row: list[Deployment]) -> None:
    """Compare what the deployments to a place told with the commits that it had."""
    merges = {p.plan.merge_commit_sha: p for p in story.world.pull_requests if p.plan.merged_at}
    had: set[str] = set()
    delivered: list[int] = []
    broken = False
    for made in row:
        result = delivery_result(made)
        assert result is not None
        points = metrics(made)
        assert points["flow.deployment.count"] == 1
        if result.value != "success":
            broken = broken or result.value == "failure"
            assert points["flow.deployment.failures"] == (result.value == "failure")
            continue
        numbers = [change.number for change in made.delivers]
        delivered += numbers
        new = story.contents(made.sha) - had
        due = {p.number for sha, p in merges.items() if sha in new} - set(delivered)
        assert not due
        assert points["flow.deployment.restore_time"] == broken
        had |= new
        broken = False
    assert max(Counter(delivered).values(), default=1) == 1
