"""Protection rules of environments, and the reviews of a run's deployments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.http.session import Request
from flow_telemetry.model import Repository
from flow_telemetry.rules.protection import EnvironmentRules, Protection

SELECT_ENVIRONMENTS = """
    environments(first: 100, names: $names) {
      nodes {
        name
        protectionRules(first: 20) { nodes { type timeout } }
      }
    }"""
SELECT_REVIEWS = """
    ... on CheckRun {
      checkSuite {
        workflowRun {
          deploymentReviews(first: 100) {
            nodes { environments(first: 50) { nodes { name } } }
          }
        }
      }
    }"""
_QUERY = f"""
query EnvironmentProtection($owner: String!, $name: String!, $names: [String!], $job: ID!) {{
  repository(owner: $owner, name: $name) {{{SELECT_ENVIRONMENTS}
  }}
  node(id: $job) {{{SELECT_REVIEWS}
  }}
}}
"""


def protection_request(
    client: GitHubClient, repository: Repository, environments: Iterable[str], job: str
) -> Request:
    """Return the request of `read_protection`."""
    return client.query_request(_QUERY, **_variables(repository, environments, job))


def _variables(repository: Repository, environments: Iterable[str], job: str) -> dict[str, Any]:
    return {
        "owner": repository.owner,
        "name": repository.name,
        "names": sorted(set(environments)),
        "job": job,
    }


def read_protection(
    client: GitHubClient, repository: Repository, environments: Iterable[str], job: str
) -> tuple[Protection, str | None]:
    """Return the protection of environments and the reviews of a run, and why some is unknown.

    ``job`` is the node id of any job of the run.
    """
    what = "protection rules of the run's environments"
    try:
        response = client.query(_QUERY, what, **_variables(repository, environments, job))
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
