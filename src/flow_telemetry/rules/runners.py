"""Kinds of runners, and an estimate of the minutes that GitHub bills for a job.

https://docs.github.com/en/billing/reference/actions-runner-pricing: each job's time is rounded up
to whole minutes. The minutes that a plan includes are counted by rates for operating systems.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum

from flow_telemetry.model import Job

# The minutes of a plan for one minute on a standard runner.
MINUTE_RATES: Mapping[str, int] = {"linux": 1, "windows": 2, "darwin": 10}

_HOSTED_GROUP, _LARGER_GROUP = "github actions", "default larger runners"
_HOSTED_NAMES = ("github actions ", "hosted agent")
_SYSTEMS = {"ubuntu": "linux", "linux": "linux", "windows": "windows", "macos": "darwin"}
# `ubuntu-latest`, `ubuntu-24.04-arm`, `windows-2025`, `macos-15-intel`, `macos-14-xlarge`.
_IMAGE = re.compile(
    r"(?:ubuntu|windows|macos)-(?:latest|slim|\d{2}(?:\.\d{2})?|20\d{2})(?:-(?:arm|intel|vs20\d{2}))?"
)
_SIZE = re.compile(r"-x?large$|-\d{1,3}-?cores?$")
# The number of cores can be anywhere: GitHub calls runners with a GPU `4-core-ubuntu-gpu-t4`.
_CORES = re.compile(r"(?:^|-)\d{1,3}-?cores?(?:-|$)")
# Labels that GitHub assigns to self-hosted runners; all others can be any text.
_DEFAULT_LABELS = frozenset(
    {"self-hosted", "linux", "windows", "macos", "x64", "x86", "arm", "arm64"}
)


class RunnerKind(Enum):
    """Kinds of runners: the values of the attribute `flow.runner.kind`."""

    GITHUB_HOSTED = "github-hosted"
    LARGER = "larger"
    SELF_HOSTED = "self-hosted"


def runner_kind(job: Job) -> RunnerKind | None:
    """Return the kind of the job's runner, or of the one that it requested; None if unknown.

    A larger runner of GitHub's in a custom group cannot be distinguished from a self-hosted one,
    unless its label names its size.
    """
    labels = _labels(job)
    group = (job.runner_group or "").strip().lower()
    if "self-hosted" in labels:
        return RunnerKind.SELF_HOSTED
    if group == _LARGER_GROUP or any(_SIZE.search(x) or _CORES.search(x) for x in labels):
        return RunnerKind.LARGER
    if group == _HOSTED_GROUP or (job.runner_name or "").lower().startswith(_HOSTED_NAMES):
        return RunnerKind.GITHUB_HOSTED
    if not group and any(map(_IMAGE.fullmatch, labels)):
        return RunnerKind.GITHUB_HOSTED
    return RunnerKind.SELF_HOSTED if group or labels else None


def operating_system(job: Job) -> str | None:
    """Return `linux`, `windows` or `darwin` by the job's labels; None if they do not show it.

    Any word of a label can name the system: `depot-windows-2025-8`.
    """
    words = (word for label in _labels(job) for word in re.split(r"[-_.]", label))
    return next((_SYSTEMS[word] for word in words if word in _SYSTEMS), None)


def known_labels(job: Job) -> str:
    """Return the labels that GitHub defines, in order; other labels can contain the id of a run."""
    labels = {x for x in _labels(job) if x in _DEFAULT_LABELS or _IMAGE.fullmatch(_SIZE.sub("", x))}
    return ",".join(sorted(labels))


def billable_minutes(job: Job, seconds: float) -> int | None:
    """Return the minutes that GitHub bills for a job of so many seconds; None for other machines.

    On standard runners they are multiplied by the rate of the operating system. On larger ones they
    are not, because the rate depends on a size that the labels need not show. The minutes that a
    plan includes, and the free standard runners of public repositories, are not considered.
    """
    kind = runner_kind(job)
    minutes = max(1, math.ceil(seconds / 60))
    if kind is RunnerKind.LARGER:
        return minutes
    if kind is not RunnerKind.GITHUB_HOSTED:
        return None
    return minutes * MINUTE_RATES[operating_system(job) or "linux"]


def _labels(job: Job) -> tuple[str, ...]:
    return tuple(label.strip().lower() for label in job.labels)
