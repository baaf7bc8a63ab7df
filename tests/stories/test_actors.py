"""Input `actors`: people leave by their logins, by hashes of them, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.jira_world import JiraWorld, Person
from tests.fakes.receiver import Receiver
from tests.fakes.world import (
    World,
    annotation,
    deployment_status,
    happened,
    job,
    sha_of,
    step,
)
from tests.jira.support import TOKEN, fake
from tests.stories.worlds import BASE, BEFORE
from tests.support import closings, leaks, references
from tests.support.program import Program, Result

OPENED, MERGED = "2026-11-02T08:00:00Z", "2026-11-04T08:00:00Z"
MERGE = sha_of("merge of 123")
# Everybody's login begins so, and nothing else does.
PERSON = "person-"
JANE, JACK = (Person(f"{PERSON}{word}", f"{PERSON}{word} Doe") for word in ("jane", "jack"))
PEOPLE = {f"{PERSON}{word}" for word in ("author", "bob", "carol", "dave", "erin", "merger", "ops")}


def hash_of(login: str) -> str:
    """A login as `actors: hash` has it, spelled out here so that no test asks the program."""
    return hashlib.sha256(login.encode()).hexdigest()[:16]


@pytest.fixture(autouse=True)
def _people(world: World) -> None:
    """A pull request, the issue that it closes, and a deployment, by a person for each role."""
    at_nine = "2026-11-02T09:00:00Z"
    world.history(BASE, MERGE)
    world.deployment(sha=BASE, created_at=BEFORE, statuses=[deployment_status("success")])
    world.issue(
        17,
        type="Story",
        author="person-author",
        assignees=["person-dave"],
        opened_at=OPENED,
        closed_at=MERGED,
        timeline=[
            happened("assigned", at=at_nine, by="person-erin", subject="person-dave"),
            happened("commented", at="2026-11-02T10:00:00Z", by="person-bob"),
            happened("closed", at=MERGED, by="person-merger"),
        ],
    )
    world.pull_request(
        123,
        author="person-author",
        merged_by="person-merger",
        merge_commit_sha=MERGE,
        closes=[17],
        opened_at=OPENED,
        merged_at=MERGED,
        timeline=[
            happened("committed", at="2026-11-02T07:50:00Z", by="person-author"),
            # Asked twice within one second: the second one's reference ends in a number.
            happened("review_requested", at=at_nine, by="person-author", subject="person-bob"),
            happened("review_requested", at=at_nine, by="person-erin", subject="person-bob"),
            happened("review_requested", at=at_nine, by="person-author", subject="person-carol"),
            happened("assigned", at=at_nine, by="person-author", subject="person-dave"),
            happened("reviewed", at="2026-11-03T07:00:00Z", by="person-bob", review="approved"),
            happened(
                "reviewed", at="2026-11-03T08:00:00Z", by="person-carol", review="changes_requested"
            ),
            happened("reviewed", at="2026-11-03T09:00:00Z", by="person-carol", review="approved"),
        ],
    )


def everything_of(program: Program, **inputs: Any) -> Iterator[Result]:
    """What the pull request, the issue, a failed run of it and its deployment come to."""
    world = program.github.world
    with_log = {"log_level": "debug", **inputs}
    yield closings.pull_request(program, 123, **with_log)
    yield closings.issue(program, "acme/shop#17", trace_scope="item", **with_log)
    failed = job(
        "test",
        "failure",
        steps=[step("Run pytest", 20, "failure")],
        annotations=[annotation("assert 1 == 2")],
    )
    run = world.run(
        event="pull_request",
        branch="feature",
        actor="person-author",
        triggering_actor="person-erin",
        created_at="2026-11-03T10:00:00Z",
        jobs=[failed],
    )
    yield program.export(run, **with_log)
    made = world.deployment(
        sha=MERGE,
        creator="person-ops",
        created_at="2026-11-04T09:00:00Z",
        statuses=[
            deployment_status("in_progress", creator="person-ops"),
            deployment_status("success", creator="person-ops"),
        ],
    )
    payload = {
        "deployment": {"id": made.id},
        "deployment_status": {"state": "success"},
        "repository": {"full_name": "acme/shop"},
    }
    place = {"GITHUB_EVENT_NAME": "deployment_status", "GITHUB_ACTOR": "person-ops"}
    yield program.action(place, event=payload, **with_log)


def left_by(program: Program, receiver: Receiver, **inputs: Any) -> str:
    """All that left for all of them, which all went well."""
    results = list(everything_of(program, **inputs))
    assert [(each.warnings, each.outputs["status"]) for each in results] == [([], "exported")] * 4
    return "\n".join(leaks.everything(each, receiver) for each in results)


def test_by_default_people_leave_by_their_logins(program: Program, receiver: Receiver) -> None:
    """This is what the others are measured by: each of these people shows somewhere."""
    left = left_by(program, receiver)
    assert {login for login in PEOPLE if login in left} == PEOPLE


@pytest.mark.parametrize("actors", ["hash", "none"])
def test_no_login_leaves_anywhere(program: Program, receiver: Receiver, actors: str) -> None:
    """In no span, record, point, summary, annotation, output or line of the log."""
    assert PERSON not in left_by(program, receiver, actors=actors)
    assert receiver.events
    assert receiver.metrics


def test_a_hash_is_the_same_everywhere(program: Program, receiver: Receiver) -> None:
    """So that a backend can still tell how many people took part, and the summary says no more."""
    result = closings.pull_request(program, 123, actors="hash")
    bob, carol = hash_of("person-bob"), hash_of("person-carol")
    span = receiver.span("open until merged")
    assert span.attributes["flow.change.author"] == hash_of("person-author")
    assert span.attributes["flow.change.reviewers"] == [bob, carol]
    reviews = receiver.events_named("flow.change.reviewed")
    assert [each.attributes["flow.actor.login"] for each in reviews] == [bob, carol, carol]
    assert f"| approved | {bob} |" in result.summary
    assert f" approved by {bob}\n" in result.log


def test_with_none_nobody_is_left_but_the_kinds(program: Program, receiver: Receiver) -> None:
    """Whether a person, a bot or an agent did it names nobody."""
    closings.pull_request(program, 123, actors="none")
    span = receiver.span("open until merged")
    assert "flow.change.author" not in span.attributes
    assert "flow.change.reviewers" not in span.attributes
    assert span.attributes["flow.change.author.kind"] == "human"
    (merge,) = receiver.events_named("flow.change.merged")
    assert merge.attributes["flow.actor.kind"] == "human"
    assert "flow.actor.login" not in merge.attributes


# What names people besides the fields for them.
WRITTEN = (
    "Thanks to @person-stranger and person-author",
    "Reported by person-canary@mail.example",
    "Co-authored-by: Person <12+person-carol@users.noreply.github.com>",
    "https://github.com/person-author.png of PERSON-AUTHOR",
)


@pytest.mark.parametrize("actors", ["hash", "none"])
@pytest.mark.parametrize("text", WRITTEN)
def test_titles_branches_and_messages_name_nobody_either(
    program: Program, world: World, receiver: Receiver, text: str, actors: str
) -> None:
    """Nor do addresses in them, of e-mail, profile or picture; a fork's owner neither."""
    world.repository("person-author/shop", fork=True, owner_type="User")
    pull = world.pull_request(
        124,
        title=text,
        message=text,
        branch="person-author/fix",
        head_repository="person-author/shop",
        author="person-author",
        merged_at=MERGED,
        timeline=[
            happened("reviewed", at="2026-11-03T07:00:00Z", by="person-bob", review="approved"),
            happened("reviewed", at="2026-11-03T07:10:00Z", by="person-carol", review="approved"),
        ],
    )
    run = world.run(
        event="pull_request",
        branch=pull.plan.branch,
        head_repository="person-author/shop",
        actor="person-author",
        title=text.replace("person-bob", "person-author").replace("person-carol", "PERSON-author"),
        jobs=[job("test", "failure", steps=[step("pytest", 9, "failure")])],
    )
    results = [
        program.export(run, actors=actors, log_level="debug"),
        closings.pull_request(program, 124, actors=actors, log_level="debug"),
    ]
    assert [each.outputs["status"] for each in results] == ["exported"] * 2
    for each in results:
        assert PERSON not in leaks.everything(each, receiver).lower()
    branch = receiver.span("RUN CI").attributes["vcs.ref.head.name"]
    assert branch == f"{'***' if actors == 'none' else hash_of('person-author')}/fix"


