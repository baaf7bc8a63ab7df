"""Runs, jobs and deployments as the JSON that GitHub answers, after its published schema.

Every property that the schema requires is there, with the URLs that GitHub would give: those of the
API under the world's `api_url`, those for people under its `server_url`.
"""

from __future__ import annotations

from tests.fakes.accounts import Json, commit, number_of, repository, time_text, user
from tests.fakes.plans import AnnotationPlan, Derived, RepositoryPlan
from tests.fakes.pulls import minimal_pull_request
from tests.fakes.records import Deployment, DeploymentStatus, Job, Run, Step
from tests.fakes.world import World


def run(world: World, attempt: Run) -> Json:
    """Return a workflow-run: one attempt."""
    plan = attempt.plan
    home = world.find_repository(plan.repository or world.default)
    api = f"{world.api_url}/repos/{home.full_name}"
    url = f"{api}/actions/runs/{attempt.id}"
    workflow_id = number_of(workflow_path(attempt))
    suite = 80_000 + attempt.id
    head = _head_repository(world, plan.head_repository, home)
    told = {
        "id": attempt.id,
        "name": plan.workflow,
        "node_id": f"WFR_{attempt.id}",
        "head_branch": home.default_branch if isinstance(plan.branch, Derived) else plan.branch,
        "head_sha": attempt.sha,
        "path": workflow_path(attempt),
        "display_title": plan.commit_message if plan.title is None else plan.title,
        "run_number": attempt.run_number,
        "run_attempt": attempt.attempt,
        "event": plan.event,
        "status": attempt.status,
        "conclusion": attempt.conclusion,
        "workflow_id": workflow_id,
        "check_suite_id": suite,
        "check_suite_node_id": f"CS_{suite}",
        "url": url,
        "html_url": f"{world.server_url}/{home.full_name}/actions/runs/{attempt.id}",
        "pull_requests": _pull_requests_of(world, attempt, home, head),
        "created_at": time_text(attempt.created_at),
        "updated_at": time_text(attempt.updated_at),
        "run_started_at": time_text(attempt.started_at),
        "actor": user(world, plan.actor),
        "triggering_actor": user(world, plan.triggering_actor or plan.actor),
        "referenced_workflows": _referenced_workflows(attempt),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{api}/check-suites/{suite}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": (
            f"{url}/attempts/{attempt.attempt - 1}" if attempt.attempt > 1 else None
        ),
        "workflow_url": f"{api}/actions/workflows/{workflow_id}",
        "head_commit": commit(attempt.sha, plan.commit_message, attempt.created_at, plan.actor),
        "repository": repository(world, home),
        "head_repository": None if head is None else repository(world, head),
        **plan.facts,
    }
    return {name: value for name, value in told.items() if name not in plan.lacks}


def encoded_run(world: World, attempt: Run) -> str:
    """Return a workflow-run as JSON text."""
    home = world.find_repository(attempt.plan.repository or world.default)
    head = _head_repository(world, attempt.plan.head_repository, home)
    facts = (attempt, home, head, _pull_requests_of(world, attempt, home, head))
    return world.encode_once(
        ("run", attempt.id, attempt.attempt), facts, lambda: run(world, attempt)
    )


def job(world: World, attempt: Run, one: Job) -> Json:
    """Return a job of a run attempt, with its steps."""
    name = world.find_repository(attempt.plan.repository or world.default).full_name
    api = f"{world.api_url}/repos/{name}"
    branch = attempt.plan.branch
    default = world.find_repository(name).default_branch
    return {
        "id": one.id,
        "run_id": attempt.id,
        "workflow_name": attempt.plan.workflow,
        "head_branch": default if isinstance(branch, Derived) else branch,
        "run_url": f"{api}/actions/runs/{attempt.id}",
        "run_attempt": one.run_attempt,
        "node_id": f"CR_{one.id}",
        "head_sha": attempt.sha,
        "url": f"{api}/actions/jobs/{one.id}",
        "html_url": f"{world.server_url}/{name}/actions/runs/{attempt.id}/job/{one.id}",
        "status": one.status,
        "conclusion": one.conclusion,
        "created_at": time_text(one.created_at),
        "started_at": time_text(one.started_at),
        "completed_at": time_text(one.completed_at),
        "name": one.name,
        "steps": [_step(each) for each in one.steps],
        "check_run_url": f"{api}/check-runs/{one.id}",
        "labels": list(one.plan.labels),
        "runner_id": one.runner.id,
        "runner_name": one.runner.name,
        "runner_group_id": one.runner.group_id,
        "runner_group_name": one.runner.group_name,
        **one.plan.facts,
    }


