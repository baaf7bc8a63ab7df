"""Reading ahead what jobs waited for: the deployments and the reviews of several runs.

The queries have the node ids of jobs, so the jobs of the runs must be known. As for everything that
is read ahead, what a query does not have beyond doubt is left to the reader's own request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flow_telemetry.github.ahead import fill_ahead
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.deployments import (
    JOB_DEPLOYMENTS,
    MOST_NODES,
    jobs_with_deployments,
    protected_environments,
    with_job_deployments,
)
from flow_telemetry.github.graphql import GraphqlResponse
from flow_telemetry.github.protection import (
    SELECT_ENVIRONMENTS,
    SELECT_REVIEWS,
    protection_request,
)
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.http.session import Request
from flow_telemetry.identity import fold
from flow_telemetry.model import Repository, Run
from flow_telemetry.rules.intervals import own_jobs

# The same for the jobs of several runs, under a name of its own for who looks at requests.
_DEPLOYMENTS = JOB_DEPLOYMENTS.replace("query JobDeployments", "query AheadDeployments")
_PROTECTIONS = f"""
query AheadProtections($owner: String!, $name: String!, $names: [String!], $jobs: [ID!]!) {{
  repository(owner: $owner, name: $name) {{{SELECT_ENVIRONMENTS}
  }}
  nodes(ids: $jobs) {{{SELECT_REVIEWS}
  }}
}}
"""


def read_waits_ahead(client: GitHubClient, repository: Repository, runs: Sequence[Run]) -> None:
    """Read what the jobs of runs of a repository waited for; a failure is only logged."""
    _read_deployments(client, runs)
    _read_protections(client, repository, runs)


# Deployments of jobs.


def _read_deployments(client: GitHubClient, runs: Sequence[Run]) -> None:
    requests: list[tuple[Request, list[str]]] = []
    for run in runs:
        request, ids = _request_for(client, run)
        if 0 < len(ids) <= MOST_NODES and not client.knows(request):
            requests.append((request, ids))
    group: list[tuple[Request, list[str]]] = []
    for each in requests:
        if sum(len(ids) for _, ids in (*group, each)) > MOST_NODES:
            _read_group(client, group)
            group = []
        group.append(each)
    _read_group(client, group)


def _request_for(client: GitHubClient, run: Run) -> tuple[Request, list[str]]:
    """The request for the deployments of a run's jobs, and the node ids in it."""
    ids = [job.node_id or "" for job in jobs_with_deployments(run, own_jobs(run))]
    return client.query_request(JOB_DEPLOYMENTS, ids=ids), ids


def _read_group(client: GitHubClient, group: Sequence[tuple[Request, list[str]]]) -> None:
    # One run's own query takes no more requests.
    if len(group) < 2:
        return

    def respond() -> Iterator[tuple[Request, Any]]:
        every = [node_id for _, ids in group for node_id in ids]
        response = client.query(_DEPLOYMENTS, "deployments of the jobs of runs", ids=every)
        nodes = _nodes_of(response)
        if nodes is not None and len(nodes) == len(every):
            for request, ids in group:
                yield request, {"data": {"nodes": nodes[: len(ids)]}}
                nodes = nodes[len(ids) :]

    fill_ahead(client, [request for request, _ in group], respond)


def _nodes_of(response: GraphqlResponse) -> list[Any] | None:
    """The nodes of a response without errors: a reader reports those of its own request."""
    nodes = response.data.get("nodes")
    return nodes if isinstance(nodes, list) and not response.errors else None


# Protection rules of environments, and reviews of runs.


@dataclass(frozen=True, slots=True)
class _Needed:
    """What a run needs: the rules of environments, and the reviews of the run of a job."""

    environments: frozenset[str]
    job: str
    request: Request


def _read_protections(client: GitHubClient, repository: Repository, runs: Iterable[Run]) -> None:
    needed = []
    for run in runs:
        jobs = own_jobs(run)
        known = client.knows(_request_for(client, run)[0])
        run_with = with_job_deployments(client, run, jobs)[0] if known else run
        found = protected_environments(run_with, jobs)
        if found is not None:
            request = protection_request(client, run.repository, *found)
            needed.append(_Needed(*found, request))
    for start in range(0, len(needed), MOST_NODES):
        group = needed[start : start + MOST_NODES]
        if len(group) > 1:
            _read_protections_of(client, repository, group)


def _read_protections_of(
    client: GitHubClient, repository: Repository, group: Sequence[_Needed]
) -> None:
    names = sorted({name for each in group for name in each.environments})

    def respond() -> Iterator[tuple[Request, Any]]:
        response = client.query(
            _PROTECTIONS,
            "protection rules and reviews of runs",
            owner=repository.owner,
            name=repository.name,
            names=names,
            jobs=[each.job for each in group],
        )
        nodes = _nodes_of(response)
        environments = {
            fold(read.text(node, "name") or ""): node
            for node in read.children(
                read.child(read.child(response.data, "repository"), "environments"), "nodes"
            )
        }
        for each, node in zip(group, nodes or (), strict=False):
            yield each.request, {"data": _protection_of(each, environments, node)}

    # The list of environments has a hundred.
    if len(names) <= MOST_NODES:
        fill_ahead(client, [each.request for each in group], respond)


def _protection_of(needed: _Needed, environments: Mapping[str, Payload], node: Any) -> Payload:
    found = (environments.get(fold(name)) for name in sorted(needed.environments))
    return {
        "repository": {"environments": {"nodes": [each for each in found if each is not None]}},
        "node": node,
    }