@pytest.mark.parametrize("actors", ["hash", "none"])
@pytest.mark.parametrize(
    "branch", ["person-author-patch-1", "fix-for-person-bob", "x_person-bob_y"]
)
def test_a_branch_that_is_called_after_somebody_names_nobody(
    program: Program, world: World, receiver: Receiver, branch: str, actors: str
) -> None:
    """GitHub's editor calls it after its author; also where a merge tells of it."""
    world.pull_request(
        124,
        branch=branch,
        author="person-author",
        merged_at=MERGED,
        message=f"Merge branch 'main' into {branch}",
        timeline=[
            happened("reviewed", at="2026-11-03T07:00:00Z", by="person-bob", review="approved")
        ],
    )
    run = world.run(
        branch=branch,
        actor="person-author",
        triggering_actor="person-bob",
        title=f"Merge pull request #124 from acme/{branch}",
    )
    results = [
        program.export(run, actors=actors, log_level="debug"),
        closings.pull_request(program, 124, actors=actors, log_level="debug"),
    ]
    for each in results:
        assert PERSON not in leaks.everything(each, receiver)
    (person,) = {login for login in PEOPLE if login in branch}
    shown = branch.replace(person, hash_of(person) if actors == "hash" else "***")
    for name in ("RUN CI", "open until merged"):
        assert receiver.span(name).attributes["vcs.ref.head.name"] == shown


