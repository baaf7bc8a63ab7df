"""Workflow files: jobs that may fail, and the steps by which workflows export their own runs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import quote

from flow_telemetry.errors import FlowTelemetryError, NotFoundError, PayloadError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.webhook import CHANGE_EVENTS, LIVE_EVENTS
from flow_telemetry.http import payload as read
from flow_telemetry.model import Job, Run
from flow_telemetry.settings.shared import known_settings

# GitHub's own limit is far smaller. In a run of a pull request, its author wrote the file.
_LONGEST_FILE = 1_000_000
# https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
_MOST_FILES = 51
# The values of `continue-on-error` that allow nothing.
_NOT_ALLOWED = ("false", "False", "FALSE", "null", "~", "")


def allows_failures(client: GitHubClient, run: Run) -> bool | None:
    """Return whether a job of the run's workflows has `continue-on-error`; None if unknown.

    The files are read at the run's commit, those of called workflows at the commits that GitHub
    names. An expression as the value may be true. None if a file cannot be read or parsed.
    """
    files = [(run.repository.full_name, run.path.partition("@")[0], run.head_sha)]
    for path, sha in run.referenced_workflows:
        owner, _, rest = path.partition("@")[0].partition("/")
        name, _, file = rest.partition("/")
        files.append((f"{owner}/{name}", file, sha))
    unknown = len(files) > _MOST_FILES
    for repository, path, sha in dict.fromkeys(files[:_MOST_FILES]):
        try:
            if _has_continue_on_error(_read_file_at(client, repository, path, sha)):
                return True
        except (FlowTelemetryError, ValueError):
            unknown = True
    return None if unknown else False


def _read_file_at(client: GitHubClient, repository: str, path: str, sha: str) -> str:
    """Return the text of a file at a commit. Raises ValueError as `_read_file`."""
    if not path.startswith(FOLDER) or not sha:
        # Workflows of `dynamic/…` paths, such as GitHub Pages, have no file.
        raise ValueError(f"{path} is not a workflow file")
    return _read_file(client, repository, path, ref=sha)


def _read_file(client: GitHubClient, repository: str, path: str, **query: str) -> str:
    """Return the text of a file. Raises ValueError if it is not a text of usual size."""
    what = f"{path} of {repository}"
    payload = client.get(f"/repos/{repository}/contents/{quote(path)}", what, **query)
    content = read.text(payload, "content") if isinstance(payload, dict) else None
    if not content or len(content) > _LONGEST_FILE:
        raise ValueError(f"{what} has no usable content")
    try:
        return base64.b64decode(content).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{what} is not a text") from error


def _has_continue_on_error(text: str) -> bool:
    """Whether a job may fail without failing the run. Raises ValueError if it is not YAML."""
    values = (_mapping(job).get("continue-on-error") for job in _jobs(_compose(text)).values())
    return any(value is not None and value.value not in _NOT_ALLOWED for value in values)


# The nodes of a file. Nothing is made of the author's tags, which raise many kinds of errors.

# Of a list or mapping, and in characters. An alias can repeat a long value very often.
_MOST_VALUES = 1_000
_LONGEST_VALUE = 5_000


def _compose(text: str) -> dict[str, Any]:
    """Return the nodes of a file by their keys. Raises ValueError if it is not YAML."""
    # Loaded only if a file is read, as after a failed job while the run goes on.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        document: Any = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, RecursionError, ValueError, ArithmeticError, LookupError) as error:
        raise ValueError("the workflow file is not YAML") from error
    return _mapping(document)


def _jobs(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nodes of a file's jobs by their ids. Raises ValueError if there is no job."""
    jobs = _mapping(document.get("jobs"))
    if not jobs:
        raise ValueError("the workflow file has no jobs")
    return jobs


def _mapping(node: Any) -> dict[str, Any]:
    """Return the nodes of a YAML mapping by key; empty if the node is none."""
    if getattr(node, "id", None) != "mapping":
        return {}
    pairs = node.value[:_MOST_VALUES]
    return {key.value: value for key, value in pairs if isinstance(key.value, str)}


