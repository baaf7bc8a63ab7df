"""Records from GitHub's JSON: runs, jobs, annotations and pull requests.

Pure functions that accept damaged responses: an optional value of the wrong type is missing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flow_telemetry.errors import PayloadError
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.identity import host_of
from flow_telemetry.model import (
    Actor,
    ActorKind,
    Annotation,
    Change,
    Job,
    Repository,
    Run,
    Step,
)

# The logins of coding agents, in lower case and without "[bot]". Most are GitHub Apps, some are
# users. REST has the same account with "[bot]", GraphQL without.
_AGENTS = frozenset(
    {
        *("copilot", "copilot-swe-agent", "copilot-pull-request-reviewer", "github-copilot"),
        *("claude", "claude-code-action", "anthropic-claude", "anthropic-code-agent"),
        *("chatgpt-codex-connector", "openai-code-agent", "openai-codex"),
        *("google-labs-jules", "gemini-code-assist", "gemini-cli"),
        *("amazon-q-developer", "kiro-agent"),
        *("cursor", "cursoragent"),
        *("devin-ai-integration", "devin-ai"),
        *("openhands-agent", "openhands-ai", "all-hands-bot"),
        *("sweep-ai", "sweep-nightly"),
        *("factory-droid", "opencode-agent", "open-swe", "roomote", "kilo-code-bot"),
        *("windsurf-bot", "augmentcode", "sourcegraph-cody", "jetbrains-ai"),
    }
)
# GitHub's account in place of deleted ones.
_DELETED = "ghost"
# Workflows that GitHub runs without a file in the repository: Dependabot, Pages, code scanning.
_DYNAMIC = "dynamic/"
_ATTEMPT = re.compile(r"/attempts/[0-9]+$")


def parse_run(payload: Any, *, where: str) -> Run:
    """Return a run attempt without its jobs; ``where`` names it in errors.

    Raises:
        PayloadError: the id, the creation time or the repository is missing.
    """
    fields = _require_object(payload, where)
    created = read.required(read.time(fields, "created_at"), "created_at", where)
    sha = read.text(fields, "head_sha") or ""
    started = read.time(fields, "run_started_at")
    attempt = read.number(fields, "run_attempt") or 1
    path = read.text(fields, "path") or ""
    attempt = read.number(fields, "run_attempt") or 1
    return Run(
        id=read.required(read.number(fields, "id"), "id", where),
        attempt=attempt,
        repository=parse_repository(read.child(fields, "repository"), where=where),
        workflow=_workflow_name(read.text(fields, "name"), path),
        status=read.text(fields, "status") or "",
        event=read.text(fields, "event") or "",
        created_at=created,
        started_at=started or created,
        start_known=started is not None or attempt == 1,
        updated_at=read.time(fields, "updated_at"),
        conclusion=read.text(fields, "conclusion"),
        number=read.number(fields, "run_number") or 0,
        title=read.text(fields, "display_title") or "",
        path=path,
        workflow_id=read.number(fields, "workflow_id"),
        head_branch=read.text(fields, "head_branch"),
        head_sha=sha,
        head_repository=read.text(read.child(fields, "head_repository"), "full_name"),
        public=_is_public(read.child(fields, "repository")),
        url=_attempt_url(read.text(fields, "html_url") or "", attempt),
        actor=parse_actor(fields.get("actor")),
        triggering_actor=parse_actor(fields.get("triggering_actor")),
        referenced_workflows=tuple(
            (read.text(workflow, "path") or "", read.text(workflow, "sha") or "")
            for workflow in read.children(fields, "referenced_workflows")
        ),
    )


def _is_public(repository: Payload) -> bool | None:
    # A repository that is internal to an enterprise is `private` here too.
    private = repository.get("private")
    return not private if isinstance(private, bool) else None


def _workflow_name(name: str | None, path: str) -> str:
    """Return the name of a workflow, the same in all of its runs.

    GitHub gives each run of Dependabot a name of its own, which ends in a number. Workflows without
    a file are named by the end of their path: `dynamic/dependabot/dependabot-updates`.
    """
    last = path.rstrip("/").rpartition("/")[2]
    if path.startswith(_DYNAMIC) and last:
        return last
    return name or last or "workflow"


def _attempt_url(url: str, attempt: int) -> str:
    """Return the address of one attempt; that of the run alone shows the latest one."""
    return f"{_ATTEMPT.sub('', url)}/attempts/{attempt}" if url else ""


def parse_repository(payload: Payload, *, where: str) -> Repository:
    """Return a repository from its `full_name` and `html_url`."""
    full_name = read.required(read.text(payload, "full_name"), "repository.full_name", where)
    url = read.required(read.text(payload, "html_url"), "repository.html_url", where)
    owner, slash, name = full_name.partition("/")
    try:
        host = host_of(url)
    except ValueError:  # The port is not a number.
        host = ""
    if not (owner and slash and name and host):
        read.required(None, "repository.full_name", where)
    return Repository(host=host, owner=owner, name=name, url=url)


def parse_jobs(items: Iterable[Any], run: Run) -> tuple[Job, ...]:
    """Return the jobs of a list, each once, by id, without damaged ones."""
    jobs: dict[int, Job] = {}
    for item in items:
        if isinstance(item, dict) and (job_id := read.number(item, "id")):
            jobs[job_id] = parse_job(item, job_id, run_id=run.id, attempt=run.attempt)
    return tuple(jobs[job_id] for job_id in sorted(jobs))


def parse_job(payload: Payload, job_id: int, *, run_id: int, attempt: int) -> Job:
    """Return a job and its steps; ``attempt`` counts if the job names none."""
    return Job(
        id=job_id,
        run_id=run_id,
        run_attempt=read.number(payload, "run_attempt") or attempt,
        name=read.text(payload, "name") or f"job {job_id}",
        status=read.text(payload, "status") or "",
        conclusion=read.text(payload, "conclusion"),
        created_at=read.time(payload, "created_at"),
        started_at=read.time(payload, "started_at"),
        completed_at=read.time(payload, "completed_at"),
        url=read.text(payload, "html_url") or "",
        steps=_parse_steps(read.children(payload, "steps")),
        labels=read.texts(payload, "labels"),
        runner_id=read.number(payload, "runner_id"),
        runner_name=read.text(payload, "runner_name"),
        runner_group=read.text(payload, "runner_group_name"),
        node_id=read.text(payload, "node_id"),
    )


def _parse_steps(items: Iterable[Payload]) -> tuple[Step, ...]:
    """Return steps by number; ``occurrence`` counts those of the same number, in GitHub's order."""
    seen: Counter[int] = Counter()
    steps = []
    for item in items:
        number = read.number(item, "number") or 0
        seen[number] += 1
        steps.append(
            Step(
                number=number,
                name=read.text(item, "name") or f"step {number}",
                status=read.text(item, "status") or "",
                conclusion=read.text(item, "conclusion"),
                started_at=read.time(item, "started_at"),
                completed_at=read.time(item, "completed_at"),
                occurrence=seen[number],
            )
        )
    return tuple(sorted(steps, key=lambda step: (step.number, step.occurrence)))


