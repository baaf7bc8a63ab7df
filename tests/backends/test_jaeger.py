"""The demo's traces in a real Jaeger, by its HTTP API: what its UI draws."""

from __future__ import annotations

import json
import random
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.backends import programs
from tests.backends.programs import Running, send
from tests.backends.traces import ids_of, search, spans_of, tag, trace, with_tags
from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.support.program import Program
from tests.support.recorded import NO_RECORDED_DATA, RECORDED, corpus_of_runs
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "traces.md").read_text(encoding="utf-8")
ORDERS = ("in order", "reversed", "drawn", "drawn again")
LIFE = "open until merged"
FIRST_JOBS = ("lint", "test (3.10)", "test (3.12)", "test (3.14)", "build image")
SHORTEST = 30  # seconds
# The action as another release of it.
DOOR_OF_VERSION = (
    "import sys, flow_telemetry; flow_telemetry.__version__ = '{version}';"
    "from flow_telemetry.action import main; sys.exit(main())"
)


def documented(title: str) -> dict[str, str]:
    """Return the tags of Jaeger's search below a title of the docs."""
    part = PAGE.partition(f"**{title}")[2].partition("**\n\n**")[0]
    assert part, title
    # In one line with the service, or in a line of their own.
    words = re.search(r"^(?:Jaeger .*, )?tags +(.*)$", part, re.MULTILINE)
    assert words is not None
    return dict(word.split("=", 1) for word in shlex.split(words[1]))


def encoded(message: Any) -> EncodedRequest:
    """Return a request with spans as it was sent."""
    return EncodedRequest(signal=Signal.TRACES, body=message.SerializeToString(), items=1)


@pytest.fixture(scope="session")
def exports(demo_requests: tuple[EncodedRequest, ...]) -> list[EncodedRequest]:
    """The requests with spans, in the order of their exports."""
    return [each for each in demo_requests if each.signal is Signal.TRACES]


@pytest.fixture(scope="session")
def repeated(export_demo: Callable[[], Sequence[EncodedRequest]]) -> list[EncodedRequest]:
    """The same things, exported once more."""
    return [each for each in export_demo() if each.signal is Signal.TRACES]


def ordered(requests: Sequence[EncodedRequest], order: str) -> list[EncodedRequest]:
    """Return requests in one of the orders in which jobs of different runners may send them."""
    if order == "in order":
        return list(requests)
    if order == "reversed":
        return list(reversed(requests))
    return random.Random(order).sample(requests, len(requests))


@pytest.mark.parametrize("order", ORDERS)
def test_each_trace_is_one_tree(exports: list[EncodedRequest], order: str, tmp_path: Path) -> None:
    """In whatever order its parts come: one root, no orphan, and each span once."""
    ids = ids_of(exports)
    with programs.jaeger(tmp_path) as jaeger:
        send(jaeger.otlp, ordered(exports, order))
        for trace_id, spans in ids.items():
            found = trace(jaeger, trace_id, len(spans))
            assert found.ids == dict.fromkeys(spans, 1)
            assert len(found.roots) == 1
            assert found.orphans == []


def test_the_order_of_arrival_changes_nothing(
    exports: list[EncodedRequest], jaeger: Running, tmp_path: Path
) -> None:
    """Nothing of what one sees: names, times, attributes, links, warnings."""
    ids = ids_of(exports)
    send(jaeger.otlp, exports)
    in_order = {each: trace(jaeger, each, len(spans)).same() for each, spans in ids.items()}
    with programs.jaeger(tmp_path) as other:
        send(other.otlp, ordered(exports, "drawn"))
        assert in_order == {
            each: trace(other, each, len(spans)).same() for each, spans in ids.items()
        }


@pytest.mark.parametrize("order", ORDERS)
def test_a_trace_whose_parts_come_twice_is_one_tree(
    exports: list[EncodedRequest], repeated: list[EncodedRequest], order: str, tmp_path: Path
) -> None:
    """In whatever order: one root, no orphan, and each span once."""
    ids = ids_of(exports)
    with programs.jaeger(tmp_path) as jaeger:
        send(jaeger.otlp, ordered([*exports, *repeated], order))
        for trace_id, spans in ids.items():
            found = trace(jaeger, trace_id, len(spans))
            assert found.ids == dict.fromkeys(spans, 1)
            assert len(found.roots) == 1
            assert found.orphans == []


def test_a_repeated_export_changes_nothing(
    exports: list[EncodedRequest], repeated: list[EncodedRequest], tmp_path: Path
) -> None:
    """Nothing of what one sees: names, times, attributes, links, warnings."""
    ids = ids_of(exports)
    with programs.jaeger(tmp_path) as jaeger:
        send(jaeger.otlp, exports)
        before = {each: trace(jaeger, each, len(spans)).same() for each, spans in ids.items()}
        send(jaeger.otlp, repeated)
        after = {each: trace(jaeger, each, len(spans)).same() for each, spans in ids.items()}
    assert after == before


