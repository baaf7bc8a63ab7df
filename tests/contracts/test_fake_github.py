"""The fake GitHub answers as GitHub describes, and pages and refuses as GitHub does."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from tests.contracts.errors import ContractError
from tests.contracts.openapi import (
    operations,
    redirects,
    template_of,
    undescribed,
    validate,
)
from tests.fakes import comments
from tests.fakes.faults import (
    altered,
    cut_off,
    drop,
    html,
    redirect,
    reset,
    status,
    truncated,
)
from tests.fakes.github import FakeGitHub, secondary_rate_limit
from tests.fakes.graphql_points import points_of
from tests.fakes.world import (
    NO_RUNNER,
    SELF_HOSTED,
    ZERO_TIME,
    Run,
    World,
    annotation,
    carried_over,
    deployment_status,
    happened,
    job,
    moment,
    sha_of,
    step,
    uses,
)


def rich_world() -> World:
    """A world in which everything that the fake can tell has happened at least once."""
    world = World("acme/shop")
    world.repository("mallory/shop", fork=True, owner_type="User")
    world.pull_request(123, branch="feature", labels=["bug"], sha=sha_of("feature"))
    world.pull_request(124, branch="fix", head_repository="mallory/shop", draft=True)
    world.pull_request(
        125, head_repository=None, closed_at="2026-11-24T03:00:00Z", author="mallory"
    )
    issues_in(world)
    world.pull_request(
        126,
        branch="done",
        closes=[17],
        timeline=[
            happened("committed", subject=sha_of("two")),
            happened("review_requested", subject="bob"),
            happened("review_requested", subject="platform", team=True, by=None),
            happened("commented", by=None),
            happened("reviewed", id=501, by="bob", review="changes_requested"),
            happened("review_dismissed", id=501),
            happened("reviewed", by="carol", review="approved"),
            happened("added_to_merge_queue"),
        ],
        merged_at="2026-11-24T03:30:00Z",
        merge_commit_sha=sha_of("merge"),
        commits=[sha_of("one"), sha_of("two")],
    )
    comments.add(world, 123, "Looks good", author="alice")
    world.file(".github/workflows/ci.yml", "on: push", at=sha_of("merge"))
    first = world.run(
        event="pull_request",
        branch="feature",
        referenced_workflows=[uses("acme/ci/.github/workflows/test.yml@v1", ref="refs/tags/v1")],
        jobs=[
            job("build", queued=5, steps=[step("Checkout", 2), step("Compile", 30)]),
            job(
                "test (3.12)",
                "failure",
                runner=SELF_HOSTED,
                steps=[
                    step("Run pytest", 8, "failure"),
                    step("Upload", conclusion="skipped", number=9),
                    step("Post", -1),
                    step("Lost", started_at=ZERO_TIME, completed_at=None),
                ],
                annotations=[annotation("Process completed with exit code 1.", line=7)],
            ),
            job("deploy", "skipped"),
            job("never ran", "cancelled", runner=NO_RUNNER, seconds=-1),
        ],
    )
    world.rerun(first, jobs=[carried_over(first.job("build")), job("test (3.12)")])
    world.run(
        event="push",
        branch=None,
        head_repository="mallory/shop",
        jobs=[
            job("build", None, steps=[step("Checkout"), step("Compile", conclusion=None)]),
            job("test", status="queued"),
        ],
    )
    world.artifact("coverage", {"coverage.json": "{}"}, run=first.id)
    world.artifact("coverage", {"coverage.json": "{}"}, run=world.attempts[-1].id, expired=True)
    world.artifact("old", b"", run=first.id, facts={"workflow_run": None, "expires_at": None})
    world.logs({"0_build.txt": "log"}, run=first.id)
    world.history(sha_of("base"), sha_of("merge"))
    world.deployment(
        sha=sha_of("merge"),
        statuses=[deployment_status("in_progress"), deployment_status("success", after=60)],
    )
    return world


def issues_in(world: World) -> None:
    """Add an epic with a story, to which everything happened that an issue can tell of."""
    world.issue(42, "Sell abroad", type="Epic")
    world.issue(9, author="dependabot[bot]")
    world.issue(
        17,
        type="Story",
        parent=42,
        labels=["money"],
        assignees=["bob"],
        closed_at="2026-11-24T03:30:00Z",
        timeline=[
            happened("labeled", subject="money"),
            happened("assigned", subject="bob", by=None),
            happened("blocked_by_added", subject="acme/shop#9"),
            happened("project_v2_item_status_changed", subject="In Progress", before="Todo"),
            happened("unlabeled", subject="old"),
            happened("unassigned", subject="carol"),
            happened("reopened", by=None),
        ],
    )


def every_path(world: World) -> list[str]:
    """One path at least for every operation, and one for every kind of thing in the world."""
    runs = {run.id: run for run in world.attempts}
    repository = "/repos/acme/shop"
    actions = f"{repository}/actions/runs"
    jobs = [each for run in world.attempts for each in run.jobs]
    return [
        repository,
        "/repos/mallory/shop",
        "/orgs/acme/repos",
        "/installation/repositories",
        actions,
        f"{repository}/actions/workflows/ci.yml/runs?event=push",
        *(f"{actions}/{run}" for run in runs),
        *(f"{actions}/{run.id}/attempts/{run.attempt}" for run in world.attempts),
        *(f"{actions}/{run.id}/attempts/{run.attempt}/jobs" for run in world.attempts),
        *(f"{actions}/{run}/jobs?filter={which}" for run in runs for which in ("latest", "all")),
        f"{repository}/actions/artifacts?name=coverage",
        *(f"{actions}/{run}/artifacts" for run in runs),
        *(f"{repository}/actions/jobs/{each.id}" for each in jobs),
        *(f"{repository}/check-runs/{each.id}/annotations" for each in jobs),
        f"{repository}/pulls?state=all",
        f"{repository}/issues?state=all",
        *(f"{repository}/pulls/{pull.number}" for pull in world.pull_requests),
        *(f"{repository}/issues/{issue.number}" for issue in world.issues),
        f"{repository}/issues/126",
        f"{repository}/issues/126/timeline",
        f"{repository}/issues/17/timeline",
        f"{repository}/issues/123/comments",
        f"{repository}/commits/{sha_of('merge')}/pulls",
        f"{repository}/contents/.github/workflows/ci.yml?ref={sha_of('merge')}",
        f"{repository}/contents/.github/workflows",
        f"{repository}/compare/{sha_of('base')}...{sha_of('merge')}",
        f"{repository}/deployments?environment=production",
        *(f"{repository}/deployments/{made.id}" for made in world.deployments),
        *(f"{repository}/deployments/{made.id}/statuses" for made in world.deployments),
    ]


def test_every_answer_is_what_github_describes() -> None:
    """Each route answers with all that GitHub's schema requires, and with nothing it lacks."""
    world = rich_world()
    asked = set()
    with FakeGitHub(world) as github:
        for path in every_path(world):
            bare = path.partition("?")[0]
            headers = {"Authorization": "Bearer ghs_ofAnInstallation"}
            payload = requests.get(github.url + path, headers=headers, timeout=5).json()
            validate("GET", bare, payload)
            assert undescribed("GET", bare, payload) == set()
            asked.add(("GET", template_of("GET", bare)))
        for method, below in (("POST", "issues/123/comments"), ("PATCH", "issues/comments/{}")):
            path = f"/repos/acme/shop/{below}".format(*world.comments)
            answer = requests.request(method, github.url + path, json={"body": "x"}, timeout=5)
            assert answer.status_code == {"POST": 201, "PATCH": 200}[method]
            validate(method, path, answer.json())
            assert undescribed(method, path, answer.json()) == set()
            asked.add((method, template_of(method, path)))
    assert asked == operations()


