"""Sampling of traces that arrive in pieces, by the recipes for a real Collector."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.backends.programs import Running, send
from tests.backends.recipes import recipe_with, started
from tests.backends.test_old_data import encoded
from tests.backends.traces import ids_of, spans_of
from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import START, World, job, step
from tests.support import closings
from tests.support.program import Program
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal

COPIES = 40
KIND = "flow.trace"
SHARE, FAILURES = "otlp_http/share", "otlp_http/failures"
# All policies of the recipe for failures but the first.
POLICIES = re.compile(r"      - name: pull requests and work items\n.*?(?=exporters:)", re.DOTALL)
Export = Callable[[Run, str], list[EncodedRequest]]


class Sampler:
    """A Collector with a recipe, and the spans that come through it."""

    def __init__(self, collector: Running, receiver: Receiver) -> None:
        self.collector = collector
        self.receiver = receiver

    @property
    def kept(self) -> dict[str, set[str]]:
        """The ids of the spans of each trace that came through."""
        found: dict[str, set[str]] = defaultdict(set)
        for span in self.receiver.spans:
            found[span.trace_id].add(span.span_id)
        return found

    def decide(
        self, requests: Iterable[EncodedRequest], marks: Iterator[Sequence[EncodedRequest]]
    ) -> None:
        """Send requests, and return when the Collector has decided on each of their traces.

        It decides once a second, on all traces that came before, in any order. So a trace that it
        is sure to keep comes through with them or later; another, which is sent then, after them.
        """
        send(self.collector.otlp, requests)
        for mark in (next(marks), next(marks)):
            send(self.collector.otlp, mark)
            (trace_id,) = ids_of(mark)
            until(partial(self.has, trace_id), f"{trace_id} does not come through")

    def has(self, trace_id: str) -> bool:
        return trace_id in self.kept


@contextmanager
def sampler(text: str, folder: Path) -> Iterator[Sampler]:
    """A new Collector with a recipe."""
    folder.mkdir()
    (exporter,) = yaml.safe_load(text)["exporters"]
    with Receiver() as receiver:
        # Saves time, and sends in the order of the decisions.
        to = {exporter: {"endpoint": receiver.url, "sending_queue": {"enabled": False}}}
        soon = {"tail_sampling": {"decision_wait": "1s"}}
        with started(text, folder, {}, exporters=to, processors=soon) as collector:
            yield Sampler(collector, receiver)


def copied(request: EncodedRequest, number: int) -> EncodedRequest:
    """Return a request of the same spans in other traces."""
    message = ExportTraceServiceRequest.FromString(request.body)
    for group in message.resource_spans:
        for scoped in group.scope_spans:
            for span in scoped.spans:
                span.trace_id = bytes([span.trace_id[0] ^ number]) + span.trace_id[1:]
    body = message.SerializeToString()
    return EncodedRequest(signal=Signal.TRACES, body=body, items=request.items)


def assert_whole(kept: dict[str, set[str]], sent: dict[str, set[str]]) -> None:
    """Assert that each trace came through with all its spans, or not at all."""
    assert {trace_id: sent[trace_id] for trace_id in kept} == kept


def test_a_share_by_trace_id_is_one_decision_in_each_collector(
    demo_requests: tuple[EncodedRequest, ...], tmp_path: Path
) -> None:
    """The pieces of 80 pull requests, with a restart in between: each is whole or absent."""
    kinds: dict[str, list[EncodedRequest]] = {"live": [], "feature": []}
    for request in demo_requests:
        if request.signal is Signal.TRACES:
            (kind,) = {str(span.attributes[KIND]) for span in spans_of([request])}
            kinds[kind].append(request)
    live, features = kinds["live"], kinds["feature"]
    pieces = live[::2], live[1::2]
    marks = ([copied(features[0], number)] for number in range(1, 256))
    found, sent = [], []
    for number, piece in enumerate(pieces):
        requests = [copied(each, copy) for copy in range(COPIES) for each in piece]
        with sampler(recipe_with(SHARE), tmp_path / str(number)) as sampling:
            sampling.decide([*requests, *features], marks)
            kept = sampling.kept
        sent.append(ids_of(requests))
        assert kept.keys() >= ids_of(features).keys()
        found.append({trace_id: ids for trace_id, ids in kept.items() if trace_id in sent[-1]})
        assert_whole(found[-1], sent[-1])
    both = sent[0].keys() & sent[1].keys()
    assert len(both) == 2 * COPIES
    assert found[0].keys() & both == found[1].keys() & both
    assert 0 < len(found[0].keys() & both) < COPIES


def failing(name: str) -> Sequence[JobPlan]:
    return [job(name, "failure", steps=[step("Run pytest", 60, conclusion="failure")])]


@pytest.fixture
def exported(program: Program, receiver: Receiver) -> Export:
    """A function that exports a run in a scope, and returns its requests."""

    def export(run: Run, scope: str) -> list[EncodedRequest]:
        before = len(receiver.requests)
        result = program.export(run, trace_scope=scope, signals="traces")
        assert result.status == 0, result.log
        return [encoded(each) for each in receiver.requests[before:]]

    return export


def failed_runs(world: World, export: Export) -> Iterator[list[EncodedRequest]]:
    """Yield failed runs, each a trace of its own."""
    while True:
        yield export(world.run(event="schedule", jobs=failing("nightly")), "run")


def test_a_decision_for_failures_takes_a_pull_request_apart(
    world: World, exported: Export, tmp_path: Path
) -> None:
    """Why the recipe for pull requests has none: the first piece decides, or a restart."""
    text = POLICIES.sub("", recipe_with(FAILURES))
    world.pull_request(123, branch="fix")
    first = exported(world.run(branch="fix", event="pull_request"), "change")
    failed = world.run(branch="fix", event="pull_request", jobs=failing("test"))
    second = exported(failed, "change")
    (trace_id,) = ids_of(first)
    assert {trace_id} == ids_of(second).keys()
    marks = failed_runs(world, exported)
    with sampler(text, tmp_path / "first") as sampling:
        sampling.decide(first, marks)
        sampling.decide(second, marks)
        assert not sampling.has(trace_id)
    with sampler(text, tmp_path / "restarted") as sampling:
        sampling.decide(second, marks)
        assert sampling.kept[trace_id] == ids_of(second)[trace_id]
        assert not sampling.kept[trace_id] >= ids_of(first)[trace_id]


def test_failed_runs_are_kept_and_a_share_of_the_others(
    program: Program, world: World, receiver: Receiver, exported: Export, tmp_path: Path
) -> None:
    """With each run as a trace of its own; the pull request's is kept too."""
    world.pull_request(123, branch="fix", merged_at=START + timedelta(days=1))
    runs = [world.run(branch="fix", event="pull_request") for _ in range(30)]
    good = [request for run in runs for request in exported(run, "run")]
    bad = [r for _ in range(3) for r in next(failed_runs(world, exported))]
    before = len(receiver.requests)
    assert closings.pull_request(program, 123, trace_scope="run", signals="traces").status == 0
    closing = [encoded(each) for each in receiver.requests[before:]]
    sent, always = ids_of([*good, *bad, *closing]), ids_of([*bad, *closing])
    assert (len(ids_of(good)), len(ids_of(bad))) == (30, 3)
    marks, found = failed_runs(world, exported), []
    for name in ("first", "restarted"):
        with sampler(recipe_with(FAILURES), tmp_path / name) as sampling:
            sampling.decide([*good, *bad, *closing], marks)
            kept = {each: ids for each, ids in sampling.kept.items() if each in sent}
        assert_whole(kept, sent)
        assert kept.keys() >= always.keys()
        found.append(kept.keys() - always.keys())
    assert found[0] == found[1]
    assert 0 < len(found[0]) < 15
