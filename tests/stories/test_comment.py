"""The comment on a pull request: one, in its place, by a program that otherwise only reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.openapi import validate, validate_request
from tests.fakes import comments
from tests.fakes.faults import Alteration, Answer, Request, cut_off, drop, redirect, status
from tests.fakes.github import FakeGitHub, secondary_rate_limit
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, annotation, happened, job, step
from tests.stories.test_slow_runs import history, matrix, of_change
from tests.support import closings
from tests.support.program import Program, Result

from flow_telemetry.github.comments import MARKER

US, BRANCH = "github-actions[bot]", "feature/pay"
HOSTILE = "@octocat ping #17 GH-17 acme/api#3 <img src=x> ![x](https://evil.example/x) `|` closes"


@pytest.fixture
def github(world: World) -> Iterator[FakeGitHub]:
    """A GitHub whose answers, and the changes that it takes, are those of its description."""
    with FakeGitHub(world, check=validate) as fake:
        yield fake
        for request in changes(fake):
            validate_request(request.method, request.path, json.loads(request.body))


@pytest.fixture
def run(world: World) -> Run:
    """A failed run of an open pull request that was reviewed after two hours."""
    world.pull_request(
        123,
        branch=BRANCH,
        opened_at="2026-11-24T00:00:00Z",
        timeline=[
            happened("review_requested", subject="bob", at="2026-11-24T00:30:00Z"),
            happened("reviewed", by="bob", review="approved", at="2026-11-24T02:30:00Z"),
        ],
    )
    return failed_run(world)


def failed_run(world: World, name: str = "Run pytest", message: str = "assert 1 == 2") -> Run:
    """Add a run of the pull request in which a step failed."""
    failed = job(
        "test",
        "failure",
        steps=[step("Install", 20), step(name, 40, "failure")],
        annotations=[annotation(message, path="tests/test_cart.py")],
    )
    return world.run(event="pull_request", branch=BRANCH, jobs=[job("lint"), failed])


def changes(github: FakeGitHub) -> list[Request]:
    """Return the requests that were to change something."""
    return [
        request
        for request in github.requests
        if request.method != "GET" and request.path != github.graphql_path
    ]


def methods(github: FakeGitHub) -> list[str]:
    return [request.method for request in changes(github)]


def bodies(world: World) -> list[str]:
    """Return the comments that we wrote, without the marker."""
    ours = [each.body for each in world.comments.values() if each.author == US]
    assert all(body.startswith(MARKER + "\n") for body in ours)
    return [body.removeprefix(MARKER + "\n") for body in ours]


def exported(program: Program, run: Run, **inputs: Any) -> Result:
    """Export the run with a comment; the export itself succeeds."""
    result = program.export(run, comment=True, **inputs)
    assert (result.status, result.outputs["status"]) == (0, "exported"), result.log
    return result


def posts(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/comments")


def test_it_tells_the_run_its_first_failure_and_the_phases(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """In a few lines, with links."""
    world.run(event="pull_request", branch=BRANCH, workflow="Lint", sha=run.sha, jobs=[job("x")])
    result = exported(program, run, trace_url="https://traces.example/{trace_id}")
    assert result.warnings == []
    (body,) = bodies(world)
    first, failure, others, phases, footer = body.split("\n\n")
    page = f"https://github.com/acme/shop/actions/runs/{run.id}"
    assert re.fullmatch(
        rf"\*\*❌ CI: failure\*\* after 1m \d+s \(\[run \d+\]\(<{page}/?[^>]*>\)\)\.", first
    )
    assert failure.startswith("First failure: [`test` / `Run pytest`](<https://github.com/")
    assert failure.endswith(r"#step:2:1>): tests/test\_cart\.py\:1\: assert 1 == 2")
    assert re.fullmatch(r"Other runs of `\w{7}`: \[Lint\]\(<https:.*>\) success \(.*\)\.", others)
    assert phases.startswith("Open for ")
    assert "awaiting review 2h 30m (" in phases
    trace = receiver.span("RUN CI").trace_id
    assert phases.endswith(f"Trace [`{trace}`](<https://traces.example/{trace}>).")
    assert footer.startswith("<sub>")
    assert methods(program.github) == ["POST"]


def test_a_slow_run_is_compared_with_the_usual_time(program: Program, world: World) -> None:
    """As in the summary of the run: how much longer it took, and where."""
    history(world)
    run = of_change(world, jobs=matrix(install=220))
    exported(program, run, compare="on")
    (body,) = bodies(world)
    compared = body.split("\n\n")[1]
    assert re.match(r"\*\*CI took 7m \d+s, usually 5m \d+s", compared), compared
    assert "+2m 40s" in compared


def test_the_next_run_updates_it(program: Program, world: World, run: Run) -> None:
    """There is one comment, whatever happens."""
    exported(program, run)
    again = world.run(event="pull_request", branch=BRANCH, jobs=[job("test")])
    exported(program, again)
    (body,) = bodies(world)
    assert body.startswith("**✅ CI: success** after ")
    assert methods(program.github) == ["POST", "PATCH"]


def test_a_closed_pull_request(program: Program, world: World) -> None:
    """Its phases are final, so a second event changes nothing."""
    world.pull_request(
        7, branch="done", opened_at="2026-11-24T00:00:00Z", merged_at="2026-11-25T00:00:00Z"
    )
    own = world.run(event="pull_request", branch="done", jobs=closings.going_on())
    for _ in range(2):
        assert closings.pull_request(program, 7, own=own, comment=True).warnings == []
    (body,) = bodies(world)
    assert body.startswith("Merged after 1d: ")
    assert methods(program.github) == ["POST"]


def test_it_is_off_by_default(program: Program, world: World, run: Run) -> None:
    """Then nothing on GitHub is changed, and nobody asks whose token it is."""
    program.export(run)
    assert changes(program.github) == []
    assert not any(b"viewer" in request.body for request in program.github.requests)


def test_without_an_endpoint_it_links_to_no_trace(program: Program, world: World, run: Run) -> None:
    """But it is written: not everybody has a backend yet."""
    result = program.export(run, comment=True, otlp_endpoint="")
    assert (result.outputs["status"], result.warnings) == ("skipped", [])
    (body,) = bodies(world)
    assert "First failure" in body
    assert "Trace" not in body


@pytest.mark.parametrize("author", ["mallory", "dependabot[bot]"])
def test_the_marker_of_somebody_else_is_not_ours(
    program: Program, world: World, run: Run, author: str
) -> None:
    """Anybody can write it, and would go on to change what stands in our name."""
    theirs = comments.add(world, 123, f"{MARKER}\nAll is well", author=author)
    exported(program, run)
    assert world.comments[theirs.id].body.endswith("All is well")
    assert len(bodies(world)) == 1


def test_a_quotation_of_the_marker_is_not_the_comment(
    program: Program, world: World, run: Run
) -> None:
    """Another step may comment as the same user."""
    comments.add(world, 123, f"> {MARKER}\n\nWhat is this?", author=US)
    exported(program, run)
    assert [each.body.startswith(MARKER) for each in world.comments.values()] == [False, True]


def test_hostile_names_mention_nobody(program: Program, world: World, run: Run) -> None:
    """Nobody is notified, no issue is linked, and no image is loaded from elsewhere."""
    hostile = failed_run(world, name=HOSTILE, message=HOSTILE)
    world.change_run(hostile, workflow=HOSTILE)
    current = world.attempts_of("acme/shop", hostile.id)[-1]
    exported(program, current)
    (body,) = bodies(world)
    outside = re.sub(r"`+ ?.*?`+(?=\])|\(<[^>]*>\)", "", body.replace("\\`", ""))
    assert "octocat" in outside
    assert not re.search(r"(?<!\\)[@#](?=\w)|\bGH-\d|<(?!/?sub>)|(?<!\\)!\[", outside), outside
    assert "evil.example" not in re.findall(r"\]\(([^)]*)", body)


@pytest.mark.parametrize("closed", [False, True], ids=["a run", "a pull request"])
def test_a_missing_permission_is_named(
    program: Program, world: World, run: Run, closed: bool
) -> None:
    """As a warning: the telemetry is exported all the same."""
    program.github.denied = {"issues=write", "pull_requests=write"}
    if closed:
        world.pull_request(7, branch="done", merged_at="2026-11-25T00:00:00Z")
    result = closings.pull_request(program, 7, comment=True) if closed else exported(program, run)
    (warning,) = result.warnings
    assert (
        f"the comment on pull request acme/shop#{7 if closed else 123} was not written" in warning
    )
    assert "the token may not write" in warning
    assert "`pull-requests: write`" in warning
    assert methods(program.github) == ["POST"]


def test_a_locked_conversation_is_told(program: Program, world: World, run: Run) -> None:
    """In GitHub's words."""
    world.locked.add(123)
    (warning,) = exported(program, run).warnings
    assert "Unable to create comment because issue is locked" in warning