@pytest.mark.parametrize(
    ("number", "body", "code", "message"),
    [
        (999, {"body": "x"}, 404, "Not Found"),
        (123, {"body": "  "}, 422, "Body cannot be blank"),
        (123, {"body": "x" * 65_537}, 422, "Body is too long (maximum is 65536 characters)"),
        (124, {"body": "x"}, 403, "Unable to create comment because issue is locked."),
    ],
)
def test_comments_are_refused(number: int, body: Any, code: int, message: str) -> None:
    """And then there is none."""
    world = rich_world()
    world.locked.add(124)
    before = dict(world.comments)
    with FakeGitHub(world) as github:
        url = f"{github.url}/repos/acme/shop/issues/{number}/comments"
        answer = requests.post(url, json=body, timeout=5)
        assert (answer.status_code, message in answer.json()["message"]) == (code, True)
    assert world.comments == before


def test_a_token_that_may_not_comment_is_told_so() -> None:
    """With the permissions that would do."""
    denied = ("issues=write", "pull_requests=write")
    with FakeGitHub(rich_world(), denied=denied) as github:
        url = f"{github.url}/repos/acme/shop/issues/123/comments"
        answer = requests.post(url, json={"body": "x"}, timeout=5)
        accepted = answer.headers["x-accepted-github-permissions"]
        assert (answer.status_code, accepted) == (403, "; ".join(denied))


