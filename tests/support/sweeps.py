"""Sweeps of the fake world through the action, in the runs of a workflow that keeps its ledger.

    own = swept(world, ago(minutes=1), None)
    result = sweep(program, own, sweep_runs=True)

As on a runner, the folder of the ledger is empty at the start and becomes an artifact of the run
at the end. The clock is the real one, so worlds have times that are `ago`; `earlier` makes a ledger
that of a sweep some hours ago.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from tests.fakes.faults import Answer, Request
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, sha_of, step
from tests.support import closings
from tests.support.program import Program, Result

FILE = ".github/workflows/flow-telemetry.yml"
OURS = "Flow telemetry"
ARTIFACT = "flow-telemetry-ledger"
LEDGER_FILE = "ledger.json"


@cache
def _start_of(_: str) -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)


def ago(**units: float) -> datetime:
    """Return a time before the test began."""
    test, _, _ = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")
    return _start_of(test) - timedelta(**units)


def text_of(time: datetime) -> str:
    """Return a time as GitHub writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def merged(world: World, number: int, at: datetime, **facts: Any) -> None:
    """Add a pull request that was merged then, after an hour."""
    sha = sha_of(f"merge of {number}")
    given = {"branch": f"branch-{number}", "merge_commit_sha": sha, **facts}
    world.pull_request(number, opened_at=at - timedelta(hours=1), merged_at=at, **given)


def sent_by_event(
    world: World, title: str, at: datetime, conclusion: str | None = "success"
) -> Run:
    """Add a run of our own workflow that an event started, named after what it exports.

    Without a conclusion it is still going on.
    """
    jobs = [job(closings.OUR_JOB, conclusion, steps=[step("Export", 1, conclusion)])]
    return world.run(
        workflow=OURS,
        path=FILE,
        event=title.partition(" ")[0],
        title=title,
        created_at=at,
        jobs=jobs if conclusion else closings.going_on(),
    )


def swept(world: World, at: datetime, conclusion: str | None = "success", **facts: Any) -> Run:
    """Add a scheduled run of our own workflow."""
    jobs = [job(closings.OUR_JOB, conclusion, steps=[step("Export", 1, conclusion)])]
    given: dict[str, Any] = {
        "workflow": OURS,
        "path": FILE,
        "event": "schedule",
        "title": OURS,
        "created_at": at,
        "jobs": jobs if conclusion else closings.going_on(),
        **facts,
    }
    return world.run(**given)


def sweep(program: Program, own: Run | None = None, /, **inputs: Any) -> Result:
    """Run the action in a scheduled run of our own workflow, by default in a new one."""
    world = program.github.world
    own = own or swept(world, ago(minutes=1), None)
    shutil.rmtree(folder_of_ledger(program), ignore_errors=True)
    result = program.action(environ_of(own), **{"since": "last", **inputs})
    store_ledger(program, own)
    conclusion = "failure" if result.status else "success"
    world.change_job(own, closings.OUR_JOB, conclusion=conclusion)
    return result


def environ_of(own: Run) -> dict[str, str]:
    """Return the variables of a runner that works on a scheduled run."""
    return {
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_RUN_ID": str(own.id),
        "GITHUB_RUN_ATTEMPT": str(own.attempt),
        "GITHUB_WORKFLOW_REF": f"acme/shop/{FILE}@refs/heads/main",
    }


def store_ledger(program: Program, own: Run, content: str | None = None) -> None:
    """Store a ledger as an artifact of a run: the content, or the runner's files if there are any.

    The spool is in the same folder, as in the ready workflow.
    """
    path = folder_of_ledger(program) / LEDGER_FILE
    files: dict[str, bytes | str] = {}
    if content is not None:
        files[LEDGER_FILE] = content
    elif path.exists():
        files[LEDGER_FILE] = path.read_text(encoding="utf-8")
        spooled = [each for each in (path.parent / "spool").rglob("*") if each.is_file()]
        files |= {each.relative_to(path.parent).as_posix(): each.read_bytes() for each in spooled}
    if files:
        program.github.world.artifact(ARTIFACT, files, run=own.id)


