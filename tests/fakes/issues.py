"""Issues and timelines as GitHub's REST API answers them; pull requests are issues there, too."""

from __future__ import annotations

from tests.fakes.accounts import Json, number_of, time_text, user
from tests.fakes.listing import Found, Listing, Values
from tests.fakes.plans import Moment, RepositoryPlan
from tests.fakes.pulls import label
from tests.fakes.records import Issue, PullRequest
from tests.fakes.timeline_events import timeline_event
from tests.fakes.world import World


class MovedError(Exception):
    """GitHub's 301 for an issue that is in another repository now; says where in the API."""


class DeletedError(Exception):
    """GitHub's 410 for an issue that was deleted."""


def issue(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    """Find an issue, or a pull request as an issue."""
    return as_issue(world, _find(world, home, values))


def as_issue(world: World, found: Issue | PullRequest) -> Json:
    """Return an issue, or a pull request as an issue."""
    if isinstance(found, PullRequest):
        return _of_pull_request(world, found)
    return _of_issue(world, found)


def last_touched(found: Issue | PullRequest) -> Moment:
    """Return when the last thing happened to it."""
    return found.timeline[-1].time if found.timeline else found.opened_at


def timeline(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    """Find what happened to an issue or pull request."""
    found = _find(world, home, values)
    events = found.timeline
    return Listing(
        length=len(events),
        items=lambda part: [timeline_event(world, found, each) for each in events[part]],
    )


def _find(world: World, home: RepositoryPlan, values: Values) -> Issue | PullRequest:
    number = int(values["id"])
    for pull in world.pull_requests:
        if (pull.repository, pull.number) == (home.full_name, number):
            return pull
    found = world.find_issue(f"{home.full_name}#{number}")
    if found.plan.deleted:
        raise DeletedError
    if found.plan.moved_to:
        repository, _, there = found.plan.moved_to.partition("#")
        raise MovedError(f"/repositories/{world.find_repository(repository).id}/issues/{there}")
    return found


def _reopened(found: Issue) -> str | None:
    again = any(event.plan.kind == "reopened" for event in found.timeline)
    return "reopened" if again else None


def _of_issue(world: World, found: Issue) -> Json:
    plan = found.plan
    comments = sum(event.plan.kind == "commented" for event in found.timeline)
    return {
        **_common(world, found, "issues", comments),
        "assignee": user(world, plan.assignees[0]) if plan.assignees else None,
        "assignees": [user(world, login) for login in plan.assignees],
        "state_reason": plan.state_reason if found.state == "closed" else _reopened(found),
        "type": _issue_type(plan.type),
        "parent_issue_url": _parent_url(world, found),
        **plan.facts,
    }


def _of_pull_request(world: World, pull: PullRequest) -> Json:
    html = f"{world.server_url}/{pull.repository}/pull/{pull.number}"
    return {
        **_common(world, pull, "pull", 0),
        "assignee": None,
        "assignees": [],
        "state_reason": None,
        "draft": pull.plan.draft,
        "pull_request": {
            "url": f"{world.api_url}/repos/{pull.repository}/pulls/{pull.number}",
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": time_text(pull.plan.merged_at),
        },
    }


def _common(world: World, found: Issue | PullRequest, chapter: str, comments: int) -> Json:
    plan = found.plan
    api = f"{world.api_url}/repos/{found.repository}"
    url = f"{api}/issues/{found.number}"
    return {
        "id": found.id,
        "node_id": f"I_{found.id}",
        "url": url,
        "repository_url": api,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "html_url": f"{world.server_url}/{found.repository}/{chapter}/{found.number}",
        "number": found.number,
        "title": plan.title,
        "state": found.state,
        "user": user(world, plan.author),
        "body": None,
        "labels": [label(api, name) for name in plan.labels],
        "milestone": None,
        "locked": False,
        "active_lock_reason": None,
        "author_association": "MEMBER",
        "comments": comments,
        "created_at": time_text(found.opened_at),
        "updated_at": time_text(last_touched(found)),
        "closed_at": time_text(found.closed_at),
        "performed_via_github_app": None,
    }


def _issue_type(name: str) -> Json | None:
    if not name:
        return None
    identifier = number_of(name)
    return {
        "id": identifier,
        "node_id": f"IT_{identifier}",
        "name": name,
        "description": None,
        "color": "blue",
        "is_enabled": True,
    }


def _parent_url(world: World, found: Issue) -> str | None:
    if found.parent is None:
        return None
    repository, _, number = found.parent.partition("#")
    return f"{world.api_url}/repos/{repository}/issues/{number}"
