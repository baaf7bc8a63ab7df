"""Reading which jobs of a run made deployments, and how long those waited for an approval.

One GraphQL query answers it by the jobs' own node ids. REST knows deployments only by a commit,
which for a pull request is not the run's `head_sha` but the merge commit that was tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.model import Approval, Job, JobDeployment, Run
from flow_telemetry.rules import timing
from flow_telemetry.rules.parentage import asks_for_deployments
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.graphql import GraphqlAnswer
from flow_telemetry.sources.payload import Payload

# GitHub answers for at most 100 nodes at once.
_MOST_NODES = 100
# Nobody approves faster, and most queues are shorter: a request is saved for most runs.
SHORTEST_APPROVAL_SECONDS = 30
_QUERY = """
query JobDeployments($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on CheckRun {
      id
      deployment {
        environment
        commitOid
        statuses(first: 100) { nodes { state createdAt } }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A run whose jobs carry their deployments, and what could not be read."""

    run: Run
    notices: tuple[str, ...] = ()


def read_deployments(client: GitHubClient, run: Run, jobs: Iterable[Job]) -> Deployed:
    """Return the run with the deployments of those of ``jobs`` for which they matter.

    They matter where they may decide what the run belongs to, and where a job waited so long that
    it may have been for an approval. Without the permission `deployments: read` the jobs stay as
    they are.
    """
    asked = [job for job in jobs if job.node_id and _matters(run, job)]
    known: dict[str, JobDeployment] = {}
    unread: dict[str, None] = {}
    try:
        for answer in ask_for_deployments(client, asked):
            known |= _by_node(answer)
            unread |= dict.fromkeys(answer.errors)
    except FlowTelemetryError as error:
        unread[str(error)] = None
    found = tuple(replace(job, deployment=known.get(job.node_id or "")) for job in run.jobs)
    return Deployed(run=replace(run, jobs=found), notices=_told(unread))


def _told(unread: Iterable[str]) -> tuple[str, ...]:
    said = "; ".join(unread)
    if not said:
        return ()
    return (
        f"what the jobs deployed is not all known, nor their waits for approval: {said}. The "
        "token needs `deployments: read`",
    )


def _matters(run: Run, job: Job) -> bool:
    queued = timing.job_queued(job)
    waited = queued is not None and queued.seconds >= SHORTEST_APPROVAL_SECONDS
    return waited or asks_for_deployments(run)


def ask_for_deployments(client: GitHubClient, jobs: Sequence[Job]) -> Iterator[GraphqlAnswer]:
    """Yield what GitHub knows of the deployments of so many jobs at a time."""
    for start in range(0, len(jobs), _MOST_NODES):
        yield _ask(client, jobs[start : start + _MOST_NODES])


def _ask(client: GitHubClient, jobs: Sequence[Job]) -> GraphqlAnswer:
    ids = [job.node_id for job in jobs]
    return client.query(_QUERY, "deployments of the run's jobs", ids=ids)


def _by_node(answer: GraphqlAnswer) -> dict[str, JobDeployment]:
    known = {}
    for node in read.children(answer.data, "nodes"):
        node_id, deployment = read.text(node, "id"), read.child(node, "deployment")
        if node_id and deployment:
            known[node_id] = parse_deployment(deployment)
    return known


def parse_deployment(payload: Payload) -> JobDeployment:
    """Return a deployment with its waits: each from a status `WAITING` to the next status."""
    statuses = sorted(
        (time, read.text(status, "state") or "")
        for status in read.children(read.child(payload, "statuses"), "nodes")
        if (time := read.time(status, "createdAt")) is not None
    )
    approvals = tuple(
        Approval(requested_at=time, decided_at=until)
        for (time, state), (until, _) in pairwise(statuses)
        if state == "WAITING" and until > time
    )
    return JobDeployment(
        environment=read.text(payload, "environment") or "",
        commit=read.text(payload, "commitOid") or "",
        approvals=approvals,
    )
