"""Sweeps of an organization as its workflow runs them: plan, shards, and the job that merges.

Everything of the program is real but the network, the clock and the backend.
"""

from __future__ import annotations

import heapq
import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from tests.fakes.world import job
from tests.simulation.program import build_simulated_context
from tests.simulation.recorder import METRIC_ATTRIBUTES, Export, Recorder
from tests.simulation.things import Kind as RecordedKind

from benchmarks.organization.github import API, CENTRAL, OrganizationGitHub
from benchmarks.organization.history import START, Kind, RepositoryHistory, Thing
from benchmarks.organization.limits import Account
from flow_telemetry.context import ExportContext
from flow_telemetry.outcome import Outcome
from flow_telemetry.rules.shards import PARALLEL_SHARDS
from flow_telemetry.settings import EntryPoint, load_settings
from flow_telemetry.settings.inputs import INPUTS
from flow_telemetry.sweep.jobs import merge_sweep, plan_jobs
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.organization import export_organization

FILE = ".github/workflows/sweep.yml"
FIRST_WINDOW = timedelta(hours=25)
# A response takes 0.1 s, and five requests are under way at once: a sweep of 500 pull requests,
# which `python -m benchmarks` measures with that latency, takes 0.02 s of waiting a request.
SECONDS_A_REQUEST = 0.02
# A job begins so many seconds after the one that it needs has ended: a runner has to start.
BETWEEN_JOBS = 30.0
# A shard ends after 50 minutes, with time to save.
TIMEOUT = 3_000
_KINDS = {RecordedKind.ATTEMPT: Kind.RUN, RecordedKind.CHANGE: Kind.CHANGE}


class JobClock:
    """The clock of a job, whose threads wait side by side: each until its own time.

    A thread that waits does so from the time that it has seen last.
    """

    def __init__(self, start: datetime) -> None:
        """Start the clock."""
        self._start = start
        self._elapsed = 0.0
        self._seen = threading.local()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        self._seen.seconds = self._elapsed
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Let time pass, unless it has passed already."""
        until = getattr(self._seen, "seconds", self._elapsed) + max(0.0, seconds)
        with self._lock:
            self._elapsed = max(self._elapsed, until)

    def spend(self, seconds: float) -> None:
        """Let time pass for all threads."""
        with self._lock:
            self._elapsed += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A thing that was exported, by its kind and number, and when."""

    kind: Kind
    number: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFigures:
    """One sweep: its shards, its requests by repository and resource, and what it exported.

    ``planned`` are the requests of the plan, ``fixed`` those of later jobs for no swept repository.
    ``points`` are those of its GraphQL queries.
    """

    started_at: datetime
    ended_at: datetime
    shards: int
    fixed: Counter[str]
    planned: Counter[str]
    swept: Counter[tuple[str, str]]
    points: int
    exported: tuple[Exported, ...]
    problems: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class CentralWorkflow:
    """The workflow that sweeps the organization ``acme``; each job has a folder of its own."""

    github: OrganizationGitHub
    folder: Path
    shards: int
    first_window: timedelta
    _clock: JobClock = field(default_factory=lambda: JobClock(START))
    _run_id: int = 0
    _begun: bool = False

    def sweep(self, at: datetime) -> SweepFigures:
        """Run all jobs of a scheduled run that begins then."""
        self._clock = JobClock(at)
        self.github.advance(at)
        world = self.github.central.world
        run = world.run(
            workflow="Sweep",
            path=FILE,
            event="schedule",
            title="schedule",
            created_at=at,
            jobs=[job("plan", None)],
        )
        self._run_id = run.id
        before, points = Counter(self.github.sent), self.github.points
        exports: list[Export] = []
        plan, _ = self._job("flow-telemetry-part-1-0", exports, mode="plan")
        planned = Counter(self.github.sent) - before
        problems = [*plan.problems]
        begin = self._clock.now() + timedelta(seconds=BETWEEN_JOBS)
        # Some jobs of a matrix run side by side; the next one begins when one of them has ended.
        ends, lanes = [begin], [begin] * PARALLEL_SHARDS
        rows = json.loads(plan.context.get("matrix", '{"include":[]}'))["include"]
        for row in rows:
            self._clock = JobClock(heapq.heappop(lanes))
            outcome, _ = self._job(
                f"flow-telemetry-part-1-{row['shard']}",
                exports,
                mode="sweep",
                shard=row["shard"],
                sweep_repositories=row["repositories"],
                max_requests=row["max-requests"],
            )
            problems += outcome.problems
            ends.append(self._clock.now())
            heapq.heappush(lanes, ends[-1] + timedelta(seconds=BETWEEN_JOBS))
        self._clock = JobClock(max(ends) + timedelta(seconds=BETWEEN_JOBS))
        merged, _ = self._job("flow-telemetry-ledger", exports, mode="merge")
        problems += merged.problems
        self._begun = True
        world.change_job(run, "plan", conclusion="success")
        sent = Counter(self.github.sent) - before
        return SweepFigures(
            started_at=at,
            ended_at=self._clock.now(),
            shards=len(rows),
            fixed=_of_no_repository(sent - planned),
            planned=_by_resource(planned),
            swept=Counter({k: n for k, n in (sent - planned).items() if k[0] not in ("", CENTRAL)}),
            points=self.github.points - points,
            exported=tuple(_exported(exports)),
            problems=tuple(problems),
        )

    def clock_now(self) -> datetime:
        """Return the time of the job that runs."""
        return self._clock.now()

    def _job(
        self, artifact: str, exports: list[Export], **inputs: object
    ) -> tuple[Outcome, ExportContext]:
        shutil.rmtree(self.folder, ignore_errors=True)
        folder = self.folder / "flow-telemetry"
        folder.mkdir(parents=True)
        recorder = Recorder(
            0, now=self._clock.now, ledger=lambda: None, random=Random("no kill is simulated")
        )
        context = self._context(recorder, inputs)
        file = LedgerFile(folder / "ledger.json")
        if inputs["mode"] == "plan":
            outcome = plan_jobs(context, file)
        elif inputs["mode"] == "merge":
            outcome = merge_sweep(context, file)
        else:
            outcome = export_organization(context, "acme", file)
        exports += recorder.exports
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        if files:
            self.github.central.world.artifact(artifact, files, run=self._run_id)
        return outcome, context

    def _context(self, recorder: Recorder, inputs: dict[str, object]) -> ExportContext:
        texts = {
            "otlp-endpoint": "https://backend.example.com",
            "github-token": "token-of-the-simulation",
            "organization": "acme",
            # The first sweep is long enough for the daily list, after which sweeps need less.
            "since": "last" if self._begun else f"{int(self.first_window.total_seconds())}s",
            "sweep-runs": "true",
            "shards": str(self.shards),
            "timeout": str(TIMEOUT),
            "metric-attributes": ", ".join(METRIC_ATTRIBUTES),
            **{name.replace("_", "-"): str(value) for name, value in inputs.items()},
        }
        variables = {row.name: row.variable for row in INPUTS}
        environ = {
            "GITHUB_API_URL": API,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_EVENT_NAME": "schedule",
            "GITHUB_REPOSITORY": CENTRAL,
            "GITHUB_RUN_ID": str(self._run_id),
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKFLOW_REF": f"{CENTRAL}/{FILE}@refs/heads/main",
            "RUNNER_TEMP": str(self.folder),
            **{variables[name]: text for name, text in texts.items()},
        }
        settings = load_settings(environ, EntryPoint.ACTION)
        clock = self._clock

        def ask(request: object) -> object:
            clock.spend(SECONDS_A_REQUEST)
            return self.github.respond(request)  # type: ignore[arg-type]

        return build_simulated_context(
            settings,
            exporter=recorder,
            clock=clock,
            ask_github=ask,  # type: ignore[arg-type]
            # As in the action: a plan, and the job that merges, have no limit but the token's.
            bounded=inputs["mode"] == "sweep",
        )


