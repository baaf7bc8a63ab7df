"""Each preset against a receiver that does what its backend does: nothing is lost or warns."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from tests.fakes.backends import Loki, Prometheus
from tests.fakes.faults import Answer, Request
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, sha_of
from tests.support.program import Program

from flow_telemetry.settings.backends import PRESETS, Backend

ALL = TRACES, LOGS, METRICS = "/v1/traces", "/v1/logs", "/v1/metrics"
# The paths of signals that a backend does not have.
ABSENT = {
    Backend.JAEGER: (LOGS, METRICS),
    Backend.TEMPO: (LOGS, METRICS),
    Backend.PROMETHEUS: (TRACES, LOGS),
    # VictoriaLogs; the others of the family have addresses of their own.
    Backend.VICTORIA: (TRACES, METRICS),
}


class Missing:
    """A path that a backend does not have."""

    def __call__(self, request: Request, answer: Answer) -> Answer:
        """Answer as a web server does."""
        return replace(answer, status=404, body=b"404 page not found\n", kept=())


def behave_as(receiver: Receiver, backend: Backend) -> None:
    """Let the receiver refuse what the backend refuses."""
    for path in ABSENT.get(backend, ()):
        receiver.script(path, Missing(), times=None)
    if backend is Backend.PROMETHEUS:
        receiver.script(METRICS, Prometheus(), times=None)
    if backend is Backend.GRAFANA_CLOUD:
        receiver.script(METRICS, Prometheus(status=400), times=None)
        receiver.script(LOGS, Loki(), times=None)


@pytest.mark.parametrize("backend", Backend, ids=lambda backend: backend.value)
def test_a_pull_request_arrives_whole(
    program: Program, world: World, receiver: Receiver, backend: Backend
) -> None:
    """With all signals that the backend has; nothing is sent to it that it would refuse."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    world.pull_request(
        7,
        opened_at=(now - timedelta(hours=2)).isoformat(),
        merged_at=(now - timedelta(minutes=2)).isoformat(),
        merge_commit_sha=sha_of("merge of 7"),
    )
    behave_as(receiver, backend)
    header = next(iter(PRESETS[backend].headers), "x-none")
    result = program.action(
        backend=backend.value, target="#7", mode="change", otlp_headers=f"{header}=value-of-header"
    )
    assert result.outputs["status"] == "exported", result.log
    assert result.warnings == []
    assert result.notices == []
    assert {each.path for each in receiver.requests} == set(ALL) - set(ABSENT.get(backend, ()))
    assert {each.status for each in receiver.requests} == {200}


def test_a_missing_header_is_remarked(program: Program, receiver: Receiver) -> None:
    """By `check`, since only the backend can tell whether it needs it."""
    words = ["check", "--repo=acme/shop", f"--otlp-endpoint={receiver.url}", "--backend=honeycomb"]
    result = program.command(*words)
    assert "note  headers: Honeycomb wants the header x-honeycomb-team" in result.stdout
    assert (
        "note  headers" not in program.command(*words, "--otlp-headers=X-Honeycomb-Team=k").stdout
    )
