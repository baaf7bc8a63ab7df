"""Parts of an organization's sweep: artifacts of its jobs, with a ledger, a spool and results.

The plan's part has the whole ledger, with which the shards begin. The part of a shard has the
ledger of its own repositories. The last job makes the ledger of the sweep of all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import (
    AccessDeniedError,
    FlowTelemetryError,
    NotFoundError,
    ReportError,
    SourceError,
)
from flow_telemetry.files import replace_file
from flow_telemetry.github.artifacts import (
    LARGEST_DOWNLOAD,
    Artifact,
    download_artifact,
    list_artifacts,
)
from flow_telemetry.http import payload as read
from flow_telemetry.model.sweeps import SweepState, SweptRepository
from flow_telemetry.reports.archives import read_archive
from flow_telemetry.rules.ledger import Ledger, merge_ledgers
from flow_telemetry.sweep.ledger_file import DamagedLedgerError, LedgerFile, parse_ledger
from flow_telemetry.text import counted

# flow-telemetry-part-ATTEMPT-SHARD; the plan is shard 0.
_NAME = re.compile(r"flow-telemetry-part-([0-9]{1,4})-([0-9]{1,3})")
LEDGER_NAME = "ledger.json"
RESULTS_NAME = "results.json"
# Requests in spool folders, and the lines that earlier versions stored.
_SPOOLED = re.compile(
    r"spool/(?:\w[\w.-]{0,200}\.jsonl|\d{8}T\d{6}Z-[0-9a-f]{8}/\w+-\d{6,9}\.otlp\.gz)"
)
_VERSION = 1
_MOST_RESULTS = 100_000
_PAGES_OF_PARTS = 20
# GitHub lists a new artifact at once, as a rule.
_SECONDS_OF_WAITING = 15.0
_POLL_SECONDS = 3.0
_WAITING = "the wait for parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSweep:
    """The files in an artifact of a sweep: its ledger, and its spool by the names of files."""

    ledger: Ledger
    spool: Mapping[str, bytes] = field(default_factory=dict)
    results: bytes = b""


def read_stored_sweep(context: ExportContext, artifact: Artifact) -> StoredSweep:
    """Return what an artifact has.

    Raises:
        DamagedLedgerError, ReportError: it cannot be used.
        FlowTelemetryError: as `download_artifact`.
    """
    content = download_artifact(context.github.required, artifact, LARGEST_DOWNLOAD)
    files, _ = read_archive(
        content,
        str(artifact),
        wanted=lambda name: (
            name in (LEDGER_NAME, RESULTS_NAME) or _SPOOLED.fullmatch(name) is not None
        ),
    )
    ledger, results = files.pop(LEDGER_NAME, None), files.pop(RESULTS_NAME, b"")
    if ledger is None:
        raise DamagedLedgerError(f"it has no {LEDGER_NAME}")
    spool = {name.removeprefix("spool/"): data for name, data in files.items()}
    now = context.clock.now()
    return StoredSweep(ledger=parse_ledger(ledger, now), spool=spool, results=results)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Part:
    """The part of a job of a run; a plan's is number 0. Later attempts replace earlier ones."""

    attempt: int
    shard: int
    artifact: Artifact = field(compare=False)


def list_parts(context: ExportContext, repository: str, run_id: int) -> list[Part]:
    """Return the parts of a run since its last plan, the plan's first.

    Parts of the attempts before that plan are in its ledger, and in its spool.

    Raises:
        FlowTelemetryError: as `list_artifacts`.
    """
    found: dict[tuple[int, int], Part] = {}
    for artifact in list_artifacts(
        context.github.required, repository, run_id=run_id, most_pages=_PAGES_OF_PARTS
    ):
        match = _NAME.fullmatch(artifact.name)
        if match and not artifact.expired and artifact.run_id in (None, run_id):
            attempt, shard = int(match[1]), int(match[2])
            # The newest is listed first.
            found.setdefault(
                (attempt, shard), Part(attempt=attempt, shard=shard, artifact=artifact)
            )
    planned = max((part.attempt for part in found.values() if part.shard == 0), default=None)
    if planned is None:
        return []
    return sorted(part for part in found.values() if part.attempt >= planned)


def without_own_repository(error: SourceError, repository: str) -> NotFoundError:
    """Return the error for a token that cannot read the repository of the sweeping workflow."""
    return NotFoundError(
        f"the ledger cannot be read: {error}. If the token is one of a GitHub App, install it in "
        f"{repository}, too"
    )


