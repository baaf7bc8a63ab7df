"""What a token may read, found out by asking for little of each kind, as an export would.

https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.model.findings import Finding, State
from flow_telemetry.sources.github.client import GitHubClient

_FEW = 1
# Enough that one of them is no pull request, in most repositories.
_SOME = 30


def check_github(github: GitHubClient, repository: str) -> tuple[Finding, ...]:
    """Return what the token may read of a repository (`acme/shop`), one finding each.

    Where the repository cannot be read nothing else is tried, for all would fail alike.
    """
    what = f"GitHub, repository {repository}"
    try:
        github.get(f"/repos/{repository}", f"repository {repository}")
    except FlowTelemetryError as error:
        return (Finding(what=what, state=State.FAILS, told=str(error)),)
    asked = _Asked(github=github, repository=repository)
    checks: tuple[Callable[[], list[Finding]], ...] = (
        asked.runs,
        asked.deployments,
        asked.issues,
        asked.pull_requests,
    )
    found = github.side_by_side(lambda check: check(), checks)
    return (
        Finding(what=what, state=State.WORKS),
        *(finding for each in found for finding in each),
        _rate_limit(github.rate_limit),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The questions about one repository."""

    github: GitHubClient
    repository: str

    def runs(self) -> list[Finding]:
        """Runs, and by the last of them what is read of its jobs and commit."""
        what = "actions: read (runs and jobs)"
        answer = self._asked("actions/runs", "the runs", per_page=_FEW)
        runs = _items(answer, "workflow_runs")
        findings = [_of(what, answer)]
        if isinstance(answer, FlowTelemetryError) or not runs:
            why = (
                "the runs could not be read" if not isinstance(answer, dict) else "there is no run"
            )
            return [*findings, *_untried(why)]
        return [*findings, self._checks(runs[0].get("id")), self._contents(runs[0].get("head_sha"))]

    def deployments(self) -> list[Finding]:
        """Deployments, and waits for approvals."""
        answer = self._asked("deployments", "the deployments", per_page=_FEW)
        return [_of("deployments: read (deployments and approvals)", answer)]

    def pull_requests(self) -> list[Finding]:
        """Pull requests of any state."""
        answer = self._asked("pulls", "the pull requests", state="all", per_page=_FEW)
        return [_of("pull-requests: read (pull requests above runs)", answer)]

    def issues(self) -> list[Finding]:
        """Issues: a token that may read pull requests only gets those from the same list."""
        what = "issues: read (work items)"
        answer = self._asked("issues", "the issues", state="all", per_page=_SOME)
        if isinstance(answer, list) and not any("pull_request" not in each for each in answer):
            told = "no issue is among the last 30: there is none, or the token may not read them"
            return [Finding(what=what, state=State.UNSURE, told=told)]
        return [_of(what, answer)]

    def _checks(self, run: Any) -> Finding:
        """Annotations of a check run, which each job has."""
        jobs = self._asked(f"actions/runs/{run}/jobs", "the jobs of the last run", per_page=_FEW)
        listed = _items(jobs, "jobs")
        if not listed:
            return _untried("the last run shows no job")[0]
        path = f"check-runs/{listed[0].get('id')}/annotations"
        return _of(_CHECKS, self._asked(path, "the annotations of a job", per_page=_FEW))

    def _contents(self, commit: Any) -> Finding:
        path = f"compare/{commit}...{commit}"
        return _of(_CONTENTS, self._asked(path, "the commit of the last run", per_page=_FEW))

    def _asked(self, path: str, what: str, **query: str | int) -> Any:
        """The answer, or the error in its place."""
        try:
            return self.github.get(
                f"/repos/{self.repository}/{path}", f"{what} of {self.repository}", **query
            )
        except FlowTelemetryError as error:
            return error


_CHECKS = "checks: read (why jobs failed)"
_CONTENTS = "contents: read (what a push or deployment brought)"


def _untried(why: str) -> list[Finding]:
    return [
        Finding(what=what, state=State.UNSURE, told=f"not tried, since {why}")
        for what in (_CHECKS, _CONTENTS)
    ]


def _of(what: str, answer: Any) -> Finding:
    if isinstance(answer, FlowTelemetryError):
        return Finding(what=what, state=State.FAILS, told=str(answer))
    return Finding(what=what, state=State.WORKS)


def _items(answer: Any, key: str) -> list[Mapping[str, Any]]:
    listed = answer.get(key) if isinstance(answer, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _rate_limit(headers: Mapping[str, str]) -> Finding:
    """What the last answer said of requests that are left in this hour."""
    what = "GitHub's rate limit"
    left, limit = headers.get("x-ratelimit-remaining"), headers.get("x-ratelimit-limit")
    if left is None or limit is None or not left.isdigit():
        return Finding(what=what, state=State.WORKS, told="the server tells of none")
    told = f"{left} of {limit[:10]} requests are left{_until(headers.get('x-ratelimit-reset', ''))}"
    if int(left) > 0:
        return Finding(what=what, state=State.WORKS, told=told)
    return Finding(what=what, state=State.FAILS, told=f"{told}: wait, or use another token")


def _until(reset: str) -> str:
    if not (reset.isascii() and reset.isdigit() and len(reset) <= 10):
        return ""
    return f" until {datetime.fromtimestamp(int(reset), tz=timezone.utc):%H:%M} UTC"
