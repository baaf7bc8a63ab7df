"""Flow references as the design writes them, spelled out here so that no test asks the program."""

from __future__ import annotations

import hashlib

from tests.fakes.records import Job, Run

SHOP = "github.com/acme/shop"


def pull(number: int, repository: str = SHOP) -> str:
    """Return the reference of a pull request."""
    return f"{repository}/pull/{number}"


def run_of(run: Run, repository: str = SHOP) -> str:
    """Return the reference of a run attempt."""
    return f"{repository}/actions/runs/{run.id}/attempts/{run.attempt}"


def job_of(run: Run, job: Job, repository: str = SHOP) -> str:
    """Return the reference of a job."""
    return f"{repository}/actions/runs/{run.id}/job/{job.id}"


def trace_id(root: str, namespace: str = "") -> str:
    """Return the trace id by the recipe of the design."""
    return _hash(f"flow-telemetry/trace/v1\n{namespace}\n{root}", 16)


def span_id(root: str, reference: str | None = None, namespace: str = "") -> str:
    """Return the id of a span (of the root, where no reference is given) by the recipe."""
    return _hash(f"flow-telemetry/span/v1\n{namespace}\n{root}\n{reference or root}", 8)


def _hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).digest()[:length].hex()
