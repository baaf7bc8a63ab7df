"""The spool where it cannot be written, and two exports that share it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes import events
from tests.fakes.faults import status
from tests.faults import promise
from tests.faults.items import Items, received_by, spooled_in
from tests.faults.stage import OTLP_HEADER, Stage
from tests.support.spool import files_in

DOOR = "import sys; from flow_telemetry.action import main; sys.exit(main())"


def unwritable(folder: Path, kind: str) -> Path:
    """Return a path at which no folder can be made or written to."""
    if kind == "a file in its place":
        (folder / "spool").write_text("I was here first", encoding="utf-8")
        return folder / "spool"
    if kind == "a file above it":
        (folder / "above").write_text("", encoding="utf-8")
        return folder / "above" / "spool"
    (folder / "spool").mkdir(mode=0o500)
    return folder / "spool"


@pytest.mark.parametrize(
    "kind",
    [
        "a file in its place",
        "a file above it",
        pytest.param(
            "a folder that may not be written",
            marks=pytest.mark.skipif(
                os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere"
            ),
        ),
    ],
)
@pytest.mark.parametrize("fail_on_error", [False, True])
def test_what_cannot_be_kept_is_told_and_counted(
    stage: Stage, clean: Items, kind: str, fail_on_error: bool
) -> None:
    """The one way to lose something: no endpoint and no disk. It is said, item by item."""
    stage.receiver.script("/v1/", status(401), times=None)
    path = unwritable(stage.program.folder, kind)
    result, _ = stage.export(timeout=20, spool_path=path, fail_on_error=fail_on_error)
    told = [each for each in result.warnings + result.errors if "spool could not" in each]
    assert told
    assert "spool-path" in told[0]
    assert result.outputs["status"] == "lost"
    assert result.status == int(fail_on_error)
    assert f"{len(clean.traces)} spans neither delivered nor kept" in result.log
    assert "Traceback" not in result.log


def test_two_exports_at_once_do_not_harm_each_other(stage: Stage, clean: Items) -> None:
    """Two steps of one workspace spool at the same time: every file is whole, each its own."""
    stage.receiver.script("/v1/", status(401), times=None)
    event = events.workflow_run(stage.github.world, stage.run)
    environ = stage.program.action_environ(
        {"GITHUB_EVENT_NAME": "workflow_run", "PYTHONUTF8": "1"},
        event=event,
        otlp_headers=f"x-api-key={OTLP_HEADER}",
        **stage.access,
    )
    command = [sys.executable, "-c", DOOR]
    both = [
        subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert b"Traceback" not in stdout
    folder = stage.program.folder / "temp" / "flow-telemetry" / "spool"
    exports = sorted(folder.iterdir())
    assert len(exports) == 2
    for export in exports:
        kept = spooled_in(files_in(export))
        assert len(files_in(export)) == len(promise.SIGNALS)
        assert [kept.of(signal) for signal in promise.SIGNALS] == [
            clean.of(signal) for signal in promise.SIGNALS
        ]
    assert received_by(stage.receiver).traces == {}


def test_what_was_kept_arrives_later(stage: Stage, clean: Items) -> None:
    """An export spools all of it, a replay delivers it, and the folder is empty again."""
    stage.receiver.script("/v1/", status(401), times=3)
    result, _ = stage.export(timeout=20)
    assert result.outputs["status"] == "spooled"
    replayed = stage.program.command(
        *("replay", result.spool_folder, "--otlp-endpoint", stage.endpoint),
        environ={"OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={OTLP_HEADER}"},
    )
    assert (replayed.status, result.spool_files) == (0, [])
    arrived = received_by(stage.receiver)
    for signal in promise.SIGNALS:
        assert arrived.of(signal) == clean.of(signal)
