"""Artifacts are found by name or run, and read from where GitHub keeps them."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import pytest
from tests.contracts.openapi import validate
from tests.fakes.faults import altered, drop, redirect, status
from tests.fakes.github import FakeGitHub
from tests.fakes.world import Run, World, sha_of
from tests.support.clients import client_of

from flow_telemetry.errors import AccessDeniedError, NotFoundError, PayloadError, UnavailableError
from flow_telemetry.github.artifacts import Artifact, download_artifact, list_artifacts

SHOP = "acme/shop"
MEBIBYTE = 1024 * 1024


def a_run(world: World) -> Run:
    return world.run(branch="main", sha=sha_of("base"))


def the_artifact(github: FakeGitHub) -> Artifact:
    with client_of(github) as client:
        (found,) = list_artifacts(client, SHOP)
    return found


def download(github: FakeGitHub, artifact: Artifact, limit: int = MEBIBYTE) -> bytes:
    with client_of(github) as client:
        return download_artifact(client, artifact, limit)


def test_artifacts_of_a_name_are_listed_newest_first(world: World) -> None:
    """Of a name, those of all runs; what came from a fork is marked so."""
    world.repository("mallory/shop", fork=True)
    first = a_run(world)
    fork = world.run(event="pull_request", branch="main", head_repository="mallory/shop")
    for run in (first, fork):
        world.artifact("coverage", {"a": ""}, run=run.id)
    world.artifact("other", {"a": ""}, run=first.id, expired=True)
    with FakeGitHub(world, check=validate) as github, client_of(github) as client:
        named = list_artifacts(client, SHOP, name="coverage")
        of_run = list_artifacts(client, SHOP, run_id=first.id)
    assert [(each.run_id, each.from_fork) for each in named] == [(fork.id, True), (first.id, False)]
    assert (named[1].head_branch, named[1].head_sha) == ("main", sha_of("base"))
    assert [(each.name, each.expired) for each in of_run] == [("other", True), ("coverage", False)]
    assert github.paths == [
        "/repos/acme/shop/actions/artifacts?name=coverage&per_page=100",
        f"/repos/acme/shop/actions/runs/{first.id}/artifacts?per_page=100",
    ]


def test_a_long_list_is_not_followed_without_end(world: World) -> None:
    """No more pages are asked for than the caller allows."""
    run = a_run(world)
    for number in range(250):
        world.artifact(f"part {number}", b"", run=run.id)
    with FakeGitHub(world) as github, client_of(github) as client:
        assert len(list_artifacts(client, SHOP, most_pages=2)) == 200
        assert len(list_artifacts(client, SHOP)) == 250


def test_a_list_may_hold_anything(world: World, github: FakeGitHub) -> None:
    """What is no artifact is passed over, and one of an unknown origin counts as a fork's."""
    world.artifact("coverage", b"", run=a_run(world).id)
    github.script(
        "/artifacts",
        altered(lambda payload: payload["artifacts"].extend([None, 7, {"id": "x"}, {"id": 3}])),
        altered(lambda payload: payload["artifacts"][0].update(workflow_run=None)),
    )
    assert not the_artifact(github).from_fork
    assert the_artifact(github).from_fork


def test_an_archive_is_read_from_where_it_is_kept(world: World) -> None:
    """GitHub redirects to another host, which the token does not go to."""
    world.artifact("coverage", {"coverage.json": "{}"}, run=a_run(world).id)
    with FakeGitHub(world, token="ghs_fake") as github:
        packed = download(github, the_artifact(github))
    with ZipFile(BytesIO(packed)) as archive:
        assert archive.read("coverage.json") == b"{}"
    (request,) = github.storage.requests
    assert "authorization" not in request.headers


def test_no_token_goes_beside_the_api_of_the_same_host(world: World) -> None:
    """A server that keeps its files beside its API does not get the token there either."""
    world.artifact("coverage", {"coverage.json": "{}"}, run=a_run(world).id)
    with FakeGitHub(world, path_prefix="/api/v3") as github:
        artifact = the_artifact(github)
        github.script("/zip", redirect("/storage/1", 302))
        with pytest.raises(UnavailableError, match="status 404"):
            download(github, artifact)
    assert github.requests[-1].path == "/storage/1"
    assert "authorization" not in github.requests[-1].headers


def test_a_large_archive_is_not_read(world: World, github: FakeGitHub) -> None:
    """No more is read than the caller has use for."""
    world.artifact("huge", bytes(MEBIBYTE + 1), run=a_run(world).id)
    artifact = the_artifact(github)
    assert artifact.size == MEBIBYTE + 1
    with pytest.raises(PayloadError, match="more than 1,048,576 bytes"):
        download(github, artifact)
    assert len(download(github, artifact, MEBIBYTE + 1)) == MEBIBYTE + 1


def test_an_artifact_that_expired_is_not_there(world: World, github: FakeGitHub) -> None:
    """GitHub's 410 says so."""
    world.artifact("coverage", b"", run=a_run(world).id, expired=True)
    with pytest.raises(NotFoundError, match="Artifact has expired"):
        download(github, the_artifact(github))


def test_a_missing_permission_is_named(world: World) -> None:
    """Without `actions: read` nothing is found, and the text says what to add."""
    with (
        FakeGitHub(world, denied={"actions=read"}) as github,
        client_of(github) as client,
        pytest.raises(AccessDeniedError, match="`actions: read`"),
    ):
        list_artifacts(client, SHOP)


def test_a_storage_that_fails_is_asked_again_or_named(world: World, github: FakeGitHub) -> None:
    """Its refusals are told as its own: no permission of the token would help."""
    world.artifact("coverage", {"a": "b"}, run=a_run(world).id)
    artifact = the_artifact(github)
    github.storage.script.add("/files", drop())
    assert download(github, artifact).startswith(b"PK")
    github.storage.script.add("/files", status(403, "<Error>signature expired</Error>"))
    with pytest.raises(UnavailableError, match=r"that GitHub redirects to.*status 403"):
        download(github, artifact)