def test_files_are_kept_elsewhere() -> None:
    """Archives of artifacts and logs, and logs of jobs: GitHub's answer leads to another host."""
    world = rich_world()
    first = world.attempts[0]
    actions = "/repos/acme/shop/actions"
    paths = (
        f"{actions}/runs/{first.id}/attempts/1/logs",
        f"{actions}/jobs/{first.jobs[0].id}/logs",
        f"{actions}/artifacts/{world.artifacts[0].id}/zip",
    )
    with FakeGitHub(world) as github:
        for path in paths:
            answer = requests.get(github.url + path, timeout=5, allow_redirects=False)
            assert answer.status_code == 302
            assert not answer.headers["Location"].startswith(github.url)
    assert {("GET", template_of("GET", path)) for path in paths} == redirects()


def test_an_answer_that_breaks_the_contract_fails_the_test_that_asked_for_it() -> None:
    """A world that no GitHub would tell of is refused when the fake stops, naming the property."""
    world = World("acme/shop")
    run = world.run(jobs=[job("build", facts={"status": "finished"})])
    with (
        pytest.raises(ContractError, match=r"\$\.jobs\[0\]\.status"),
        FakeGitHub(world, check=validate) as github,
    ):
        requests.get(f"{github.url}/repos/acme/shop/actions/runs/{run.id}/jobs", timeout=5)


def test_the_latest_attempt_is_the_run() -> None:
    """A run without an attempt is its latest; its jobs may be those of all attempts."""
    world = rich_world()
    first, second = world.attempts[:2]
    with FakeGitHub(world, check=validate) as github:
        run = get(github, f"/actions/runs/{first.id}")
        latest = get(github, f"/actions/runs/{first.id}/jobs")
        everything = get(github, f"/actions/runs/{first.id}/jobs?filter=all")
    assert (run["run_attempt"], run["previous_attempt_url"][-11:]) == (2, "/attempts/1")
    assert [each["id"] for each in latest["jobs"]] == [each.id for each in second.jobs]
    assert everything["total_count"] == len(first.jobs) + len(second.jobs)


def test_a_carried_over_job_keeps_its_times() -> None:
    """A re-run lists the job that it took over under a new id, with the times of before."""
    first, second = rich_world().attempts[:2]
    before, after = first.job("build"), second.job("build")
    assert after.id != before.id
    assert (after.started_at, after.completed_at) == (before.started_at, before.completed_at)
    assert moment(after.started_at or "") < second.started_at


def test_lists_are_paged_with_links(world: World, github: FakeGitHub) -> None:
    """Pages hold 30 items unless asked, 100 at most, and lead to their neighbours."""
    run = world.run(jobs=[job(f"test ({n})") for n in range(250)])
    jobs = f"/actions/runs/{run.id}/attempts/1/jobs"
    assert len(get(github, jobs)["jobs"]) == 30
    assert len(get(github, f"{jobs}?per_page=1000")["jobs"]) == 100

    second = requests.get(f"{github.url}/repos/acme/shop{jobs}?per_page=100&page=2", timeout=5)
    assert list(second.links) == ["prev", "next", "last", "first"]
    third = requests.get(second.links["next"]["url"], timeout=5)
    assert third.json()["total_count"] == 250
    assert [each["name"] for each in third.json()["jobs"]][-1] == "test (249)"
    assert list(third.links) == ["prev", "first"]


def test_links_name_the_repository_by_its_number(world: World, github: FakeGitHub) -> None:
    """As on GitHub, the next page is found even where the repository's name is not repeated."""
    run = world.run(jobs=[job("build"), job("test")])
    path = f"/repos/acme/shop/actions/runs/{run.id}/jobs?per_page=1"
    link = requests.get(github.url + path, timeout=5).headers["Link"]
    assert re.match(
        rf"<{github.url}/repositories/\d+/actions/runs/{run.id}/jobs\?per_page=1&", link
    )