def test_no_span_has_a_warning_but_where_it_is_meant(
    exports: list[EncodedRequest], jaeger: Running
) -> None:
    """Jaeger attaches one to a span of zero length or outside of its parent, and moves nothing.

    Allowed are an opening below another opening and, in a feature trace, what lies before or
    behind its owner.
    """
    send(jaeger.otlp, exports)
    for trace_id, spans in ids_of(exports).items():
        assert trace(jaeger, trace_id, len(spans)).warnings == set()


def test_siblings_have_one_order(exports: list[EncodedRequest], jaeger: Running) -> None:
    """At each load: no two begin in one microsecond."""
    send(jaeger.otlp, exports)
    for trace_id, spans in ids_of(exports).items():
        assert trace(jaeger, trace_id, len(spans)).same_starts() == []


def test_an_open_pull_request_is_a_whole_trace(
    exports: list[EncodedRequest], tmp_path: Path
) -> None:
    """While it is open: a root of its own name, no orphan, no warning, nothing incomplete."""
    sent: list[EncodedRequest] = []
    for request in exports:
        if any(span.name == LIFE for span in spans_of([request])):
            break
        sent.append(request)
    ((trace_id, spans),) = ids_of(sent).items()
    with programs.jaeger(tmp_path) as jaeger:
        send(jaeger.otlp, reversed(sent))
        found = trace(jaeger, trace_id, len(spans))
        (listed,) = search(jaeger, spans_of(sent), {"flow.entity.type": "run"})
    assert found.roots == listed.roots == ["pull request #123"]
    assert found.orphans == []
    assert [text for span in found.spans for text in span["warnings"] or ()] == []
    assert found.same_starts() == []
    assert found.tree("opening", "run", "job") == [
        "pull request #123",
        *("  RUN CI", *(f"    {name}" for name in FIRST_JOBS)),
        *("  RUN CI", "    test (3.14)", "    build image"),
        *("  RUN CI", *(f"    {name}" for name in FIRST_JOBS)),
    ]


def test_a_closed_pull_request_is_the_tree_of_the_design(
    exports: list[EncodedRequest], jaeger: Running
) -> None:
    """Its life, its phases, the runs of its branch, and what delivered it."""
    send(jaeger.otlp, exports)
    (trace_id,) = {span.trace_id for span in spans_of(exports) if span.name == "draft"} - {
        span.trace_id for span in spans_of(exports) if span.attributes["flow.trace"] == "feature"
    }
    found = trace(jaeger, trace_id, len(ids_of(exports)[trace_id]))
    assert found.tree("opening", "life", "phase", "run", "deployment") == [
        "pull request #123",
        *("  open until merged", "  draft", "  RUN CI", "  RUN CI"),
        *("  awaiting review", "  changes requested", "  in review", "  RUN CI"),
        *("  awaiting merge", "  RUN Deploy", "  deploy staging", "  deploy production"),
        *("  RUN Deploy", "  deploy production"),
    ]


def test_an_upgrade_while_a_pull_request_is_open_changes_nothing(
    program: Program, world: World, receiver: Receiver, own_jaeger: Running
) -> None:
    """Spans of one release equal those of the next: no copy has another scope or resource."""
    world.pull_request(123, branch="fix")
    run = world.run(branch="fix", event="pull_request")
    event = json.dumps(events.workflow_run(world, run))
    for version in ("7.8.9", "8.0.0"):
        path = program.folder / "workflow_run.json"
        path.write_text(event, encoding="utf-8")
        environ = {"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_EVENT_PATH": str(path)}
        result = program.action_process(environ, door=DOOR_OF_VERSION.format(version=version))
        assert result.status == 0, result.stdout + result.stderr
    assert "7.8.9" in str(receiver.requests[0].headers)
    requests = [each for each in receiver.requests if each.path.endswith("/v1/traces")]
    spans = receiver.spans
    unique = {span.span_id for span in spans}
    assert len(spans) == 2 * len(unique)
    send(own_jaeger.otlp, (encoded(each.message) for each in requests))
    found = trace(own_jaeger, spans[0].trace_id, len(unique))
    assert found.ids == dict.fromkeys(unique, 1)