def _exported(exports: Sequence[Export]) -> Iterator[Exported]:
    for each in exports:
        kind = _KINDS.get(each.thing.kind, Kind.ISSUE)
        number = int(each.thing.key.rpartition("#")[2].partition("/")[0])
        yield Exported(kind=kind, number=number, at=each.at)


def _of_no_repository(sent: Counter[tuple[str, str]]) -> Counter[str]:
    return _by_resource(Counter({k: n for k, n in sent.items() if k[0] in ("", CENTRAL)}))


def _by_resource(sent: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, resource), number in sent.items():
        found[resource] += number
    return found


def run_sweeps(
    histories: Sequence[RepositoryHistory],
    times: Sequence[datetime],
    folder: Path,
    *,
    shards: int,
    limit: int | None,
    first_window: timedelta = FIRST_WINDOW,
) -> Iterator[SweepFigures]:
    """Yield the figures of each sweep over a GitHub with these histories and this primary limit.

    The first sweep exports what ended within ``first_window``.

    Raises:
        RuntimeError: the fake GitHub could not answer something.
    """
    account = None if limit is None else Account(limit)
    github = OrganizationGitHub(now=lambda: times[0], account=account)
    workflow = CentralWorkflow(
        github=github, folder=folder, shards=shards, first_window=first_window
    )
    github.now = workflow.clock_now
    github.add(histories, times[0] - timedelta(hours=2))
    try:
        for at in times:
            yield workflow.sweep(at)
        problems = github.problems()
        if problems:
            raise RuntimeError(f"the fake GitHub failed: {problems[0]!r}")
    finally:
        github.stop()


def things_by_number(histories: Sequence[RepositoryHistory]) -> dict[int, Thing]:
    """Return the things of all repositories by their number."""
    return {thing.number: thing for each in histories for thing in each.things}