def test_what_does_not_exist_is_not_found(github: FakeGitHub) -> None:
    """An unknown run, repository or path answers 404 with GitHub's body."""
    for path in ("/repos/acme/shop/actions/runs/1", "/repos/acme/none", "/user"):
        answer = requests.get(github.url + path, timeout=5)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
        assert answer.json()["status"] == "404"


def test_a_missing_permission_is_named_in_a_header(world: World) -> None:
    """A token without `checks: read` reads the run, and is told what the annotations take."""
    run = world.run(jobs=[job("build", "failure")])
    with FakeGitHub(world, token="ghs_good", denied={"checks=read"}) as github:
        session = requests.Session()
        session.headers["Authorization"] = "Bearer ghs_good"
        base = f"{github.url}/repos/acme/shop"
        assert session.get(f"{base}/actions/runs/{run.id}", timeout=5).ok
        refused = session.get(f"{base}/check-runs/{run.jobs[0].id}/annotations", timeout=5)
        session.close()
        bad = requests.get(base, headers={"Authorization": "Bearer ghs_bad"}, timeout=5)
    assert refused.status_code == 403
    assert refused.json()["message"] == "Resource not accessible by integration"
    assert refused.headers["x-accepted-github-permissions"] == "checks=read"
    assert (bad.status_code, bad.json()["message"]) == (401, "Bad credentials")


def test_the_hour_s_requests_run_out(world: World) -> None:
    """The primary rate limit counts down, then refuses; a server without limits is silent."""
    with FakeGitHub(world, rate_limit=1, now=lambda: 1000.0) as github:
        first, second = (requests.get(f"{github.url}/repos/acme/shop", timeout=5) for _ in "12")
    assert first.headers["x-ratelimit-remaining"] == "0"
    assert second.headers["x-ratelimit-reset"] == "4600"
    assert (first.status_code, second.status_code) == (200, 403)
    with FakeGitHub(world, rate_limit=None) as github:
        headers = requests.get(f"{github.url}/repos/acme/shop", timeout=5).headers
    assert not [name for name in headers if name.lower().startswith("x-ratelimit")]


def test_queries_have_points_of_their_own(world: World) -> None:
    """REST's requests are not theirs; beyond the limit there is an error with the status 200."""
    with FakeGitHub(world, rate_limit=9, point_limit=1, now=lambda: 1000.0) as github:
        query = {"query": "query Viewer { viewer { login } }"}
        first, second = (
            requests.post(f"{github.url}/graphql", json=query, timeout=5) for _ in range(2)
        )
        rest = requests.get(f"{github.url}/repos/acme/shop", timeout=5)
    assert [answer.headers["x-ratelimit-resource"] for answer in (first, second, rest)] == [
        "graphql",
        "graphql",
        "core",
    ]
    assert first.headers["x-ratelimit-remaining"] == second.headers["x-ratelimit-remaining"] == "0"
    assert rest.headers["x-ratelimit-remaining"] == "8"
    assert (second.status_code, second.json()["errors"][0]["type"]) == (200, "RATE_LIMIT")


# The example of GitHub's page about limits of GraphQL, which says 51; and with a fragment.
EXAMPLE = """query ($labels: Int!) { viewer { login repositories(first: 100) { edges { node { id
  issues(first: 50) { edges { node { id labels(first: $labels) { edges { node { id name } } } } } }
} } } } }"""
SPREAD = """query Lists { viewer { repositories(first: 100) { nodes { ...Issues } } } }
fragment Issues on Repository { issues(last: 50) { nodes { labels(first: 60) { totalCount } } } }"""


@pytest.mark.parametrize(
    ("query", "points"),
    [(EXAMPLE, 51), (SPREAD, 51), ("query { viewer { login } }", 1), ("query {", 1)],
)
def test_a_query_costs_what_github_says(query: str, points: int) -> None:
    """5,101 requests are 51 points, and nothing is free."""
    assert points_of(query, {"labels": 60}) == points


