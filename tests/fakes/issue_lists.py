"""The list of a repository's issues, with its pull requests among them, as GitHub gives it."""

from __future__ import annotations

from tests.fakes import issues
from tests.fakes.accounts import Json, time_text
from tests.fakes.listing import Found, Listing, Values
from tests.fakes.plans import RepositoryPlan
from tests.fakes.records import Issue, PullRequest
from tests.fakes.world import World


def issue_list(world: World, home: RepositoryPlan, _: Values, query: Values) -> Found:
    """Return the issues in a state, updated `since` a time, in the order asked for."""
    by = "updated_at" if query.get("sort") == "updated" else "created_at"
    found = [
        each
        for each in _all(world, home, query.get("since", ""))
        if query.get("state", "open") in ("all", each["state"])
        and query.get("since", "") <= each["updated_at"]
    ]
    newest_first = query.get("direction", "desc") == "desc"
    found.sort(key=lambda each: (each[by], each["number"]), reverse=newest_first)
    return Listing(length=len(found), items=found.__getitem__)


def _all(world: World, home: RepositoryPlan, since: str) -> list[Json]:
    """Return all issues, but for those of which it is plain that they were not updated `since`."""
    here: list[Issue | PullRequest] = [
        each for each in world.pull_requests if each.repository == home.full_name
    ]
    here += [
        each
        for each in world.issues
        if each.repository == home.full_name and not (each.plan.deleted or each.plan.moved_to)
    ]
    return [
        issues.as_issue(world, each)
        for each in here
        if each.plan.facts or (time_text(issues.last_touched(each)) or "") >= since
    ]
