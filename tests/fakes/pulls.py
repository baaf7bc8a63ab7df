"""Pull requests as GitHub's JSON: in lists, alone, and beside the runs that they started."""

from __future__ import annotations

from tests.fakes.accounts import Json, number_of, time_text, user, whole_repository
from tests.fakes.plans import Moment
from tests.fakes.records import PullRequest
from tests.fakes.world import World, sha_of


def pull_request(world: World, pull: PullRequest) -> Json:
    """Return a pull-request-simple, as lists give it."""
    plan = pull.plan
    api = f"{world.api_url}/repos/{pull.repository}"
    links = {
        "self": f"{api}/pulls/{pull.number}",
        "html": f"{world.server_url}/{pull.repository}/pull/{pull.number}",
        "issue": f"{api}/issues/{pull.number}",
        "comments": f"{api}/issues/{pull.number}/comments",
        "review_comments": f"{api}/pulls/{pull.number}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}",
        "commits": f"{api}/pulls/{pull.number}/commits",
        "statuses": f"{api}/statuses/{pull.sha}",
    }
    return {
        "url": links["self"],
        "id": pull.id,
        "node_id": f"PR_{pull.id}",
        "html_url": links["html"],
        "diff_url": f"{links['html']}.diff",
        "patch_url": f"{links['html']}.patch",
        **{f"{name}_url": href for name, href in links.items() if name not in ("self", "html")},
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": plan.title,
        "user": user(world, plan.author),
        "body": plan.body,
        "created_at": time_text(pull.opened_at),
        "updated_at": time_text(last_touched(pull)),
        "closed_at": time_text(pull.closed_at),
        "merged_at": time_text(plan.merged_at),
        "merge_commit_sha": plan.merge_commit_sha or sha_of(f"test merge of {pull.number}"),
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [label(api, name) for name in plan.labels],
        "milestone": None,
        "draft": plan.draft,
        "head": _branch(world, pull.head_repository, plan.branch, pull.sha, plan.author),
        "base": _branch(world, pull.repository, pull.base, sha_of(f"base of {pull.number}")),
        "_links": {name: {"href": href} for name, href in links.items()},
        "author_association": "MEMBER",
        "auto_merge": None,
        "active_lock_reason": None,
        **plan.facts,
    }


def encoded_pull_request(world: World, pull: PullRequest) -> str:
    """Return a pull-request-simple as JSON text."""
    head = pull.head_repository and world.find_repository(pull.head_repository)
    facts = (pull, world.find_repository(pull.repository), head)
    return world.encode_once(
        (pull.repository, pull.number, pull.id), facts, lambda: pull_request(world, pull)
    )


def full_pull_request(world: World, pull: PullRequest) -> Json:
    """Return a pull-request, as GET /pulls/{number} and events give it."""
    merged = pull.plan.merged_at is not None
    return {
        **pull_request(world, pull),
        "merged": merged,
        "mergeable": None if pull.state == "closed" else True,
        "rebaseable": None if pull.state == "closed" else True,
        "mergeable_state": "unknown" if pull.state == "closed" else "clean",
        "merged_by": user(world, pull.plan.merged_by or pull.plan.author) if merged else None,
        "comments": sum(event.plan.kind == "commented" for event in pull.timeline),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(pull.plan.commits) or 1,
        "additions": pull.plan.additions,
        "deletions": pull.plan.deletions,
        "changed_files": pull.plan.changed_files,
        **pull.plan.facts,
    }


def minimal_pull_request(world: World, pull: PullRequest) -> Json:
    """Return a pull-request-minimal, as a run lists it."""
    head = pull.head_repository or pull.repository
    return {
        "url": f"{world.api_url}/repos/{pull.repository}/pulls/{pull.number}",
        "id": pull.id,
        "number": pull.number,
        "head": {"ref": pull.plan.branch, "sha": pull.sha, "repo": _tiny(world, head)},
        "base": {
            "ref": pull.base,
            "sha": sha_of(f"base of {pull.number}"),
            "repo": _tiny(world, pull.repository),
        },
    }


def last_touched(pull: PullRequest) -> Moment:
    """Return when the pull request was updated last."""
    return pull.plan.updated_at or pull.closed_at or pull.opened_at


def _tiny(world: World, name: str) -> Json:
    known = world.find_repository(name)
    url = f"{world.api_url}/repos/{known.full_name}"
    return {"id": known.id, "url": url, "name": known.full_name.split("/")[1]}


def _branch(
    world: World, name: str | None, ref: str, sha: str, owner_if_deleted: str = "ghost"
) -> Json:
    owner = name.split("/")[0] if name else owner_if_deleted
    return {
        "label": f"{owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(world, owner),
        "repo": whole_repository(world, world.find_repository(name)) if name else None,
    }


def label(api: str, name: str) -> Json:
    """Return a label of the repository with that address in the API."""
    identifier = number_of(name)
    return {
        "id": identifier,
        "node_id": f"LA_{identifier}",
        "url": f"{api}/labels/{name}",
        "name": name,
        "description": "",
        "color": "ededed",
        "default": False,
    }