def test_an_enterprise_server_has_its_own_urls() -> None:
    """Under a path prefix, on a host with a port, every URL is that server's."""
    world = World("acme/shop", server_url="https://git.acme.test:8443")
    run = world.run(jobs=[job("build")])
    with FakeGitHub(world, path_prefix="/api/v3", check=validate) as github:
        assert github.url.endswith("/api/v3")
        payload = get(github, f"/actions/runs/{run.id}")
        assert github.paths == [f"/repos/acme/shop/actions/runs/{run.id}"]
    assert payload["html_url"] == f"https://git.acme.test:8443/acme/shop/actions/runs/{run.id}"
    assert payload["jobs_url"].startswith("https://git.acme.test:8443/api/v3/repos/acme/shop/")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [124, 123]),
        ("?state=all&sort=created&direction=asc", [123, 124, 125, 126]),
        ("?state=closed&sort=updated&direction=desc", [126, 125]),
        ("?state=closed&sort=updated", [125, 126]),
        ("?state=all&head=acme:done", [126]),
        ("?state=all&head=mallory:fix", [124]),
        ("?head=feature", [124, 123]),
        ("?state=all&base=release", []),
    ],
)
def test_pull_requests_are_found_as_on_github(query: str, numbers: list[int]) -> None:
    """Lists of pull requests know state, base and head; a head without an owner counts for none."""
    with FakeGitHub(rich_world(), check=validate) as github:
        assert [pull["number"] for pull in get(github, f"/pulls{query}")] == numbers


def test_a_commit_leads_to_the_pull_request_that_brought_it() -> None:
    """Each commit of a merged pull request finds it; an unknown commit is refused."""
    with FakeGitHub(rich_world(), check=validate) as github:
        for commit in ("merge", "one", "two"):
            found = get(github, f"/commits/{sha_of(commit)}/pulls")
            assert [pull["number"] for pull in found] == [126]
        unknown = requests.get(f"{github.url}/repos/acme/shop/commits/beef/pulls", timeout=5)
    assert unknown.status_code == 422


def test_deployments_are_found_by_commit_and_environment() -> None:
    """A deployment is found by what it deployed and where to; its newest status comes first."""
    world = rich_world()
    with FakeGitHub(world, check=validate) as github:
        (found,) = get(github, f"/deployments?sha={sha_of('merge')}&environment=production")
        assert get(github, "/deployments?environment=staging") == []
        statuses = get(github, f"/deployments/{found['id']}/statuses")
    assert [each["state"] for each in statuses] == ["success", "in_progress"]


def test_runs_are_filtered_as_on_github(world: World, github: FakeGitHub) -> None:
    """Newest first; a filtered list ends at 1,000 runs, and counts them all."""
    for hour in (3, 4, 5):
        world.run(created_at=f"2026-11-24T{hour:02}:00:00Z")

    def hours(query: str) -> list[str]:
        runs = get(github, f"/actions/runs?{query}")["workflow_runs"]
        return [run["created_at"][11:13] for run in runs]

    assert hours("event=push") == ["05", "04", "03"]
    assert hours("created=2026-11-24T03:00:00Z..2026-11-24T04:00:00Z") == ["04", "03"]
    assert hours("created=>2026-11-24T04:00:00Z") == ["05"]
    assert hours("created=*..2026-11-24T03:00:00Z&status=success") == ["03"]
    assert hours("head_sha=beef") == []


def test_a_filtered_list_of_runs_ends_at_a_thousand() -> None:
    """What is beyond is counted, and on no page; without a filter there is no such end."""
    world = World("acme/shop")
    for _ in range(1001):
        world.run()
    with FakeGitHub(world) as github:
        path = "/actions/runs?per_page=100&event=push&page="
        last, beyond = (get(github, f"{path}{page}") for page in (10, 11))
        whole = get(github, "/actions/runs?per_page=100&page=11")
    assert (last["total_count"], len(last["workflow_runs"])) == (1001, 100)
    assert beyond["workflow_runs"] == []
    assert len(whole["workflow_runs"]) == 1


@pytest.mark.parametrize(
    ("base", "head", "status", "commits"),
    [
        ("one", "three", "ahead", ["two", "three"]),
        ("three", "one", "behind", []),
        ("two", "two", "identical", []),
        ("side", "three", "diverged", ["two", "three"]),
    ],
)
def test_two_commits_are_compared(
    world: World, github: FakeGitHub, base: str, head: str, status: str, commits: list[str]
) -> None:
    """A comparison holds what the head has and the base has not, oldest first."""
    world.history(sha_of("one"), sha_of("two"), sha_of("three"))
    world.history(sha_of("side"), after=sha_of("one"))
    found = get(github, f"/compare/{sha_of(base)}...{sha_of(head)}")
    assert found["status"] == status
    assert [each["sha"] for each in found["commits"]] == [sha_of(name) for name in commits]
    assert found["total_commits"] == found["ahead_by"] == len(commits)


