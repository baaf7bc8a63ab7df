"""The event files that a runner finds at GITHUB_EVENT_PATH, as far as anybody reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes import accounts, answers, pulls
from tests.fakes.accounts import Json
from tests.fakes.issues import issue as issue_answer
from tests.fakes.records import Issue, PullRequest, Run
from tests.fakes.world import World, sha_of


def workflow_run(world: World, run: Run, action: str = "completed") -> Json:
    """Return a `workflow_run` event: another workflow's run was requested, began or ended."""
    payload = answers.run(world, run)
    url = payload["workflow_url"]
    html = payload["repository"]["html_url"]
    return {
        "action": action,
        "workflow_run": payload,
        "workflow": {
            "id": payload["workflow_id"],
            "node_id": f"W_{payload['workflow_id']}",
            "name": payload["name"],
            "path": payload["path"],
            "state": "active",
            "created_at": "2024-01-02T03:04:05Z",
            "updated_at": "2024-01-02T03:04:05Z",
            "url": url,
            "html_url": f"{html}/blob/main/{payload['path']}",
            "badge_url": f"{html}/workflows/{run.plan.workflow}/badge.svg",
        },
        **_frame(world, run.plan.repository, run.plan.actor),
    }


def pull_request(world: World, pull: PullRequest, action: str = "synchronize") -> Json:
    """Return a `pull_request` event (and `pull_request_target`, whose file is the same)."""
    moved = {"before": sha_of("before"), "after": pull.sha} if action == "synchronize" else {}
    return {
        "action": action,
        "number": pull.number,
        "pull_request": pulls.full_pull_request(world, pull),
        **moved,
        **_frame(world, pull.repository, pull.plan.author),
    }


def issues(world: World, issue: Issue, action: str = "closed") -> Json:
    """Return an `issues` event."""
    home = world.find_repository(issue.repository)
    return {
        "action": action,
        "issue": issue_answer(world, home, {"id": str(issue.number)}, {}),
        **_frame(world, issue.repository, "alice"),
    }


def push(
    world: World,
    *,
    sha: str,
    branch: str = "main",
    before: str = "0" * 40,
    messages: Sequence[str] = ("Change what must change",),
    earlier: Sequence[str] = (),
    repository: str | None = None,
    pusher: str = "alice",
) -> Json:
    """Return a `push` event; the last of `messages` is the head commit's.

    `earlier` are the commits of the push before those, if they matter.
    """
    frame = _frame(world, repository, pusher)
    html = frame["repository"]["html_url"]
    shas = [*earlier, *(sha_of(message) for message in messages[:-1]), sha]
    messages = [*("Change what must change" for _ in earlier), *messages]
    commits = [
        {
            **accounts.commit(each, message, "2026-11-24T03:40:00Z", pusher),
            "distinct": True,
            "url": f"{html}/commit/{each}",
            "added": [],
            "removed": [],
            "modified": ["README.md"],
        }
        for each, message in zip(shas, messages, strict=True)
    ]
    return {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": sha,
        "base_ref": None,
        "created": set(before) == {"0"},
        "deleted": False,
        "forced": False,
        "compare": f"{html}/compare/{before[:12]}...{sha[:12]}",
        "commits": commits,
        "head_commit": commits[-1] if commits else None,
        "pusher": {"name": pusher, "email": f"{pusher}@users.noreply.github.com"},
        **frame,
    }


def schedule(
    world: World,
    *,
    cron: str = "17 3 * * *",
    workflow: str = ".github/workflows/nightly.yml",
    repository: str | None = None,
) -> Json:
    """Return a `schedule` event."""
    frame = _frame(world, repository, "alice")
    return {"schedule": cron, "workflow": workflow, **frame}


def workflow_dispatch(
    world: World,
    *,
    branch: str = "main",
    inputs: Mapping[str, Any] | None = None,
    workflow: str = ".github/workflows/ci.yml",
    repository: str | None = None,
) -> Json:
    """Return a `workflow_dispatch` event."""
    return {
        "ref": f"refs/heads/{branch}",
        "inputs": None if inputs is None else dict(inputs),
        "workflow": workflow,
        **_frame(world, repository, "alice"),
    }


def merge_group(
    world: World, *, number: int, sha: str, into: str = "main", repository: str | None = None
) -> Json:
    """Return a `merge_group` event: the queue wants checks of the group ending in `number`."""
    base = sha_of(f"tip of {into}")
    return {
        "action": "checks_requested",
        "merge_group": {
            "head_sha": sha,
            "head_ref": f"refs/heads/{queue_branch(number, base, into)}",
            "base_sha": base,
            "base_ref": f"refs/heads/{into}",
            "head_commit": accounts.commit(
                sha, f"Merge pull request #{number}", "2026-11-24T03:40:00Z", "alice"
            ),
        },
        **_frame(world, repository, "github-merge-queue[bot]"),
    }


def queue_branch(number: int, base_sha: str, into: str = "main") -> str:
    """Return the branch that GitHub's merge queue makes for the group that ends in `number`."""
    return f"gh-readonly-queue/{into}/pr-{number}-{base_sha}"


def _frame(world: World, repository: str | None, sender: str) -> Json:
    known = world.find_repository(repository or world.default)
    return {
        "repository": accounts.whole_repository(world, known),
        "sender": accounts.user(world, sender),
    }
