"""The four keys on histories as they happen: rollbacks, hotfixes, cancelled jobs, odd places."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Deployment, Run
from tests.fakes.timeline import moment
from tests.fakes.world import START, World, deployment_status, happened, job, sha_of, step
from tests.stories.points import by, names, value, values
from tests.stories.worlds import deployed
from tests.support.program import Program

BASE, ONE, TWO, THREE = (sha_of(text) for text in ("base", "one", "two", "three"))
STATUS, KIND = "deployment.status", "flow.deployment.kind"
DELIVERED = "vcs.change.id"


def hour(number: int) -> str:
    """An hour of the day on which everything happens."""
    return f"2025-11-05T{number:02}:00:00Z"


@pytest.fixture
def merges(world: World) -> None:
    """Pull requests 1, 2 and 3, merged one an hour; the base was deployed before."""
    world.history(BASE, ONE, TWO, THREE)
    elsewhere(world, BASE, hour(0))
    for number, sha in ((1, ONE), (2, TWO), (3, THREE)):
        merged(world, number, sha, number)


def merged(world: World, number: int, sha: str, at: int, **facts: Any) -> None:
    """A pull request that is merged at an hour as one commit."""
    commit = sha_of(f"commit of {number}")
    world.pull_request(
        number,
        **{"branch": f"branch-{number}", **facts},
        opened_at="2025-11-04T09:00:00Z",
        merged_at=hour(at),
        merge_commit_sha=sha,
        timeline=[happened("committed", at="2025-11-04T08:00:00Z", subject=commit)],
    )


def elsewhere(
    world: World, sha: str, at: str, *states: str, environment: str = "production", **facts: Any
) -> Deployment:
    """A deployment by an app, a minute for each status."""
    statuses = [deployment_status(state, after=60) for state in states or ("success",)]
    return world.deployment(environment, sha=sha, created_at=at, statuses=statuses, **facts)


def status_event(
    program: Program, made: Deployment, number: int = -1, run: Run | None = None, **inputs: Any
) -> None:
    """The workflow that one of the statuses of a deployment starts; ``run`` is its own run."""
    status = made.statuses[number]
    event = {
        "action": "created",
        "deployment": {"id": made.id},
        "deployment_status": {"id": status.id, "state": status.plan.state},
        "repository": {"full_name": "acme/shop"},
    }
    place = {"GITHUB_EVENT_NAME": "deployment_status"}
    if run is not None:
        place["GITHUB_RUN_ID"] = str(run.id)
    program.action(place, event=event, **inputs)


def delivered(receiver: Receiver, place: str = "production") -> list[str]:
    """The numbers of the pull requests that succeeded deployments delivered, one for each span."""
    spans = receiver.spans_named(f"deploy {place}")
    return sorted(s.attributes[DELIVERED] for s in spans if s.attributes[STATUS] == "succeeded")


# How a deployment ended.


@pytest.mark.usefixtures("merges")
def test_a_deployment_that_a_newer_push_cancelled_is_no_failure(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub leaves `failure` on it; there is nothing to restore, and the next one delivers."""
    cancelled, made = deployed(world, ONE, hour(4), "cancelled")
    assert made.statuses[-1].plan.state == "failure"
    program.export(cancelled)
    program.export(deployed(world, TWO, hour(5))[0])
    assert by(receiver, "flow.deployment.count", STATUS) == {"cancelled": 1, "succeeded": 1}
    assert not names(receiver, "flow.deployment.failures")
    assert not names(receiver, "flow.deployment.restore_time")
    spans = receiver.spans_named("deploy production")
    assert [span.status for span in spans] == ["UNSET"] * len(spans)
    assert [s.attributes[DELIVERED] for s in spans if s.attributes[STATUS] == "cancelled"] == ["1"]
    assert delivered(receiver) == ["1", "2"]
    (event,) = (
        event
        for event in receiver.events
        if event.attributes.get("github.deployment.state") == "failure"
    )
    assert event.attributes[STATUS] == "cancelled"