def restore_shard(context: ExportContext, file: LedgerFile, shard: int) -> None:
    """Write the ledger with which a shard begins: its plan's, and that of its earlier attempts.

    Raises:
        FlowTelemetryError: there is no plan, or it cannot be read.
    """
    runner = context.settings.runner
    if runner.repository is None or runner.run_id is None or file.path is None:
        raise NotFoundError("`shard` is set, but outside a workflow there is no plan: leave it out")
    try:
        parts = list_parts(context, runner.repository, runner.run_id)
    except (AccessDeniedError, NotFoundError) as error:
        raise without_own_repository(error, runner.repository) from None
    if not parts:
        raise NotFoundError(
            f"run {runner.run_id} of {runner.repository} has no plan: its first job uploads it as "
            "flow-telemetry-part-1-0. The token must be able to read that repository"
        )
    ledgers = []
    for part in parts:
        if part.shard in (0, shard):
            try:
                ledgers.append(read_stored_sweep(context, part.artifact).ledger)
            except (DamagedLedgerError, ReportError) as error:
                if part.shard == 0:
                    raise NotFoundError(f"the plan cannot be used: {error}") from None
    try:
        file.save(merge_ledgers(ledgers))
    except OSError as error:
        raise ReportError(f"the ledger could not be written: {error.strerror}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedParts:
    """The parts of a run as one; ``missing`` are the numbers of shards without a usable part."""

    stored: StoredSweep
    results: tuple[SweptRepository, ...] = ()
    requests: int = 0
    missing: tuple[int, ...] = ()
    damaged: tuple[str, ...] = ()


def merge_parts(
    context: ExportContext, repository: str, run_id: int, *, wait: bool
) -> MergedParts | None:
    """Return the parts of a run as one, of each repository the newest; None without a plan.

    With ``wait`` it looks again for parts that are not listed yet, for some seconds.

    Raises:
        FlowTelemetryError: they cannot be listed.
    """
    deadline = context.reading.at_most(_SECONDS_OF_WAITING, set_by=_WAITING) if wait else None
    while True:
        parts = list_parts(context, repository, run_id)
        found = {part.shard: part for part in parts}
        shards = _read_results(context, found[0]).shards if 0 in found else 0
        missing = [number for number in range(1, shards + 1) if number not in found]
        if not missing or deadline is None or deadline.remaining() < _POLL_SECONDS:
            break
        context.log.info(
            f"waiting for GitHub to list the parts of {counted(len(missing), 'shard')}"
        )
        deadline.sleep(_POLL_SECONDS)
    if 0 not in found:
        return None
    return _merge(context, parts, missing)


def _read_results(context: ExportContext, part: Part) -> Results:
    try:
        return parse_results(read_stored_sweep(context, part.artifact).results)
    except (DamagedLedgerError, FlowTelemetryError):
        return Results()


def _merge(context: ExportContext, parts: Sequence[Part], missing: Iterable[int]) -> MergedParts:
    def read_part(part: Part) -> StoredSweep | str:
        try:
            return read_stored_sweep(context, part.artifact)
        except (DamagedLedgerError, FlowTelemetryError) as error:
            return f"{part.artifact}: {error}"

    ledgers: list[Ledger] = []
    spool: dict[str, bytes] = {}
    results: dict[str, SweptRepository] = {}
    requests = 0
    damaged, unusable = [], set(missing)
    read_parts = context.github.run_concurrently(read_part, parts)
    for part, stored in zip(parts, read_parts, strict=True):
        if isinstance(stored, str):
            damaged.append(stored)
            unusable.add(part.shard)
            continue
        ledgers.append(stored.ledger)
        spool |= stored.spool
        of_part = parse_results(stored.results)
        requests += of_part.requests
        results |= {each.name: each for each in of_part.repositories}
    return MergedParts(
        stored=StoredSweep(ledger=merge_ledgers(ledgers), spool=spool),
        results=tuple(results[name] for name in sorted(results)),
        requests=requests,
        missing=tuple(sorted(unusable)),
        damaged=tuple(damaged),
    )


# Results, a file beside the ledger: numbers of things, without titles and texts of servers


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a job of a sweep did; ``shards`` is the number of shards that a plan made."""

    repositories: tuple[SweptRepository, ...] = ()
    requests: int = 0
    problems: int = 0
    shards: int = 0


def write_results(
    folder: Path,
    repositories: Iterable[SweptRepository],
    *,
    requests: int,
    problems: int = 0,
    shards: int = 0,
) -> None:
    """Write the results of a job beside its ledger.

    Raises:
        OSError: the disk fails.
    """
    content = {
        "version": _VERSION,
        "requests": requests,
        "problems": problems,
        "shards": shards,
        "repositories": [
            {
                "name": each.name,
                "state": each.state.value,
                "exported": each.exported,
                "exported-before": each.exported_before,
                "pending": each.pending,
                "requests": each.requests,
            }
            for each in repositories
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / RESULTS_NAME, (json.dumps(content) + "\n").encode())


def parse_results(content: bytes) -> Results:
    """Return the results in a file; empty ones if it has none."""
    try:
        root: Any = json.loads(content.decode())
    except (ValueError, RecursionError):
        return Results()
    if not isinstance(root, dict) or root.get("version") != _VERSION:
        return Results()
    repositories = [_parse_result(each) for each in read.children(root, "repositories")]
    return Results(
        repositories=tuple(filter(None, repositories[:_MOST_RESULTS])),
        requests=read.number(root, "requests") or 0,
        problems=read.number(root, "problems") or 0,
        shards=min(read.number(root, "shards") or 0, 256),
    )


def _parse_result(item: Mapping[str, Any]) -> SweptRepository | None:
    name, state = read.text(item, "name"), read.text(item, "state")
    if not name or state not in {each.value for each in SweepState}:
        return None
    return SweptRepository(
        name=name[:200],
        state=SweepState(state),
        exported=read.number(item, "exported") or 0,
        exported_before=read.number(item, "exported-before") or 0,
        pending=read.number(item, "pending") or 0,
        requests=read.number(item, "requests") or 0,
    )
