"""Single things that happened, as the REST timeline gives them: each kind in its own shape."""

from __future__ import annotations

from tests.fakes.accounts import Json, number_of, time_text, user
from tests.fakes.records import Issue, PullRequest, TimelineEvent
from tests.fakes.world import World, sha_of


def timeline_event(world: World, of: Issue | PullRequest, event: TimelineEvent) -> Json:
    """Return one item of the timeline of an issue or pull request."""
    make = _SHAPES.get(event.plan.kind, _issue_event)
    return {**make(world, of, event), **event.plan.facts}


def _issue_event(world: World, of: Issue | PullRequest, event: TimelineEvent) -> Json:
    return {
        "id": event.id,
        "node_id": f"E_{event.id}",
        "url": f"{_api(world, of)}/issues/events/{event.id}",
        "actor": _actor(world, event),
        "event": event.plan.kind,
        "commit_id": None,
        "commit_url": None,
        "created_at": time_text(event.time),
        "performed_via_github_app": None,
        **_particular(world, event),
    }


def _particular(world: World, event: TimelineEvent) -> Json:
    plan = event.plan
    if plan.kind in ("labeled", "unlabeled"):
        return {"label": {"name": plan.subject, "color": "ededed"}}
    if plan.kind in ("assigned", "unassigned"):
        return {"assignee": user(world, plan.subject)}
    if plan.kind in ("review_requested", "review_request_removed"):
        return _review_request(world, event)
    if plan.kind == "renamed":
        return {"rename": {"from": plan.before, "to": plan.subject}}
    if plan.kind.startswith("issue_type_"):
        types = {"issue_type": plan.subject, "prev_issue_type": plan.before}
        return {key: _issue_type(name) for key, name in types.items() if name}
    return {"state_reason": None} if plan.kind in ("closed", "reopened") else {}


def _issue_type(name: str) -> Json:
    return {"id": number_of(name), "name": name, "color": "gray"}


def _commented(world: World, of: Issue | PullRequest, event: TimelineEvent) -> Json:
    api = _api(world, of)
    return {
        "event": "commented",
        "id": event.id,
        "node_id": f"IC_{event.id}",
        "url": f"{api}/issues/comments/{event.id}",
        "html_url": f"{_html(world, of)}#issuecomment-{event.id}",
        "issue_url": f"{api}/issues/{of.number}",
        "actor": _actor(world, event),
        "user": _actor(world, event),
        "author_association": "MEMBER",
        "body": "Could you say why?",
        "created_at": time_text(event.time),
        "updated_at": time_text(event.time),
        "performed_via_github_app": None,
    }


def _reviewed(world: World, of: Issue | PullRequest, event: TimelineEvent) -> Json:
    html = f"{_html(world, of)}#pullrequestreview-{event.id}"
    pull = f"{_api(world, of)}/pulls/{of.number}"
    state = "dismissed" if _is_dismissed(of, event) else event.plan.review
    return {
        "event": "reviewed",
        "id": event.id,
        "node_id": f"PRR_{event.id}",
        "user": _actor(world, event),
        "body": None if state == "approved" else "See below.",
        "state": state,
        "commit_id": of.sha if isinstance(of, PullRequest) else "",
        "html_url": html,
        "pull_request_url": pull,
        "author_association": "MEMBER",
        "submitted_at": time_text(event.time),
        "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
    }


def _review_dismissed(world: World, of: Issue | PullRequest, event: TimelineEvent) -> Json:
    reviews = (each.plan for each in of.timeline if each.plan.kind == "reviewed")
    said = next(plan.review for plan in reviews if plan.id == event.id)
    return {
        **_issue_event(world, of, event),
        "dismissed_review": {
            "state": said,
            "review_id": event.id,
            "dismissal_message": "Done in another way.",
        },
    }


def _committed(world: World, of: Issue | PullRequest, event: TimelineEvent) -> Json:
    sha = sha_of_commit(event)
    git = f"{_api(world, of)}/git"
    login = event.plan.by or "ghost"
    person = {
        "name": login,
        "email": f"{number_of(login)}@users.noreply.github.com",
        "date": time_text(event.time),
    }
    unsigned = {"verified": False, "reason": "unsigned", "signature": None, "payload": None}
    return {
        "event": "committed",
        "sha": sha,
        "node_id": f"C_{sha}",
        "url": f"{git}/commits/{sha}",
        "html_url": f"{world.server_url}/{of.repository}/commit/{sha}",
        "author": person,
        "committer": person,
        "message": "Change what must change",
        "tree": {"sha": sha_of(f"tree of {sha}"), "url": f"{git}/trees/{sha_of(f'tree of {sha}')}"},
        "parents": [],
        "verification": {**unsigned, "verified_at": None},
    }


def sha_of_commit(event: TimelineEvent) -> str:
    """Return the commit that was pushed."""
    return event.plan.subject or sha_of(f"commit {event.id}")


_SHAPES = {
    "commented": _commented,
    "committed": _committed,
    "reviewed": _reviewed,
    "review_dismissed": _review_dismissed,
}


def _is_dismissed(of: Issue | PullRequest, review: TimelineEvent) -> bool:
    dismissals = (each for each in of.timeline if each.plan.kind == "review_dismissed")
    return any(each.id == review.id for each in dismissals)


def _review_request(world: World, event: TimelineEvent) -> Json:
    requester = {"review_requester": _actor(world, event)}
    if not event.plan.team:
        return {**requester, "requested_reviewer": user(world, event.plan.subject)}
    slug = event.plan.subject
    identifier = number_of(slug)
    url = f"{world.api_url}/organizations/1/team/{identifier}"
    team = {
        "id": identifier,
        "node_id": f"T_{identifier}",
        "name": slug.title(),
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "permission": "pull",
        "url": url,
        "html_url": f"{world.server_url}/orgs/acme/teams/{slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "type": "organization",
        "parent": None,
    }
    return {**requester, "requested_team": team}


def _actor(world: World, event: TimelineEvent) -> Json | None:
    return None if event.plan.by is None else user(world, event.plan.by)


def _api(world: World, of: Issue | PullRequest) -> str:
    return f"{world.api_url}/repos/{of.repository}"


def _html(world: World, of: Issue | PullRequest) -> str:
    chapter = "pull" if isinstance(of, PullRequest) else "issues"
    return f"{world.server_url}/{of.repository}/{chapter}/{of.number}"
