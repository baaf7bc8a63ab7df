"""The whole program with OpenTelemetry's SDK in it, in jobs that have set it up for themselves."""

from __future__ import annotations

import opentelemetry.environment_variables as of_api
import opentelemetry.sdk.environment_variables as of_sdk
from tests.fakes.faults import delayed
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, annotation, job, step
from tests.support.program import Program

CANARY = "canary-of-another-backend"
# They are settings of ours as well, and a bad value is told.
OURS = (
    *("OTEL_EXPORTER_OTLP_", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"),
    *("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXPORTER"),
)
# Says, after the export, which threads imported the SDK.
WATCHED = (
    "import sys, threading; seen = set()\n"
    "sys.addaudithook(lambda event, given: seen.add(threading.current_thread().name)"
    " if event == 'import' and given[0].startswith('opentelemetry.sdk') else None)\n"
    "from flow_telemetry.action import main; status = main()\n"
    "print('threads:', *sorted(seen)); sys.exit(status)"
)


def run_with_all_signals(world: World) -> Run:
    """A run that has spans, an event and metrics."""
    failed = job("test", "failure", steps=[step("T", 3, "failure")], annotations=[annotation("no")])
    return world.run(conclusion="failure", jobs=[failed])


def variables_of_the_sdk() -> list[str]:
    """Every variable that the SDK and its exporters know."""
    found = {
        value
        for module in (of_api, of_sdk)
        for value in vars(module).values()
        if isinstance(value, str) and value.startswith("OTEL_")
    }
    return sorted(name for name in found if not name.startswith(OURS))


def test_headers_for_another_backend_stay_with_the_job(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Whether the action has headers of its own or none, no signal has the job's."""
    run = run_with_all_signals(world)
    job_of_others = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://other.example",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-other={CANARY}",
        **{
            f"OTEL_EXPORTER_OTLP_{signal}_HEADERS": f"x-other-{signal}={CANARY}"
            for signal in ("TRACES", "LOGS", "METRICS")
        },
    }
    for inputs in ({"otlp_headers": "x-ours=1"}, {}):
        result = program.action_process(job_of_others, run_id=run.id, **inputs)
        assert result.outputs["status"] == "exported"
    assert {each.path for each in receiver.requests} == {"/v1/traces", "/v1/logs", "/v1/metrics"}
    assert CANARY not in str([each.headers for each in receiver.requests])


def test_a_jobs_settings_of_the_sdk_change_nothing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Not even a value at which the SDK's import fails."""
    run = run_with_all_signals(world)
    names = variables_of_the_sdk()
    assert {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_PYTHON_CONTEXT"} <= set(names)
    plain = program.action_process(run_id=run.id)
    before = len(receiver.spans)
    changed = program.action_process(dict.fromkeys(names, "nonsense"), run_id=run.id)
    for result in (plain, changed):
        assert (result.outputs["status"], result.warnings, result.stderr) == ("exported", [], "")
    assert before
    assert receiver.spans[:before] == receiver.spans[before:]


def test_the_sdk_prints_nothing(program: Program, world: World, receiver: Receiver) -> None:
    """It logs each failure as an error, which Python writes to standard error."""
    receiver.__exit__(None, None, None)
    run = run_with_all_signals(world)
    result = program.action_process(run_id=run.id, timeout="10s")
    assert (result.outputs["status"], result.stderr) == ("spooled", "")


def test_the_sdk_is_loaded_while_github_is_read(program: Program, world: World) -> None:
    """In a thread of its own; the logs' part, which few exports need, when it is needed."""
    program.github.script("/actions/runs/", delayed(3))
    run = world.run(jobs=[job("test", steps=[step("T", 3)])])
    result = program.action_process(run_id=run.id, door=WATCHED)
    assert result.stdout.splitlines()[-1] == "threads: sdk-preload"
    failed = run_with_all_signals(world)
    result = program.action_process(run_id=failed.id, door=WATCHED)
    assert result.stdout.splitlines()[-1] == "threads: MainThread sdk-preload"
