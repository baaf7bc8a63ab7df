"""Comments on issues and pull requests: listed the oldest first, created and updated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.fakes import accounts
from tests.fakes.accounts import Json, time_text
from tests.fakes.listing import Listing, Values
from tests.fakes.plans import RepositoryPlan
from tests.fakes.records import Comment
from tests.fakes.world import START, World

# https://github.com/orgs/community/discussions/27190 names this limit; the answer is a 422.
LONGEST = 65_536


class InvalidError(Exception):
    """GitHub's 422; the message says what is wrong with the body."""


class LockedError(Exception):
    """GitHub's 403 for a conversation that only collaborators may comment on."""


def add(world: World, number: int, body: str, *, author: str, repository: str = "") -> Comment:
    """Add a comment as GitHub would, and return it."""
    with world.lock:
        world.revision += 1
        identifier = 4_000_000_000 + len(world.comments)
        made = Comment(
            id=identifier,
            repository=repository or world.default,
            number=number,
            author=author,
            body=body,
            created_at=START,
            updated_at=START,
        )
        world.comments[identifier] = made
        return made


def listed(world: World, home: RepositoryPlan, values: Values, _: Values) -> Listing:
    """Return the comments on an issue or pull request."""
    number = _known(world, home, values)
    found = [
        each
        for each in world.comments.values()
        if (each.repository, each.number) == (home.full_name, number)
    ]
    return Listing(
        length=len(found), items=lambda part: [_encoded(world, each) for each in found[part]]
    )


def create(world: World, home: RepositoryPlan, values: Values, body: bytes, viewer: str) -> Json:
    """Add the comment of a request."""
    number = _known(world, home, values)
    if number in world.locked:
        raise LockedError("Unable to create comment because issue is locked.")
    text = _text(body)
    return _encoded(world, add(world, number, text, author=viewer, repository=home.full_name))


def update(world: World, home: RepositoryPlan, values: Values, body: bytes, _: str) -> Json:
    """Replace the text of a comment; whose it is does not matter to GitHub."""
    found = world.comments[int(values["id"])]
    if found.repository != home.full_name:
        raise KeyError(values["id"])
    world.revision += 1
    world.comments[found.id] = replace(found, body=_text(body))
    return _encoded(world, world.comments[found.id])


def _known(world: World, home: RepositoryPlan, values: Values) -> int:
    number = int(values["id"])
    known = {(pull.repository, pull.number) for pull in world.pull_requests}
    known |= {(issue.repository, issue.number) for issue in world.issues}
    if (home.full_name, number) not in known:
        raise KeyError(number)
    return number


def _text(body: bytes) -> str:
    payload: Mapping[str, Any] = json.loads(body)
    text = payload.get("body")
    if not isinstance(text, str) or not text.strip():
        raise InvalidError("Body cannot be blank")
    if len(text) > LONGEST:
        raise InvalidError(f"Body is too long (maximum is {LONGEST} characters)")
    return text


def _encoded(world: World, comment: Comment) -> Json:
    api = f"{world.api_url}/repos/{comment.repository}/issues"
    page = f"{world.server_url}/{comment.repository}/pull/{comment.number}"
    return {
        "id": comment.id,
        "node_id": f"IC_{comment.id}",
        "url": f"{api}/comments/{comment.id}",
        "html_url": f"{page}#issuecomment-{comment.id}",
        "issue_url": f"{api}/{comment.number}",
        "body": comment.body,
        "user": accounts.user(world, comment.author),
        "created_at": time_text(comment.created_at),
        "updated_at": time_text(comment.updated_at),
        "author_association": "NONE",
        "performed_via_github_app": None,
        "reactions": {
            "url": f"{api}/comments/{comment.id}/reactions",
            **dict.fromkeys(("total_count", "+1", "-1", "laugh", "hooray"), 0),
            **dict.fromkeys(("confused", "heart", "rocket", "eyes"), 0),
        },
    }