def annotation(world: World, attempt: Run, said: AnnotationPlan) -> Json:
    """Return a check-annotation of a job of that run attempt."""
    home = world.find_repository(attempt.plan.repository or world.default)
    return {
        "path": said.path,
        "blob_href": f"{world.server_url}/{home.full_name}/blob/{attempt.sha}/{said.path}",
        "start_line": said.line,
        "start_column": None,
        "end_line": said.line,
        "end_column": None,
        "annotation_level": said.level,
        "title": said.title,
        "message": said.message,
        "raw_details": None,
        **said.facts,
    }


def deployment(world: World, made: Deployment) -> Json:
    """Return a deployment, without its statuses."""
    plan = made.plan
    api = f"{world.api_url}/repos/{made.repository}"
    url = f"{api}/deployments/{made.id}"
    last = made.statuses[-1].created_at if made.statuses else made.created_at
    return {
        "url": url,
        "id": made.id,
        "node_id": f"DE_{made.id}",
        "task": plan.task,
        "original_environment": plan.environment,
        "environment": plan.environment,
        "description": plan.description,
        "created_at": time_text(made.created_at),
        "updated_at": time_text(last),
        "statuses_url": f"{url}/statuses",
        "repository_url": api,
        "creator": user(world, plan.creator),
        "sha": plan.sha,
        "ref": plan.ref or world.find_repository(made.repository).default_branch,
        "payload": {},
        "transient_environment": False,
        "production_environment": plan.environment == "production",
        "performed_via_github_app": None,
        **plan.facts,
    }


def deployment_status(world: World, made: Deployment, taken: DeploymentStatus) -> Json:
    """Return a status of a deployment."""
    api = f"{world.api_url}/repos/{made.repository}"
    return {
        "url": f"{api}/deployments/{made.id}/statuses/{taken.id}",
        "id": taken.id,
        "node_id": f"DES_{taken.id}",
        # REST knows six of GraphQL's states; one that waits for approval it calls queued.
        "state": "queued" if taken.plan.state == "waiting" else taken.plan.state,
        "creator": user(world, taken.plan.creator),
        "description": taken.plan.description,
        "environment": made.plan.environment,
        "target_url": taken.plan.log_url,
        "created_at": time_text(taken.created_at),
        "updated_at": time_text(taken.created_at),
        "deployment_url": f"{api}/deployments/{made.id}",
        "repository_url": api,
        "environment_url": "",
        "log_url": taken.plan.log_url,
        "performed_via_github_app": None,
        **taken.plan.facts,
    }


def workflow_path(attempt: Run) -> str:
    """Return the file of a run's workflow, made from its name where the plan does not say."""
    name = (attempt.plan.workflow or "workflow").lower().replace(" ", "-")
    return attempt.plan.path or f".github/workflows/{name}.yml"


def _step(one: Step) -> Json:
    return {
        "name": one.name,
        "status": one.status,
        "conclusion": one.conclusion,
        "number": one.number,
        "started_at": time_text(one.started_at),
        "completed_at": time_text(one.completed_at),
        **one.plan.facts,
    }


def _head_repository(
    world: World, said: str | Derived | None, home: RepositoryPlan
) -> RepositoryPlan | None:
    if isinstance(said, Derived):
        return home
    return None if said is None else world.find_repository(said)


def _pull_requests_of(
    world: World, attempt: Run, home: RepositoryPlan, head: RepositoryPlan | None
) -> list[Json] | None:
    """Those given, else as GitHub lists them: what is open *now*, and nothing for forks."""
    said = attempt.plan.pull_requests
    if said is None:
        return None
    name = home.full_name
    if not isinstance(said, Derived):
        named = (p for p in world.pull_requests if p.repository == name and p.number in said)
        return [minimal_pull_request(world, p) for p in named]
    branch = attempt.plan.branch
    if head != home or isinstance(branch, Derived):
        return []
    return [
        minimal_pull_request(world, p)
        for p in world.pull_requests
        if p.plan.branch == branch
        and p.state == "open"
        and (p.repository, p.head_repository) == (name, name)
    ]


def _referenced_workflows(attempt: Run) -> list[Json] | None:
    called = attempt.plan.referenced_workflows
    if called is None:
        return None
    return [{"path": w.path, "sha": w.sha, **({"ref": w.ref} if w.ref else {})} for w in called]