def parse_actor(payload: Any) -> Actor | None:
    """Return an actor from a REST user; None for a deleted account.

    GitHub has null in place of a deleted account in some responses, and its ghost in others.
    """
    login = read.text(payload, "login") if isinstance(payload, dict) else None
    if login is None or login.lower() == _DELETED:
        return None
    name = login.lower().removesuffix("[bot]")
    if name in _AGENTS:
        return Actor(login=login, kind=ActorKind.AGENT)
    if login.lower().endswith("[bot]") or read.text(payload, "type") == "Bot":
        return Actor(login=login, kind=ActorKind.BOT)
    return Actor(login=login)


def parse_annotations(items: Iterable[Any]) -> tuple[Annotation, ...]:
    """Return the annotations of a check run that have a message."""
    return tuple(
        Annotation(
            level=read.text(item, "annotation_level") or "",
            message=message,
            title=read.text(item, "title"),
            path=read.text(item, "path"),
            start_line=read.number(item, "start_line"),
        )
        for item in items
        if isinstance(item, dict) and (message := read.text(item, "message"))
    )


def parse_changes(items: Iterable[Any], repository: Repository) -> tuple[Change, ...]:
    """Return the pull requests of a list, without those that have no number or creation time."""
    return tuple(
        change
        for item in items
        if isinstance(item, dict) and (change := _parse_change(item, repository)) is not None
    )


def parse_change(payload: Any, *, where: str) -> Change:
    """Return one pull request, with details that lists do not have, without its timeline.

    Raises:
        PayloadError: the number, the creation time or the repository is missing.
    """
    fields = _require_object(payload, where)
    base_repository = read.child(read.child(fields, "base"), "repo")
    repository = parse_repository(base_repository, where=where)
    change: Change = read.required(_parse_change(fields, repository), "number or created_at", where)
    labels = (read.text(label, "name") for label in read.children(fields, "labels"))
    return replace(
        change,
        draft=read.flag(fields, "draft"),
        author=parse_actor(fields.get("user")),
        merged_by=parse_actor(fields.get("merged_by")),
        labels=tuple(filter(None, labels)),
        additions=read.number(fields, "additions"),
        deletions=read.number(fields, "deletions"),
        changed_files=read.number(fields, "changed_files"),
        commits=read.number(fields, "commits"),
    )


def _parse_change(payload: Payload, repository: Repository) -> Change | None:
    number, created = read.number(payload, "number"), read.time(payload, "created_at")
    if not number or created is None:
        return None
    base, head = read.child(payload, "base"), read.child(payload, "head")
    return Change(
        repository=repository,
        number=number,
        title=read.text(payload, "title") or "",
        state=read.text(payload, "state") or "",
        created_at=created,
        url=read.text(payload, "html_url") or "",
        updated_at=read.time(payload, "updated_at"),
        closed_at=read.time(payload, "closed_at"),
        merged_at=read.time(payload, "merged_at"),
        merge_commit=read.text(payload, "merge_commit_sha"),
        base_branch=read.text(base, "ref") or "",
        base_sha=read.text(base, "sha") or "",
        default_branch=read.text(read.child(base, "repo"), "default_branch"),
        head_branch=read.text(head, "ref") or "",
        head_sha=read.text(head, "sha") or "",
        head_repository=read.text(read.child(head, "repo"), "full_name"),
    )


def _require_object(payload: Any, where: str) -> Payload:
    if not isinstance(payload, dict):
        raise PayloadError(f"GitHub returned a damaged response for {where}: not an object")
    return payload