def stored_ledger(program: Program) -> dict[str, Any]:
    """Return the ledger that was stored last."""
    content = program.github.world.artifacts[-1].plan.content
    assert not isinstance(content, bytes)
    ledger: dict[str, Any] = json.loads(content[LEDGER_FILE])
    return ledger


def sources_in(ledger: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the sources of a ledger."""
    for sources in ledger["repositories"].values():
        yield from sources.values()


def earlier(
    ledger: dict[str, Any], *, forgets: bool = False, tries: int | None = None, **units: float
) -> dict[str, Any]:
    """Return a ledger as if its sweep had been so much earlier, when nothing later had ended.

    With ``forgets`` it has no exported things, as after some days. ``tries`` are those of each
    pending thing.
    """
    by = timedelta(**units)
    for source in sources_in(ledger):
        for name in ("mark", "full_mark"):
            if source.get(name):
                source[name] = max(_moved(source[name], by), source["start"])
        for pending in source["pending"]:
            pending["end"] = _moved(pending["end"], by)
            pending["tries"] = pending["tries"] if tries is None else tries
        if forgets:
            source["exported"] = []
    return ledger


def _moved(time: str, by: timedelta) -> str:
    return (datetime.fromisoformat(time) - by).isoformat()


def rewrite_ledger(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the ledger in a file of the command line."""
    ledger = change(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(ledger), encoding="utf-8")


def store_earlier_ledger(program: Program, **changes: Any) -> None:
    """Store the last ledger again, as if its sweep had been earlier; see `earlier`."""
    ledger = earlier(stored_ledger(program), **changes)
    last = program.github.world.artifacts.pop()
    own = next(run for run in program.github.world.attempts if run.id == last.plan.run)
    store_ledger(program, own, json.dumps(ledger))


def names(receiver: Receiver) -> list[str]:
    """Return the names of exported things: those of spans; of an owner for its first life."""
    owners = {s.span_id: s.name for s in receiver.spans}
    found = []
    for span in receiver.spans:
        kind = span.attributes["flow.entity.type"]
        if kind in ("run", "change", "work_item", "deployment"):
            found.append(span.name)
        elif span.attributes["flow.reference"].endswith("#life:1"):
            found.append(owners[span.parent_span_id])
    return sorted(found)


def folder_of_ledger(program: Program) -> Path:
    """Return the folder on the runner that becomes the artifact."""
    return program.folder / "temp" / "flow-telemetry"


def asks_for_several(request: Request) -> bool:
    """Whether a request is the query for several things at once."""
    return b"query Ahead" in request.body


# GitHub's answer to a query that it does not carry out, in place of a response with data.
QUERY_REFUSED = Answer(status=200, body=b'{"errors": [{"message": "no"}]}')


def lack_ahead(github: FakeGitHub, *numbers: int) -> None:
    """Let queries for several things be answered without these, with an error for each."""

    def lacks(request: Request) -> bool:
        return asks_for_several(request) and bool(set(numbers) & set(_fields_of(request).values()))

    def without(request: Request, real: Answer) -> Answer:
        payload = json.loads(real.body)
        for field, number in _fields_of(request).items():
            if number in numbers:
                payload["data"]["repository"][field] = None
                payload.setdefault("errors", []).append(
                    {
                        "type": "NOT_FOUND",
                        "path": ["repository", field],
                        "message": f"Could not resolve to a node with the number of {number}.",
                    }
                )
        return replace(real, body=json.dumps(payload).encode())

    github.script(lacks, without, times=None)


def _fields_of(request: Request) -> dict[str, Any]:
    """The fields of a query for several things, `i0` and on, with their numbers."""
    variables = json.loads(request.body)["variables"]
    return {
        name.replace("number", "i"): value
        for name, value in variables.items()
        if name.startswith("number")
    }