def test_a_job_with_a_checkout_writes_none(
    program: Program, world: World, run: Run, tmp_path: Path
) -> None:
    """Its code could do more with a token that may write; an empty workspace is fine."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    place = {"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_WORKSPACE": str(workspace)}
    (workspace / "setup.py").touch()
    result = program.export(run, place, comment=True)
    (warning,) = result.warnings
    assert "no comment is written, because the job has files in its workspace" in warning
    assert (result.outputs["status"], changes(program.github)) == ("exported", [])
    (workspace / "setup.py").unlink()
    assert program.export(run, place, comment=True).warnings == []
    assert methods(program.github) == ["POST"]


def test_none_in_another_repository(program: Program, world: World) -> None:
    """A central workflow exports runs of many repositories, and writes in none of them."""
    world.repository("acme/api")
    world.pull_request(5, repository="acme/api", branch="fix")
    run = world.run(repository="acme/api", event="pull_request", branch="fix", jobs=[job("x")])
    result = program.action(
        mode="run", target=f"https://github.com/acme/api/actions/runs/{run.id}", comment=True
    )
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    assert "no comment" in result.log
    assert changes(program.github) == []


def test_none_for_a_run_without_a_pull_request(program: Program, world: World) -> None:
    """Such as one of a schedule."""
    run = world.run(event="schedule", jobs=[job("x")])
    assert exported(program, run).warnings == []
    assert changes(program.github) == []


def test_none_for_a_sweep(program: Program, world: World) -> None:
    """It may export any number of pull requests, which had their comments when they ended."""
    world.pull_request(7, merged_at="2026-11-24T08:00:00Z")
    result = program.action(
        {"GITHUB_EVENT_NAME": "schedule"}, since="2026-11-24T00:00:00Z", comment=True
    )
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    assert changes(program.github) == []


@pytest.mark.parametrize("lost", [cut_off(0), lambda _, real: drop()], ids=["cut off", "dropped"])
def test_a_lost_response_makes_no_second_comment(
    program: Program, world: World, run: Run, lost: Alteration
) -> None:
    """GitHub has created it: it is found before another is sent."""
    program.github.script(posts, lost)
    assert exported(program, run).warnings == []
    assert len(bodies(world)) == 1
    assert methods(program.github)[0] == "POST"
    assert methods(program.github).count("POST") == 1


@pytest.mark.parametrize("refused", [status(502), secondary_rate_limit()], ids=["502", "limit"])
def test_what_was_not_accepted_is_sent_again(
    program: Program, world: World, run: Run, refused: Answer
) -> None:
    """After GitHub's pause."""
    program.github.script(posts, refused)
    assert exported(program, run).warnings == []
    assert len(bodies(world)) == 1
    assert methods(program.github) == ["POST", "POST"]


