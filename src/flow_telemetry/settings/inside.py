"""What the user decides about the inside of jobs: context, machine, reports, traces and logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flow_telemetry.settings import values
from flow_telemetry.settings.choices import JobLogs
from flow_telemetry.settings.inputs import given


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideSettings:
    """Patterns are of paths below the workspace, in order; a leading `!` excludes.

    ``trace_artifacts`` are patterns of artifacts' names, for an export from outside of the job;
    those of forks count only with ``fork_artifacts``. ``log_limit`` is in bytes.
    """

    measure: bool
    inject_endpoint: bool
    test_reports: tuple[str, ...]
    coverage_reports: tuple[str, ...]
    trace_files: tuple[str, ...]
    trace_artifacts: tuple[str, ...]
    fork_artifacts: bool
    logs: JobLogs
    log_limit: int

    @property
    def asked(self) -> bool:
        """Whether an export is to read anything of the inside of jobs."""
        patterns = (
            *(self.test_reports, self.coverage_reports),
            *(self.trace_files, self.trace_artifacts),
        )
        return any(patterns) or self.logs is not JobLogs.NONE


def inside_settings(inputs: Mapping[str, str]) -> InsideSettings:
    """Return what the inputs say of the inside of jobs.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    return InsideSettings(
        measure=values.boolean("measure", given(inputs, "measure")),
        inject_endpoint=values.boolean("inject-endpoint", given(inputs, "inject-endpoint")),
        test_reports=values.lines(given(inputs, "test-reports")),
        coverage_reports=values.lines(given(inputs, "coverage-reports")),
        trace_files=values.lines(given(inputs, "trace-files")),
        trace_artifacts=values.lines(given(inputs, "trace-artifacts")),
        fork_artifacts=values.boolean("fork-artifacts", given(inputs, "fork-artifacts")),
        logs=values.choice("logs", given(inputs, "logs"), JobLogs),
        log_limit=values.size("log-limit", given(inputs, "log-limit")),
    )
