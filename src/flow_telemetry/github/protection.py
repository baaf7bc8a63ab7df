"""Protection rules of environments, and the reviews of a run's deployments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Repository
from flow_telemetry.rules.protection import EnvironmentRules, Protection

_QUERY = """
query EnvironmentProtection($owner: String!, $name: String!, $names: [String!], $job: ID!) {
  repository(owner: $owner, name: $name) {
    environments(first: 100, names: $names) {
      nodes {
        name
        protectionRules(first: 20) { nodes { type timeout } }
      }
    }
  }
  node(id: $job) {
    ... on CheckRun {
      checkSuite {
        workflowRun {
          deploymentReviews(first: 100) {
            nodes { environments(first: 50) { nodes { name } } }
          }
        }
      }
    }
  }
}
"""


def read_protection(
    client: GitHubClient, repository: Repository, environments: Iterable[str], job: str
) -> tuple[Protection, str | None]:
    """Return the protection of environments and the reviews of a run, and why some is unknown.

    ``job`` is the node id of any job of the run.
    """
    what = "protection rules of the run's environments"
    try:
        response = client.query(
            _QUERY,
            what,
            owner=repository.owner,
            name=repository.name,
            names=sorted(set(environments)),
            job=job,
        )
    except FlowTelemetryError as error:
        return Protection(), str(error)
    listed = read.child(read.child(response.data, "repository"), "environments")
    suite = read.child(read.child(response.data, "node"), "checkSuite")
    reviews = read.child(read.child(suite, "workflowRun"), "deploymentReviews")
    protection = Protection(
        environments={
            name: _parse_rules(node)
            for node in read.children(listed, "nodes")
            if (name := read.text(node, "name"))
        },
        reviewed=frozenset(
            name
            for review in read.children(reviews, "nodes")
            for node in read.children(read.child(review, "environments"), "nodes")
            if (name := read.text(node, "name"))
        )
        if reviews
        else None,
    )
    errors = "; ".join(response.errors)
    if not errors:
        return protection, None
    text = f"could not read {what}: {errors}"
    client.denials.note(text, response.permissions)
    return protection, text


def _parse_rules(environment: Payload) -> EnvironmentRules:
    rules = read.children(read.child(environment, "protectionRules"), "nodes")
    by_type = {read.text(rule, "type"): read.number(rule, "timeout") or 0 for rule in rules}
    minutes = by_type.get("WAIT_TIMER")
    return EnvironmentRules(
        reviewers="REQUIRED_REVIEWERS" in by_type,
        timer=timedelta(minutes=minutes) if minutes else None,
    )