def test_no_redirect_of_a_change_is_followed(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """Neither the token nor the text goes anywhere else."""
    program.github.script(posts, redirect(f"{receiver.url}/elsewhere"), times=None)
    (warning,) = exported(program, run).warnings
    assert "GitHub redirects the comment" in warning
    assert not any("elsewhere" in request.path for request in receiver.requests)
    assert methods(program.github) == ["POST"]


def test_it_is_found_on_a_later_page(program: Program, world: World, run: Run) -> None:
    """A busy pull request has hundreds of comments."""
    for _ in range(150):
        comments.add(world, 123, "me too", author="alice")
    exported(program, run)
    exported(program, world.run(event="pull_request", branch=BRANCH, jobs=[job("x")]))
    assert len(bodies(world)) == 1
    assert methods(program.github) == ["POST", "PATCH"]


def test_of_two_written_at_the_same_time_one_is_left(
    program: Program, world: World, run: Run
) -> None:
    """The runs of two workflows may end in the same second; the newer comment becomes a line."""

    def race(_: int, path: str) -> None:
        if path.endswith("/issues/123/comments") and not world.comments:
            comments.add(world, 123, f"{MARKER}\nof another run", author=US)

    program.github.on_request = race
    assert exported(program, run).warnings == []
    first, second = world.comments.values()
    assert "First failure" in first.body
    page = f"https://github.com/acme/shop/pull/123#issuecomment-{first.id}"
    assert second.body == f"Written at the same time as {page}, which is kept up to date."
    assert methods(program.github) == ["POST", "PATCH", "PATCH"]
    exported(program, world.run(event="pull_request", branch=BRANCH, jobs=[job("x")]))
    assert len(bodies_with_any_line_ends(world)) == 1


def test_of_too_many_comments_none_is_added(program: Program, world: World, run: Run) -> None:
    """Beyond the pages that are read, one would be added for each run."""
    for _ in range(1_000):
        comments.add(world, 123, "me too", author="alice")
    (warning,) = exported(program, run).warnings
    assert "ours is not among the first 1,000 comments" in warning
    pages = [path for path in program.github.paths if "/issues/123/comments" in path]
    assert (len(pages), changes(program.github)) == (10, [])


def test_what_cannot_be_read_is_left_out(program: Program, world: World, run: Run) -> None:
    """The result of the run is in it even without the rest."""
    program.github.script(lambda r: "head_sha=" in r.target, status(404), times=None)
    assert exported(program, run).warnings == []
    (body,) = bodies(world)
    assert "First failure" in body
    assert "ther runs" not in body


def test_an_edited_comment_is_ours_still(program: Program, world: World, run: Run) -> None:
    """A maintainer's browser sends other line ends."""
    exported(program, run)
    (ours,) = world.comments.values()
    world.comments[ours.id] = replace(ours, body=ours.body.replace("\n", "\r\n"))
    exported(program, run)
    assert len(bodies_with_any_line_ends(world)) == 1


def bodies_with_any_line_ends(world: World) -> list[str]:
    return [each.body for each in world.comments.values() if each.body.startswith(MARKER)]