def test_a_search_for_a_job_on_main_finds_jobs_only(
    program: Program, world: World, receiver: Receiver, own_jaeger: Running
) -> None:
    """The documented search: neither its steps nor its waits, nor jobs of other branches."""
    for branch, event in (("main", "push"), ("fix", "pull_request")):
        jobs = [job("test (3.14)", steps=[step("Run pytest")]), job("lint")]
        run = world.run(branch=branch, event=event, jobs=jobs)
        program.export(run, otlp_endpoint=own_jaeger.otlp, signals="traces")
        program.export(run)
    tags = documented("Jobs of one name on a branch")
    until(lambda: search(own_jaeger, receiver.spans, tags), "the job is not found")
    found = with_tags(search(own_jaeger, receiver.spans, tags), tags)
    assert [tag(span, "flow.entity.type") for span in found] == ["job"]
    assert [tag(span, "vcs.ref.head.name") for span in found] == ["main"]


def test_the_failed_runs_of_a_branch_are_found_with_their_steps(
    exports: list[EncodedRequest], jaeger: Running
) -> None:
    """The documented search: of live traces alone, with the branch of the demo."""
    send(jaeger.otlp, exports)
    tags = {
        **documented("Which of my last runs failed, and in which step?"),
        "vcs.ref.head.name": "round-vat-once",
    }
    wanted = {
        (span.trace_id, span.name)
        for span in spans_of(exports)
        if tags.items() <= {name: str(v) for name, v in span.attributes.items()}.items()
    }
    assert wanted
    until(lambda: search(jaeger, spans_of(exports), tags), "the runs are not found")
    found = with_tags(search(jaeger, spans_of(exports), tags), tags)
    assert {(span["traceID"], span["operationName"]) for span in found} == wanted


def test_long_steps_are_found_by_their_length(
    exports: list[EncodedRequest], jaeger: Running
) -> None:
    """The documented search with a shortest length: all traces with such a step."""
    send(jaeger.otlp, exports)
    tags = {**documented("The slowest steps of workflow CI on main."), "flow.branch": "other"}
    wanted = {
        span.trace_id
        for span in spans_of(exports)
        if tags.items() <= span.attributes.items() and span.seconds >= SHORTEST
    }
    assert wanted
    until(
        lambda: search(jaeger, spans_of(exports), tags, minDuration=f"{SHORTEST}s"),
        "the steps are not found",
    )
    found = search(jaeger, spans_of(exports), tags, minDuration=f"{SHORTEST}s")
    assert {each.spans[0]["traceID"] for each in found} == wanted
    assert search(jaeger, spans_of(exports), tags, minDuration="3h") == []


def test_runs_and_jobs_are_found_by_their_facts(
    exports: list[EncodedRequest], jaeger: Running
) -> None:
    """A search by tags, as in Jaeger's form: the failed runs of a workflow."""
    send(jaeger.otlp, exports)
    wanted = {
        span.trace_id
        for span in spans_of(exports)
        if span.attributes.get("cicd.pipeline.name") == "CI"
        and span.attributes.get("cicd.pipeline.result") == "failure"
    }
    assert wanted
    tags = {"cicd.pipeline.name": "CI", "cicd.pipeline.result": "failure"}

    def found() -> set[str]:
        traces = search(jaeger, spans_of(exports), tags)
        return {each.spans[0]["traceID"] for each in traces}

    until(lambda: found() >= wanted, "the runs are not found")
    assert found() == wanted


@pytest.mark.skipif(not RECORDED.is_dir(), reason=NO_RECORDED_DATA)
def test_recorded_runs_are_trees_in_any_order_and_repeated(
    program: Program, receiver: Receiver, jaeger: Running
) -> None:
    """Real runs, all exported twice: one root, no orphan, each span once, no warning."""
    ended = [run for run in corpus_of_runs() if run.run["status"] == "completed"]
    for run in [*ended, *ended]:
        with run.served() as api:
            result = program.command(
                *("export", "run", f"--repo={run.repository}", f"--run-id={run.id}"),
                *(f"--run-attempt={run.attempt}", f"--otlp-endpoint={receiver.url}"),
                environ={"GITHUB_API_URL": api, "GITHUB_SERVER_URL": "https://github.com"},
            )
        assert result.status == 0, result.stderr
    requests = [each for each in receiver.requests if each.path.endswith("/v1/traces")]
    mixed = random.Random("runs").sample(requests, len(requests))
    send(jaeger.otlp, (encoded(each.message) for each in mixed))
    ids: dict[str, set[str]] = {}
    for span in receiver.spans:
        ids.setdefault(span.trace_id, set()).add(span.span_id)
    assert len(ids) >= 6
    for trace_id, spans in ids.items():
        found = trace(jaeger, trace_id, len(spans))
        assert found.ids == dict.fromkeys(spans, 1)
        assert (len(found.roots), found.orphans) == (1, [])
        assert found.warnings == set()
        assert found.same_starts() == []