@pytest.mark.parametrize("text", ["Bump @acme/ui to v2", "actions/checkout@v4", "a@b", "author"])
def test_what_names_nobody_stays(
    program: Program, world: World, receiver: Receiver, text: str
) -> None:
    """A package's scope, a version, a word."""
    world.pull_request(124, title=text, author="person-author", merged_at=MERGED)
    closings.pull_request(program, 124, actors="none")
    assert receiver.span("open until merged").attributes["vcs.change.title"] == text


def test_the_owner_of_the_repository_is_its_name(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Whoever owns it is in each of its addresses."""
    run = world.run(actor="acme", branch="acme/fix")
    program.export(run, actors="none")
    span = receiver.span("RUN CI")
    assert span.resource["vcs.owner.name"] == "acme"
    assert "github.actor" not in span.attributes
    assert span.attributes["vcs.ref.head.name"] == "acme/fix"


@pytest.mark.parametrize("actors", ["hash", "none"])
def test_whom_a_request_was_about_still_tells_requests_apart(
    program: Program, receiver: Receiver, actors: str
) -> None:
    """The reference of a request ends in a hash either way, and in its number where it is one."""
    closings.pull_request(program, 123, actors=actors)
    asked = f"{references.pull(123)}#event:review_requested:2026-11-02T09:00:00Z:"
    bob, carol = hash_of("person-bob"), hash_of("person-carol")
    requests = receiver.events_named("flow.change.review_requested")
    uids = {each.attributes["log.record.uid"].removeprefix(asked) for each in requests}
    assert uids == {bob, f"{bob}:2", carol}


@pytest.mark.parametrize("actors", ["login", "hash", "none"])
def test_people_decide_about_phases_whatever_is_shown(
    program: Program, receiver: Receiver, actors: str
) -> None:
    """That it was bob who approved and carol who asked for changes counts before it is hidden."""
    closings.pull_request(program, 123, actors=actors)
    phases = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "phase"]
    assert [span.name for span in sorted(phases, key=lambda span: span.start)] == [
        "awaiting review",
        "awaiting merge",
        "changes requested",
        "awaiting merge",
    ]


@pytest.mark.parametrize("actors", ["hash", "none"])
def test_a_live_event_has_the_same_reference(
    program: Program, world: World, receiver: Receiver, actors: str
) -> None:
    """As under `events: completed`, so that a repeat can still be dropped."""
    pull = next(each for each in world.pull_requests if each.number == 123)
    own = world.run(workflow="Flow telemetry", event="pull_request", jobs=closings.going_on())
    event = events.pull_request(world, pull, "review_requested")
    event["pull_request"]["updated_at"] = "2026-11-02T09:00:00Z"
    event["requested_reviewer"] = {"login": "person-carol"}
    result = program.inside(own, closings.OUR_JOB, event=event, events="live", actors=actors)
    (live,) = receiver.events
    asked = f"{references.pull(123)}#event:review_requested:2026-11-02T09:00:00Z:"
    assert live.attributes["log.record.uid"] == asked + hash_of("person-carol")
    assert PERSON not in leaks.everything(result, receiver)


@pytest.mark.parametrize("cloud", [True, False], ids=["Cloud", "Data Center"])
@pytest.mark.parametrize("actors", ["login", "hash", "none"])
def test_people_of_jira_leave_in_the_same_way(
    program: Program, receiver: Receiver, actors: str, *, cloud: bool
) -> None:
    """Whatever Jira calls them: by name, key, display name or account id."""
    tracked = JiraWorld()
    story = tracked.issue("ACME-57", summary="Pay by card", reporter=JACK)
    story.assign(JANE, at="2026-11-02T08:00:00Z", by=JACK)
    story.comment(at="2026-11-02T09:00:00Z", by=JANE)
    story.move("Done", at="2026-11-06T08:00:00Z", by=JANE, resolution="Done")
    with fake(tracked, cloud=cloud) as jira:
        result = program.action(
            mode="item",
            work_item_key="ACME-57",
            trace_scope="item",
            actors=actors,
            log_level="debug",
            jira_url=jira.url,
            jira_email=jira.email,
            jira_token=TOKEN,
        )
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert receiver.events_named("flow.work_item.assigned")
    assert (PERSON in leaks.everything(result, receiver)) is (actors == "login")


def test_requested_reviewers_of_a_phase_are_hashed_one_by_one(
    program: Program, receiver: Receiver
) -> None:
    """As those who reviewed, so that both can be compared."""
    closings.pull_request(program, 123, actors="hash")
    wanted = "flow.phase.requested_reviewers"
    phases = {
        span.name: span.attributes for span in receiver.spans if "flow.phase" in span.attributes
    }
    bob, carol = hash_of("person-bob"), hash_of("person-carol")
    assert phases["awaiting review"][wanted] == [bob, carol]
    assert phases["awaiting review"]["flow.phase.waiting_for"] == "reviewer"
    assert wanted not in phases["changes requested"]
    assert phases["changes requested"]["flow.phase.waiting_for"] == "author"