@pytest.mark.usefixtures("merges")
def test_a_deployment_ends_with_its_job_while_its_status_lags(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The run shows the end seconds before the deployment does."""
    run = world.run(
        workflow="Deploy",
        sha=ONE,
        created_at=hour(4),
        jobs=[job("ship", steps=[step("Roll out", 60)])],
    )
    ship = run.job("ship")
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{ship.id}"
    world.deployment(
        sha=ONE,
        created_at=ship.created_at,
        statuses=[deployment_status("in_progress", log_url=log)],
    )
    program.export(run)
    (span,) = receiver.spans_named("deploy production")
    assert span.attributes[STATUS] == "succeeded"
    assert (
        span.seconds
        == (moment(ship.completed_at or START) - moment(ship.created_at or START)).total_seconds()
    )


@pytest.mark.usefixtures("merges")
def test_only_the_first_final_status_counts(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Argo CD reports `success` at every sync; later ones are events, and `inactive` is nothing."""
    states = ("queued", "in_progress", "success", "success", "success", "failure", "inactive")
    made = elsewhere(world, ONE, hour(4), *states)
    run = world.run(event="deployment_status", sha=ONE, created_at=hour(4), jobs=[job("react")])
    for number in range(len(states)):
        status_event(program, made, number, run)
    assert value(receiver, "flow.deployment.count") == 1
    assert value(receiver, "flow.deployment.lead_time") > 0
    assert not names(receiver, "flow.deployment.failures")
    assert delivered(receiver) == ["1"]
    assert not [span for span in receiver.spans if span.name.startswith("RUN")]
    changed = [e for e in receiver.events if e.event_name == "flow.deployment.status_changed"]
    told = [
        (e.attributes["github.deployment.state"], e.attributes[STATUS])
        for e in changed
        if STATUS in e.attributes
    ]
    assert told == [("success", "succeeded")] * 3 + [("failure", "failed")]
    assert len({e.attributes["log.record.uid"] for e in changed}) == len(changed) == 6
    assert len(receiver.events_named("flow.change.delivered")) == 1


def test_a_sweep_sends_a_late_failure_as_an_event(
    program: Program, world: World, receiver: Receiver
) -> None:
    """An app notices an hour after the success that its service is down."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    world.history(ONE)
    made = world.deployment(
        sha=ONE,
        created_at=now - timedelta(minutes=90),
        statuses=[
            deployment_status("success", after=60),
            deployment_status("failure", created_at=now - timedelta(minutes=10)),
        ],
    )
    program.command("sweep", "--repo=acme/shop", "--since=1h", f"--otlp-endpoint={receiver.url}")
    (event,) = receiver.events
    assert event.event_name == "flow.deployment.status_changed"
    assert event.attributes["flow.event.id"] == str(made.statuses[-1].id)
    assert event.attributes[STATUS] == "failed"
    assert not receiver.spans
    assert not names(receiver, "flow.deployment")


# What a deployment delivers.


@pytest.mark.usefixtures("merges")
def test_what_was_there_before_a_rollback_is_not_delivered_again(
    program: Program, world: World, receiver: Receiver
) -> None:
    """One, two, back to one, three: two was delivered by its own deployment."""
    for number, sha in enumerate((ONE, TWO, ONE, THREE), 4):
        program.export(deployed(world, sha, hour(number))[0])
    assert delivered(receiver) == ["1", "2", "3"]
    assert values(receiver, "flow.deployment.changes") == [0, 1, 1, 1]


@pytest.mark.usefixtures("merges")
def test_a_hotfix_from_another_branch_hides_nothing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The hotfix was made from the base; main goes on afterwards."""
    hotfix = sha_of("hotfix")
    world.history(hotfix, after=BASE)
    program.export(deployed(world, TWO, hour(4))[0])
    program.export(deployed(world, hotfix, hour(5), branch="hotfix", ref="hotfix")[0])
    program.export(deployed(world, THREE, hour(6))[0])
    assert delivered(receiver) == ["1", "2", "3"]


@pytest.mark.usefixtures("merges")
def test_services_in_one_environment_are_places_of_their_own(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Web is broken until noon, whatever happens to the api; each delivers for itself."""
    elsewhere(world, BASE, hour(0), task="deploy:web")
    elsewhere(world, BASE, hour(0), task="deploy:api")
    web_fails = elsewhere(world, ONE, hour(4), "failure", task="deploy:web")
    api = elsewhere(world, ONE, hour(5), task="deploy:api")
    web = elsewhere(world, ONE, hour(6), task="deploy:web")
    for made in (web_fails, api, web):
        status_event(program, made)
    assert by(receiver, "flow.deployment.restore_time", "flow.deployment.task") == {
        "deploy:web": 2 * 3600
    }
    assert delivered(receiver) == ["1", "1"]


@pytest.mark.usefixtures("merges")
def test_three_regions_of_one_rollout_deliver_each_pull_request_once(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Three jobs deploy to one environment; two begin in the same second."""
    regions = ("eu", "us", "asia")
    run = world.run(
        workflow="Deploy",
        sha=TWO,
        created_at=hour(4),
        jobs=[
            job(name, after=n // 2, steps=[step("Roll out", 60)]) for n, name in enumerate(regions)
        ],
    )
    for name in regions:
        made_by(world, run, name)
    program.export(run)
    assert delivered(receiver) == ["1", "2"]
    assert value(receiver, "flow.deployment.count") == 3
    assert sum(values(receiver, "flow.deployment.changes")) == 2


def made_by(world: World, run: Run, name: str, url: str = "", **facts: Any) -> Deployment:
    """The deployment that a job of a run made."""
    ship = run.job(name)
    log = url or f"https://github.com/acme/shop/actions/runs/{run.id}/job/{ship.id}"
    end = moment(ship.completed_at or START) + timedelta(seconds=2)
    statuses = [deployment_status("success", created_at=end, log_url=log)]
    return world.deployment(sha=run.sha, created_at=ship.created_at, statuses=statuses, **facts)


def branch_world(world: World, *, merge: bool) -> None:
    """Pull request 4, open since the morning; with ``merge`` squashed into main at 6 o'clock."""
    own = [sha_of("branch 1"), sha_of("branch 2")]
    if not world.pull_requests or world.pull_requests[-1].number != 4:
        world.history(*own, after=THREE)
    squashed: dict[str, Any] = {}
    if merge:
        world.history(sha_of("squash"), after=THREE)
        squashed = {"merged_at": hour(6), "merge_commit_sha": sha_of("squash")}
    world.pull_request(
        4,
        branch="try-first",
        opened_at="2025-11-05T03:30:00Z",
        commits=own[:1],
        sha=own[1],
        timeline=[happened("committed", at="2025-11-05T03:00:00Z", subject=own[0])],
        **squashed,
    )


@pytest.mark.usefixtures("merges")
def test_a_pull_request_is_delivered_from_its_branch_before_the_merge(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Deployed twice while it is open, and once after the merge: the first one delivers it."""
    program.export(deployed(world, THREE, hour(3))[0])
    branch_world(world, merge=False)
    for number, name in ((4, "branch 1"), (5, "branch 2")):
        run, _ = deployed(
            world,
            sha_of(name),
            hour(number),
            event="workflow_dispatch",
            branch="try-first",
            ref="try-first",
        )
        program.export(run)
    assert delivered(receiver) == ["1", "2", "3", "4"]
    branch_world(world, merge=True)
    program.export(deployed(world, sha_of("squash"), hour(7))[0])
    assert delivered(receiver) == ["1", "2", "3", "4"]
    first = receiver.spans_named("deploy production")[-1]
    assert first.attributes["vcs.ref.head.revision"] == sha_of("branch 1")


@pytest.mark.parametrize(
    "form",
    [
        "runs/{job}?check_suite_focus=true",
        "runs/{run}",
        "runs/{run}/jobs/{job}",
        "actions/runs/{run}/jobs/{job}",
    ],
)
@pytest.mark.usefixtures("merges")
def test_old_forms_of_addresses_lead_to_the_run(
    program: Program, world: World, receiver: Receiver, form: str
) -> None:
    """GitHub has written the address of a job in several ways."""
    run = world.run(
        workflow="Deploy",
        sha=ONE,
        created_at=hour(4),
        jobs=[job("ship", steps=[step("Roll out", 60)])],
    )
    path = form.format(run=run.id, job=run.job("ship").id)
    made = made_by(world, run, "ship", f"https://github.com/acme/shop/{path}")
    program.export(run)
    assert delivered(receiver) == ["1"]
    status_event(program, made)
    spans = receiver.spans_named("deploy production")
    assert len(spans) == 2
    assert spans[0] == spans[1]


# Environments.


@pytest.mark.usefixtures("merges")
def test_a_nightly_job_that_uses_productions_secrets_changes_nothing_there(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Its success brought nothing to production, and its failure broke nothing."""
    for at, sha, state in ((4, TWO, "success"), (5, THREE, "failure")):
        program.export(deployed(world, sha, hour(at), state, event="schedule")[0])
    program.export(deployed(world, ONE, hour(6))[0])
    program.export(deployed(world, TWO, hour(7), "success", event="schedule")[0])
    program.export(deployed(world, THREE, hour(8))[0])
    assert delivered(receiver) == ["1", "2", "3"]
    assert kinds(receiver) == {"deploy": 2}
    assert not names(receiver, "flow.deployment.restore_time")
    assert not names(receiver, "flow.deployment.failures")


@pytest.mark.parametrize(
    ("environment", "inputs", "production"),
    [
        ("prod-eu", {}, True),
        ("Live", {}, True),
        ("eu/production", {}, True),
        ("pre-prod", {}, False),
        ("production-preview", {}, False),
        ("olive", {}, False),
        ("blue", {"production_environments": "blue,green"}, True),
        ("Production", {"production_environments": "*,!prod*"}, False),
    ],
)
def test_production_by_another_name(
    program: Program,
    world: World,
    receiver: Receiver,
    environment: str,
    inputs: dict[str, Any],
    production: bool,
) -> None:
    """By the words of its name, or as the user says."""
    world.history(ONE)
    status_event(program, elsewhere(world, ONE, hour(4), environment=environment), **inputs)
    (point,) = receiver.points_of("flow.deployment.count")
    assert point.attributes["flow.deployment.production"] is production
    assert point.attributes["deployment.environment.name"] == environment


def test_only_chosen_environments_count(program: Program, world: World, receiver: Receiver) -> None:
    """One that only holds secrets is excluded."""
    world.history(ONE)
    for environment in ("secrets", "production"):
        made = elsewhere(world, ONE, hour(4), environment=environment)
        status_event(program, made, deployment_environments="!secrets")
    assert by(receiver, "flow.deployment.count", "deployment.environment.name") == {"production": 1}


def test_transient_environments_share_one_series(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A preview for each branch; the span keeps GitHub's own name."""
    world.history(ONE)
    merged(world, 1, ONE, 1)
    for name in ("Preview / fix-the-login", "Preview / new-cart"):
        made = elsewhere(
            world, ONE, hour(4), environment=name, facts={"transient_environment": True}
        )
        status_event(program, made)
    assert by(receiver, "flow.deployment.count", "deployment.environment.name") == {
        "(transient)": 2
    }
    assert receiver.spans_named("deploy Preview / new-cart")


# Repairs.


def kinds(receiver: Receiver) -> dict[object, float]:
    """The number of deployments of each kind."""
    return by(receiver, "flow.deployment.count", KIND)


@pytest.mark.usefixtures("merges")
def test_a_rollback_is_one(program: Program, world: World, receiver: Receiver) -> None:
    """It names the pull requests that it takes back, as failed changes of its own."""
    for number, sha in enumerate((ONE, THREE, ONE), 4):
        program.export(deployed(world, sha, hour(number))[0])
    assert kinds(receiver) == {"deploy": 2, "rollback": 1}
    assert by(receiver, "flow.deployment.remediations", KIND) == {"rollback": 1}
    assert value(receiver, "flow.deployment.failed_changes") == 2
    (event,) = (e for e in receiver.events if "flow.deployment.failed_changes" in e.attributes)
    assert event.attributes["flow.deployment.failed_changes"] == ["2", "3"]
    assert event.attributes[KIND] == "rollback"


@pytest.mark.parametrize(
    ("commits", "states", "expected", "repairs"),
    [
        ((ONE, ONE), ("success", "success"), {"deploy": 1, "redeploy": 1}, {}),
        ((ONE, ONE), ("failure", "success"), {"deploy": 1, "redeploy": 1}, {"redeploy": 1}),
        ((ONE, ONE), ("cancelled", "success"), {"deploy": 1, "redeploy": 1}, {}),
        (
            (ONE, TWO, ONE),
            ("success", "failure", "success"),
            {"deploy": 2, "rollback": 1},
            {"rollback": 1},
        ),
        ((ONE, TWO, ONE, TWO), ("success",) * 4, {"deploy": 3, "rollback": 1}, {"rollback": 1}),
        ((ONE, TWO), ("failure", "success"), {"deploy": 2}, {}),
    ],
)
@pytest.mark.usefixtures("merges")
def test_what_kind_of_deployment_it_is(
    program: Program,
    world: World,
    receiver: Receiver,
    commits: Sequence[str],
    states: Sequence[str],
    expected: dict[str, float],
    repairs: dict[str, float],
) -> None:
    """The same commit again, an earlier one, a newer one."""
    for number, (sha, state) in enumerate(zip(commits, states, strict=True), 4):
        program.export(deployed(world, sha, hour(number), state)[0])
    assert kinds(receiver) == expected
    assert by(receiver, "flow.deployment.remediations", KIND) == repairs


@pytest.mark.usefixtures("merges")
def test_a_deployed_revert_repairs(program: Program, world: World, receiver: Receiver) -> None:
    """GitHub's button names the branch after the pull request that is reverted."""
    undo = sha_of("undo")
    world.history(undo, after=THREE)
    merged(world, 5, undo, 6, branch="revert-3-branch-3", title='Revert "Add the feature"')
    program.export(deployed(world, THREE, hour(4))[0])
    program.export(deployed(world, undo, hour(7))[0])
    assert by(receiver, "flow.deployment.remediations", KIND) == {"revert": 1}
    reverts = {
        span.attributes["flow.change.reverts"]
        for span in receiver.spans
        if "flow.change.reverts" in span.attributes
    }
    assert reverts == {"3"}


# Lead time.


@pytest.mark.parametrize(("inputs", "days"), [({}, 9), ({"lead_time_from": "committer"}, 0)])
def test_a_rebase_does_not_shorten_the_lead_time(
    program: Program, world: World, receiver: Receiver, inputs: dict[str, Any], days: int
) -> None:
    """The author's date stays; the committer's becomes that of the rebase."""
    world.history(BASE, ONE)
    elsewhere(world, BASE, hour(0))
    rebased = happened(
        "committed",
        at="2025-11-05T03:49:00Z",
        subject=sha_of("rebased"),
        facts={
            "author": {"name": "a", "email": "a@example.com", "date": "2025-10-27T04:01:00Z"},
        },
    )
    world.pull_request(
        1,
        opened_at="2025-10-28T09:00:00Z",
        merged_at=hour(3),
        merge_commit_sha=ONE,
        timeline=[rebased],
    )
    status_event(program, elsewhere(world, ONE, hour(4)), **inputs)
    lead_time = value(receiver, "flow.deployment.lead_time")
    assert lead_time == days * 24 * 3600 + (0 if days else 12 * 60)
