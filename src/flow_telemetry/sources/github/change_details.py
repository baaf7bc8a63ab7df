"""Reading one pull request with all of its facts and its timeline."""

from __future__ import annotations

from dataclasses import replace

from flow_telemetry.model import Change
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.parse import parse_change
from flow_telemetry.sources.github.timeline import read_timeline


def read_change(client: GitHubClient, repository: str, number: int) -> Change:
    """Return the pull request of that number of `owner/name`; both requests are made at once.

    Raises:
        SourceError: the pull request or its timeline cannot be read.
        DeadlineExceeded: no time is left.
    """
    what = f"pull request {repository}#{number}"
    payload, (timeline, complete) = client.both(
        lambda: client.get(f"/repos/{repository}/pulls/{number}", what),
        lambda: read_timeline(client, repository, number),
    )
    change = parse_change(payload, where=what)
    return replace(change, timeline=timeline, timeline_complete=complete)
