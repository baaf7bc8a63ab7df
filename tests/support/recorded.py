"""Recorded responses of GitHub on runs, which lie beside the project, and a server for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.faults import Answer, Request
from tests.fakes.server import LocalServer

SHARED = Path(__file__).parents[3] / "shared"
RECORDED = SHARED / "data" / "github"
NO_RECORDED_DATA = "no recorded data beside the project"

_EMPTY = ("/pulls", "/annotations", "/deployments")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A run attempt and the list of its jobs, both as GitHub's API returned them."""

    name: str
    run: Mapping[str, Any] = field(repr=False)
    jobs: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> int:
        return int(self.run["id"])

    @property
    def attempt(self) -> int:
        return int(self.run.get("run_attempt") or 1)

    @property
    def repository(self) -> str:
        return str(self.run["repository"]["full_name"])

    @contextmanager
    def served(self) -> Iterator[str]:
        """Answer as GitHub did; yields the API's address.

        Nobody recorded pull requests, annotations and deployments: there are none.
        """
        of_run = f"/repos/{self.repository}/actions/runs/{self.id}"
        responses: dict[str, Any] = {
            of_run: self.run,
            f"{of_run}/attempts/{self.attempt}": self.run,
            f"{of_run}/attempts/{self.attempt}/jobs": self.jobs,
        }

        def respond(request: Request) -> Answer:
            found = [] if request.path.endswith(_EMPTY) else responses.get(request.path)
            body = json.dumps({"message": "Not Found"} if found is None else found).encode()
            return Answer(
                status=404 if found is None else 200,
                headers={"Content-Type": "application/json"},
                body=body,
            )

        with LocalServer(respond) as server:
            yield server.url


def recorded(name: str) -> Any:
    """Return one recorded answer."""
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def single_runs() -> list[RecordedRun]:
    """Return the runs that were recorded as two answers."""
    return [
        RecordedRun(name=f"run-{run}", run=recorded(f"run-{run}"), jobs=recorded(f"run-{run}-jobs"))
        for run in ("3881497935", "21487811823")
    ]


def corpus_of_runs() -> Sequence[RecordedRun]:
    """Return every run of the folder `runs`, in order of their names."""
    names = sorted(path.stem for path in (RECORDED / "runs").glob("*.json"))
    both = {name: recorded(f"runs/{name}") for name in names if name != "expected"}
    return [RecordedRun(name=n, run=each["run"], jobs=each["jobs"]) for n, each in both.items()]