def _items(node: Any) -> list[Any]:
    """Return the nodes of a YAML list; empty if the node is none."""
    return list(node.value) if getattr(node, "id", None) == "sequence" else []


def _text(node: Any) -> str:
    """Return the text of a scalar, truncated if it is very long; empty if the node is none."""
    value = getattr(node, "value", None)
    if getattr(node, "id", None) != "scalar" or not isinstance(value, str):
        return ""
    return value[:_LONGEST_VALUE].strip()


def _texts(node: Any) -> tuple[str, ...]:
    """Return the texts of a list; a scalar is a list of one, a mapping the list of its keys."""
    if text := _text(node):
        return (text,)
    texts = (*map(_text, _items(node)[:_MOST_VALUES]), *_mapping(node))
    return tuple(filter(None, texts))


# The steps of a file that use this action.

FOLDER = ".github/workflows/"
# Files of real workflows have at most a few thousand lines. A second takes about 30,000 characters.
_LONGEST_PARSED = 100_000
# By aliases (`*steps`), a short file can repeat a long list of steps in each of many jobs.
_MOST_STEPS = 2_000
_MOST_USES = 200
_ACTION = re.compile(r"[^@.:/][^@:]*/flow-telemetry@.+", re.IGNORECASE)
_CALLED = re.compile(
    r"[^@.:/][^@:]*/flow-telemetry/\.github/workflows/telemetry\.ya?ml@.+", re.IGNORECASE
)
_LOCAL_CALL = re.compile(r"\./(\.github/workflows/[^/@]+)")
# The inputs that decide what a step exports.
_INPUTS = frozenset(
    {
        *("mode", "export", "target", "run-id", "since", "sweep-runs", "workflows", "branches"),
        *("events", "phases"),
    }
)
# Conditions that are true for some runs of any workflow: they concern results only.
_RESULT = r"(?:always|success|failure|cancelled)\(\)|github\.event\.workflow_run\.conclusion"
_ABOUT_RESULTS = re.compile(rf"(?:{_RESULT}|[!=]=|'\w*'|&&|\|\||[!()\s])*")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
# Conditions that are true whether something before failed or not.
_ALWAYS = ("always()", "!cancelled()", "success()||failure()", "failure()||success()")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionUse:
    """A step that uses this action, or a job that calls its workflow `telemetry.yml`.

    ``job`` is the id of the job, ``uses`` the action or workflow with its ref (`@v1`), ``inputs``
    the texts of those `with` values that decide what is exported; an expression is a text too.
    ``job_condition`` and ``condition`` are the texts of the job's and of the step's `if`.
    """

    job: str
    uses: str
    called: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)
    job_condition: str = ""
    condition: str = ""

    @property
    def mode(self) -> str:
        """The mode, in lower case; `auto` if there is none."""
        return self.inputs.get("mode", "").lower() or "auto"

    @property
    def export(self) -> str:
        """The part of its own run that it exports, in lower case; `run` if there is none."""
        return self.inputs.get("export", "").lower() or "run"

    @property
    def certain(self) -> bool:
        """Whether no condition but one about results decides if it exports something."""
        conditions = (self.job_condition, self.condition)
        return all(_ABOUT_RESULTS.fullmatch(_bare(text)) for text in conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFile:
    """What a workflow file says about exports.

    ``name`` is the name of the workflow, which is the path of a file without one. ``triggers`` has
    the `types` of each event in ``on``, empty for the usual ones. ``follows`` are the names under
    `on.workflow_run.workflows`, and ``follows_some`` is whether branches limit their runs.
    ``job_names`` has the names of the jobs by their ids, ``calls`` the paths of the workflows of
    the same repository that jobs call. ``deploys`` is whether a job has an `environment`,
    ``several_jobs`` whether a run may have more than one job.
    """

    path: str
    name: str
    triggers: Mapping[str, frozenset[str]]
    follows: tuple[str, ...] = ()
    follows_some: bool = False
    uses: tuple[ActionUse, ...] = ()
    job_names: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    deploys: bool = False
    several_jobs: bool = False

    @property
    def timed(self) -> bool:
        """Whether a schedule or a dispatch starts the workflow, which can make it a sweep."""
        return "schedule" in self.triggers or "workflow_dispatch" in self.triggers


def parse_workflow_file(text: str, path: str) -> WorkflowFile:
    """Return what a workflow file says about exports; ``path`` is that of the file.

    Uses of the action by a local path (`./`) are not recognized.

    Raises:
        ValueError: the text is too long, not YAML, or not a workflow.
    """
    if len(text) > _LONGEST_PARSED:
        raise ValueError("the workflow file is too long")
    document = _compose(text)
    jobs = {id_: _mapping(job) for id_, job in _jobs(document).items()}
    on = document.get("on")
    events = {name: _mapping(_mapping(on).get(name)) for name in _texts(on)}
    followed = events.get("workflow_run", {})
    local = (_LOCAL_CALL.fullmatch(_text(job.get("uses"))) for job in jobs.values())
    return WorkflowFile(
        path=path,
        name=_text(document.get("name")) or path,
        triggers={
            name: frozenset(_texts(filters.get("types"))) for name, filters in events.items()
        },
        follows=_texts(followed.get("workflows")),
        follows_some=not followed.keys().isdisjoint(("branches", "branches-ignore")),
        uses=tuple(islice(_find_uses(jobs), _MOST_USES)),
        job_names={id_: _text(job.get("name")) or id_ for id_, job in jobs.items()},
        calls=tuple(dict.fromkeys(match[1] for match in local if match)),
        deploys=any("environment" in job for job in jobs.values()),
        several_jobs=len(jobs) > 1 or any("strategy" in job for job in jobs.values()),
    )


def _find_uses(jobs: Mapping[str, Mapping[str, Any]]) -> Iterator[ActionUse]:
    left = _MOST_STEPS
    for id_, job in jobs.items():
        job_condition = _text(job.get("if"))
        if _CALLED.fullmatch(called := _text(job.get("uses"))):
            yield ActionUse(
                job=id_,
                uses=called,
                called=True,
                inputs=_inputs(job.get("with")),
                job_condition=job_condition,
            )
        nodes = _items(job.get("steps"))[:left]
        left -= len(nodes)
        for step in map(_mapping, nodes):
            if _ACTION.fullmatch(uses := _text(step.get("uses"))):
                yield ActionUse(
                    job=id_,
                    uses=uses,
                    inputs=_inputs(step.get("with")),
                    job_condition=job_condition,
                    condition=_text(step.get("if")),
                )


def _inputs(node: Any) -> dict[str, str]:
    """Return the texts of the inputs that are not empty. The case of their names has no meaning.

    What stands in `settings` in the file counts too; a variable of the organization is unknown.
    """
    values = {name.lower(): _text(value) for name, value in _mapping(node).items()}
    inputs = {name: text for name, text in values.items() if name in _INPUTS and text}
    return {**_shared_inputs(values.get("settings", "")), **inputs}


def _shared_inputs(text: str) -> dict[str, str]:
    lines = "\n".join(line for line in text.splitlines() if not is_expression(line))
    shared = known_settings(lines)
    return {name: text for name, text in shared.items() if name in _INPUTS and text}


def is_expression(text: str) -> bool:
    """Whether an expression decides what a value of a workflow file is."""
    return "${{" in text


def _bare(condition: str) -> str:
    """Return a condition without the braces that it may have."""
    return condition.removeprefix("${{").removesuffix("}}").strip()


# What such a step exports.


def exports_own_run(workflow: WorkflowFile, use: ActionUse) -> bool | None:
    """Return whether a step exports runs of its own workflow, from inside; None if unknown.

    With `mode: run` it does. With `mode: auto`, which is the default, the event decides, and one
    event of the workflow is enough:

    - `workflow_run` exports another run, `deployment_status` a deployment.
    - `schedule` and `workflow_dispatch` with `since` are a sweep, without it the own run. A call of
      `telemetry.yml` is always a sweep then.
    - `issues` exports only the issue if `closed` is its only type.
    - Pull requests of the only type `closed`, and `events: live` and `phases: live`, export the run
      only if it has jobs beside that of the step.
    - `workflow_call` is not an event: the events of the caller decide.

    All other events export the own run. A step with `target` exports that, and a step with
    another mode exports no run. None if an expression is the mode or the `target`.
    """
    own = (_exports_own_run_of(workflow, use, event) for event in workflow.triggers)
    return _any(own)


def _exports_own_run_of(workflow: WorkflowFile, use: ActionUse, event: str) -> bool | None:
    """Return whether a step exports those runs of its workflow that an event started."""
    mode = use.mode
    if event == "workflow_call" or (mode not in ("auto", "run") and not is_expression(mode)):
        return False
    if mode != "run" and not _auto_exports_own_run(workflow, use, event):
        # An expression may still give the mode `run`.
        return False if mode == "auto" else None
    run_id = use.inputs.get("target") or use.inputs.get("run-id", "")
    if run_id and _bare(run_id) != "github.run_id":
        return None if is_expression(run_id) else False
    return None if is_expression(mode) else True


def _auto_exports_own_run(workflow: WorkflowFile, use: ActionUse, event: str) -> bool:
    closed = tuple(workflow.triggers.get(event, ())) == ("closed",)
    if event in ("workflow_run", "deployment_status"):
        return False
    if event in ("schedule", "workflow_dispatch"):
        return not (use.called or "since" in use.inputs)
    if event == "issues" and closed:
        return False
    live = event in LIVE_EVENTS and use.inputs.get("events", "").lower() == "live"
    phases = event in CHANGE_EVENTS and use.inputs.get("phases", "").lower() == "live"
    beside = live or phases or (event in CHANGE_EVENTS and closed)
    return workflow.several_jobs or not beside


def exports_followed_runs(workflow: WorkflowFile, use: ActionUse) -> bool | None:
    """Return whether a step exports the runs that `workflow_run` names, after they have ended.

    None if an expression decides.
    """
    types = workflow.triggers.get("workflow_run")
    if types is None or (types and "completed" not in types):
        return False
    run_id = use.inputs.get("run-id", "")
    if "github.event.workflow_run.id" in run_id and use.mode in ("auto", "run"):
        return True
    if use.mode != "auto":
        return None if is_expression(use.mode) else False
    if run_id:
        return None if is_expression(run_id) else False
    return True


def sweeps_runs(workflow: WorkflowFile, use: ActionUse) -> bool | None:
    """Return whether a step exports runs of the repository in a sweep; None if unknown."""
    # `telemetry.yml` sets it, unless the caller sets something else.
    text = use.inputs.get("sweep-runs", "true" if use.called else "")
    if not is_expression(text) and text.lower() != "true":
        return False
    by_time = workflow.timed and (use.called or "since" in use.inputs)
    if use.mode != "sweep" and not is_expression(use.mode):
        return (None if is_expression(text) else True) if use.mode == "auto" and by_time else False
    return None if is_expression(text) or is_expression(use.mode) else True


def exports_deployments(workflow: WorkflowFile, use: ActionUse) -> bool:
    """Return whether a step may export each deployment that ends, by `deployment_status`."""
    by_event = use.mode == "auto" or is_expression(use.mode)
    return "deployment_status" in workflow.triggers and by_event and "run-id" not in use.inputs


def _any(values: Iterable[bool | None]) -> bool | None:
    """Return True if a value is, else None if a value is, else False."""
    seen = set(values)
    return True if True in seen else None if None in seen else False


# Files of a repository.

MOST_READ = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFiles:
    """The workflow files of a repository, and the paths of those that could not be read."""

    files: tuple[WorkflowFile, ...] = ()
    unread: tuple[str, ...] = ()


def read_workflow_files(client: GitHubClient, repository: str) -> WorkflowFiles:
    """Return the workflow files on the default branch, the first 30 by their names.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"the workflow files of {repository}"
    listed = client.get(f"/repos/{repository}/contents/{FOLDER.rstrip('/')}", what)
    if not isinstance(listed, list):
        raise PayloadError(f"GitHub returned something other than a list for {what}")
    entries = (entry for entry in listed if isinstance(entry, dict))
    names = (read.text(entry, "name") or "" for entry in entries)
    paths = sorted(f"{FOLDER}{name}" for name in names if name.endswith((".yml", ".yaml")))

    def read_one(path: str) -> WorkflowFile | str:
        try:
            return parse_workflow_file(_read_file(client, repository, path), path)
        except (FlowTelemetryError, ValueError):
            return path

    results = client.run_concurrently(read_one, paths[:MOST_READ])
    return WorkflowFiles(
        files=tuple(result for result in results if isinstance(result, WorkflowFile)),
        unread=(
            *(result for result in results if isinstance(result, str)),
            *paths[MOST_READ:],
        ),
    )


# The jobs of a run.


def exported_by_other_job(client: GitHubClient, run: Run, job_name: str) -> bool | None:
    """Return whether a job other than the named one exports the run from inside, after that job.

    A step with `export: job` does not count, because it exports neither the run nor what other jobs
    deployed. ``job_name`` is the name in the API. If the run has its jobs, their times and results
    count: a job that was skipped, or ended before the named one, exported nothing of it. Only the
    file of the run's own workflow is read, by one request: steps in workflows that it calls do not
    count, except for `telemetry.yml`. Without a file nothing in the run exports it.

    None if the file cannot be read, or if its expressions or conditions decide.
    """
    path = run.path.partition("@")[0]
    if not path.startswith(FOLDER):
        return False  # GitHub's own, such as that of Pages.
    try:
        text = _read_file_at(client, run.repository.full_name, path, run.head_sha)
        workflow = parse_workflow_file(text, path)
    except NotFoundError:
        return False
    except (FlowTelemetryError, ValueError):
        return None
    own = _ids_of(workflow, job_name)
    named = [job for job in run.jobs if job.name == job_name]
    others = (use for use in workflow.uses if use.job not in own)
    return _any(_exports_after(workflow, use, run, named) for use in others)


def _exports_after(
    workflow: WorkflowFile, use: ActionUse, run: Run, named: Collection[Job]
) -> bool | None:
    """Return whether a step exported the run after the named jobs."""
    exports = _exports_own_run_of(workflow, use, run.event)
    unknown = exports is None or is_expression(use.export)
    if exports is False or not (unknown or use.export in ("run", "rest")):
        return False
    jobs = [job for job in run.jobs if use.job in _ids_of(workflow, job.name)]
    if jobs and all(job.conclusion == "skipped" for job in jobs):
        return False
    ends = [job.completed_at for job in named if job.completed_at]
    if ends and any(job.completed_at and job.completed_at <= max(ends) for job in jobs):
        return False
    if ends and any(job.started_at and job.started_at < max(ends) for job in jobs):
        # GitHub may not have listed the named job yet, or not as ended.
        return None
    if unknown or not (jobs or _is_always(use.job_condition)):
        return None
    # A step without a condition does not run after a step that failed.
    succeeded = all(job.conclusion == "success" for job in jobs)
    return True if _is_always(use.condition) and (use.condition or succeeded) else None


def _is_always(condition: str) -> bool:
    """Whether a job or step with this condition runs, unless something before it failed."""
    return not condition or "".join(_bare(condition).split()) in _ALWAYS


def _ids_of(workflow: WorkflowFile, job_name: str) -> frozenset[str]:
    """Return the ids of the jobs that may have a name in the API.

    Jobs of a matrix are `name (a, b)`, those of called workflows `caller / name`. In place of an
    expression anything may stand, if no job has the very name.
    """
    names = workflow.job_names.items()
    plain = (id_ for id_, name in names if not is_expression(name) and _begins(job_name, name))
    return frozenset(plain) or frozenset(
        id_ for id_, name in names if is_expression(name) and _fits(job_name, name)
    )


def _begins(job_name: str, name: str) -> bool:
    return job_name == name or job_name.startswith((f"{name} (", f"{name} / "))


def _fits(job_name: str, name: str) -> bool:
    """Whether a name may be that of a job, by the texts before and after its expressions."""
    parts = _EXPRESSION.split(name)
    start, end = parts[0].lstrip(), parts[-1].rstrip()
    return job_name.startswith(start) and end in job_name[len(start) :]
