"""One fault, on one call: the promise holds as the table of docs/contributing/faults.md says."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.faults import promise
from tests.faults.all_cases import KILLS, OF_ENDPOINT, OF_SOURCES, OF_TOOLS
from tests.faults.cases import EVERY, OTLP_CALLS, Case
from tests.faults.items import Items, received_by, spooled_in
from tests.faults.rows import row_of
from tests.faults.stage import Exported, Stage
from tests.stories.test_interrupted import Step
from tests.stories.test_public_repository import PRIVATE
from tools.update_reliability import Row

Compare = Callable[[Case, Row], None]


@pytest.mark.parametrize("case", OF_ENDPOINT, ids=lambda case: case.id)
def test_what_was_collected_is_delivered_or_kept(
    case: Case, stage: Stage, clean: Items, compare: Compare
) -> None:
    """Whatever the endpoint does."""
    end = ended(case, stage)
    promise.check_nothing_is_lost(end, clean)
    promise.check_it_is_told(end)
    if case.heals:
        promise.check_nothing_was_there(end, clean)
    compare(case, row_of(case, end, clean))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals to send")
@pytest.mark.parametrize("case", KILLS, ids=lambda case: case.id)
def test_what_a_killed_program_collected_is_delivered_or_on_disk(
    case: Case, stage: Stage, clean: Items, compare: Compare
) -> None:
    """The one fault after which nothing can be told: a replay sends the rest."""
    case.strike(stage)
    answered = [call for call in OTLP_CALLS if case.call not in (EVERY.name, call.name)]
    given: dict[str, Any] = {"otlp_endpoint": stage.endpoint, **stage.access}
    killed = Step(stage.program, stage.run, visible=PRIVATE, **given)
    paths = {f"/v1/{call.name}" for call in answered}
    killed.until(lambda: paths <= _kept_at(stage.receiver))
    time.sleep(0.3)  # Until the program has removed what was accepted from the disk.
    killed.until(lambda: len(stage.receiver.requests) == len(OTLP_CALLS))
    killed.send(signal.SIGKILL)
    seconds, result = killed.result()
    end = promise.Ending(
        result=result,
        seconds=seconds,
        most_seconds=seconds,
        received=received_by(stage.receiver),
        spooled=spooled_in(result.spool_files),
    )
    promise.check_nothing_is_lost(end, clean)
    promise.check_secrets(end, stage)
    compare(case, row_of(case, end, clean))
    with Receiver() as other:
        command = ("replay", result.spool_folder, "--otlp-endpoint", other.url)
        assert stage.program.command(*command).status == 0
        rest = received_by(other)
    assert not result.spool_folder.exists()
    for signal_name in promise.SIGNALS:
        assert rest.of(signal_name).keys() == end.spooled.of(signal_name).keys()


def _kept_at(receiver: Receiver) -> set[str]:
    """The paths at which requests were answered."""
    return {request.path for request in receiver.requests if request.status == 200}


@pytest.mark.parametrize("case", OF_SOURCES, ids=lambda case: case.id)
def test_what_could_be_read_is_exported(
    case: Case, stage: Stage, all_clean: Mapping[Exported, Items], compare: Compare
) -> None:
    """Whatever GitHub or Jira do."""
    end, clean = ended(case, stage), all_clean[case.exports]
    promise.check_nothing_is_wrong(end, clean)
    if case.heals:
        promise.check_nothing_was_there(end, clean)
    compare(case, row_of(case, end, clean))


@pytest.mark.parametrize("case", OF_TOOLS, ids=lambda case: case.id)
def test_hostile_tool_traces_change_nothing_of_ours(
    case: Case, stage: Stage, all_clean: Mapping[Exported, Items], compare: Compare
) -> None:
    """Every item of ours is as without the file, and what was left out is told."""
    end, clean = ended(case, stage), all_clean[case.exports]
    assert (end.result.outputs["status"], end.wrong) == ("exported", [])
    promise.check_only_tools_added(end, clean)
    assert end.result.notices
    compare(case, row_of(case, end, clean))


def ended(case: Case, stage: Stage) -> promise.Ending:
    """Let the fault strike, and return how the export ended."""
    for tool in case.needs:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there")
    if case.only_posix and sys.platform == "win32":
        pytest.skip("Windows has no such pipes and signals")
    stage.exports, stage.inputs = case.exports, case.inputs
    stage.otlp_timeout = case.otlp_timeout
    case.strike(stage)
    return promise.ending(stage, timeout=case.timeout, fail_on_error=case.fails_on_error)