def test_a_run_lists_what_is_open_now_and_no_forks(world: World, github: FakeGitHub) -> None:
    """A run's own list of pull requests empties when they close, and never knew forks."""
    world.repository("mallory/shop", fork=True)
    world.pull_request(1, branch="feature")
    world.pull_request(2, branch="feature", head_repository="mallory/shop")
    here = world.run(event="pull_request", branch="feature")
    fork = world.run(event="pull_request", branch="feature", head_repository="mallory/shop")
    assert numbers_in(github, here) == [1]
    assert numbers_in(github, fork) == []
    world.pull_request(1, branch="feature", closed_at="2026-11-24T04:00:00Z")
    assert numbers_in(github, here) == []


def test_the_world_moves_between_two_requests(world: World, github: FakeGitHub) -> None:
    """Steps that lag behind the runner are in the API a request later."""
    run = world.run(jobs=[job("build", None, steps=[step("Compile", conclusion=None)])])

    def move(count: int, path: str) -> None:
        if count == 2:
            world.change_job(run, "build", conclusion="success", steps=[step("Compile", 30)])

    github.on_request = move
    path = f"/actions/runs/{run.id}/jobs"
    before, after = (get(github, path)["jobs"][0] for _ in "12")
    assert (before["status"], before["steps"][0]["completed_at"]) == ("in_progress", None)
    assert (after["status"], after["steps"][0]["conclusion"]) == ("completed", "success")
    assert before["id"] == after["id"]


def test_scripted_answers_come_before_the_true_ones(world: World, github: FakeGitHub) -> None:
    """Faults are used up in order, after as many true answers as asked for."""
    github.script("/acme/shop", status(502), secondary_rate_limit(7), html(), after=1)
    answers = [requests.get(f"{github.url}/repos/acme/shop", timeout=5) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 502, 403, 200, 200]
    assert answers[2].headers["retry-after"] == "7"
    assert answers[3].headers["Content-Type"] == "text/html"


def test_a_connection_may_break_in_every_way(world: World, github: FakeGitHub) -> None:
    """Dropped, reset and cut off connections are errors of the connection, not answers."""
    for fault in (drop(), reset(), cut_off(10)):
        github.script("/acme/shop", fault)
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(f"{github.url}/repos/acme/shop", timeout=5).raise_for_status()


def test_a_body_may_be_damaged_or_wrong(world: World, github: FakeGitHub) -> None:
    """Truncated JSON arrives whole as far as HTTP can tell; a count may disagree with its list."""
    run = world.run(jobs=[job("build")])
    github.script("/jobs", truncated(20), altered(lambda payload: payload.update(total_count=2)))
    url = f"{github.url}/repos/acme/shop/actions/runs/{run.id}/jobs"
    with pytest.raises(requests.exceptions.JSONDecodeError):
        requests.get(url, timeout=5).json()
    assert requests.get(url, timeout=5).json()["total_count"] == 2


def test_a_redirect_may_lead_to_another_origin(world: World, github: FakeGitHub) -> None:
    """Where a redirect leads, what was sent there can be read."""
    with FakeGitHub(world) as other:
        github.script("/acme/shop", redirect(f"{other.url}/repos/acme/shop"))
        headers = {"Authorization": "Bearer secret"}
        requests.get(f"{github.url}/repos/acme/shop", headers=headers, timeout=5)
        assert other.paths == ["/repos/acme/shop"]
        assert "secret" not in repr(github.requests)


def get(github: FakeGitHub, path: str) -> Any:
    """Read a path below the repository, as a client without much care would."""
    answer = requests.get(f"{github.url}/repos/acme/shop{path}", timeout=5)
    answer.raise_for_status()
    return answer.json()


def numbers_in(github: FakeGitHub, run: Run) -> list[int]:
    """Read the numbers of a run's own list of pull requests."""
    return [pull["number"] for pull in get(github, f"/actions/runs/{run.id}")["pull_requests"]]
