"""Context of the runner: the run, job and files of the step.

https://docs.github.com/en/actions/reference/workflows-and-actions/variables lists the variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from flow_telemetry.settings.inputs import PREFIX

# Later Unix seconds may not be valid dates.
_YEAR_3000 = 32_503_680_000
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerContext:
    """The run, job and files of the step that the program runs in; all None outside a runner.

    ``check_run_id`` is the id of the job, if the server gives it. ``step_started_at`` is when the
    action's first line ran. ``workflow_file`` is the name of the workflow's file. ``ref_type`` is
    `branch` or `tag`. ``token_of_workflow`` is whether the action's token is that of the workflow
    (GITHUB_TOKEN), if the action says so.
    """

    repository: str | None = None
    run_id: int | None = None
    run_attempt: int | None = None
    workflow_file: str | None = None
    event_name: str | None = None
    event_path: str | None = None
    ref_type: str | None = None
    runner_name: str | None = None
    check_run_id: int | None = None
    job_status: str | None = None
    token_of_workflow: bool | None = None
    step_started_at: datetime | None = None
    summary_path: str | None = None
    output_path: str | None = None
    environment_path: str | None = None
    temporary_folder: str | None = None
    workspace: str | None = None
    debug: bool = False

    @property
    def upload_folder(self) -> Path | None:
        """The folder for what a workflow may upload, such as the spool, the ledger and the page."""
        folder = self.temporary_folder
        return Path(folder) / "flow-telemetry" if folder else None

    @property
    def own_folder(self) -> Path | None:
        """The folder through which the program's steps of one job exchange files."""
        folder = self.temporary_folder
        return Path(folder) / "flow-telemetry-job" if folder else None

    @property
    def private_folder(self) -> Path | None:
        """The folder for files of the program that must not become public."""
        folder = self.temporary_folder
        return Path(folder) / "flow-telemetry-private" if folder else None


def runner_context(environ: Mapping[str, str]) -> RunnerContext:
    """Return the context of the runner; a missing or malformed variable is None."""
    # `acme/shop/.github/workflows/ci.yml@refs/heads/main`
    workflow_path = environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0]
    started = _number(environ, f"{PREFIX}STARTED_AT")
    if started is not None and started > _YEAR_3000:
        started = None
    return RunnerContext(
        repository=environ.get("GITHUB_REPOSITORY") or None,
        run_id=_number(environ, "GITHUB_RUN_ID"),
        run_attempt=_number(environ, "GITHUB_RUN_ATTEMPT"),
        workflow_file=workflow_path.rpartition("/")[2] or None,
        event_name=environ.get("GITHUB_EVENT_NAME") or None,
        event_path=environ.get("GITHUB_EVENT_PATH") or None,
        ref_type=environ.get("GITHUB_REF_TYPE") or None,
        runner_name=environ.get("RUNNER_NAME") or None,
        check_run_id=_number(environ, f"{PREFIX}CHECK_RUN_ID"),
        job_status=environ.get(f"{PREFIX}JOB_STATUS") or None,
        token_of_workflow=_TRUTH.get(environ.get(f"{PREFIX}TOKEN_OF_WORKFLOW", "")),
        step_started_at=(
            None if started is None else datetime.fromtimestamp(started, tz=timezone.utc)
        ),
        summary_path=environ.get("GITHUB_STEP_SUMMARY") or None,
        output_path=environ.get("GITHUB_OUTPUT") or None,
        environment_path=environ.get("GITHUB_ENV") or None,
        temporary_folder=environ.get("RUNNER_TEMP") or None,
        workspace=environ.get("GITHUB_WORKSPACE") or None,
        debug=environ.get("RUNNER_DEBUG") == "1",
    )


def _number(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None
