"""What kind of machine a job ran on, and how long GitHub bills for it: an estimate.

https://docs.github.com/en/billing/reference/actions-runner-pricing: each job's time is rounded up
to whole minutes. The minutes that a plan includes are used up at a rate by operating system.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum

from flow_telemetry.model import Job

# Minutes of a plan that one minute on a standard runner uses up.
MINUTE_RATES: Mapping[str, int] = {"linux": 1, "windows": 2, "darwin": 10}

_HOSTED_GROUP, _LARGER_GROUP = "github actions", "default larger runners"
_HOSTED_NAMES = ("github actions ", "hosted agent")
_SYSTEMS = {"ubuntu": "linux", "linux": "linux", "windows": "windows", "macos": "darwin"}
# `ubuntu-latest`, `ubuntu-24.04-arm`, `windows-2025`, `macos-15-intel`, `macos-14-xlarge`.
_IMAGE = re.compile(
    r"(?:ubuntu|windows|macos)-(?:latest|slim|\d{2}(?:\.\d{2})?|20\d{2})(?:-(?:arm|intel|vs20\d{2}))?"
)
_SIZE = re.compile(r"-(?:large|xlarge)$|-(?:\d{1,2}-?)cores?$")
# Labels that GitHub gives every self-hosted runner; all others are anybody's text.
_GIVEN = frozenset({"self-hosted", "linux", "windows", "macos", "x64", "x86", "arm", "arm64"})


class RunnerKind(Enum):
    """Whose machine it was; the value is that of the attribute `flow.runner.kind`."""

    GITHUB_HOSTED = "github-hosted"
    LARGER = "larger"
    SELF_HOSTED = "self-hosted"


def runner_kind(job: Job) -> RunnerKind | None:
    """Return what the job ran on, or requested; None if unknown.

    A larger runner of GitHub's in a custom group cannot be distinguished from a self-hosted one,
    unless its label names its size.
    """
    labels = _labels(job)
    group = (job.runner_group or "").strip().lower()
    if "self-hosted" in labels:
        return RunnerKind.SELF_HOSTED
    if group == _LARGER_GROUP or any(map(_SIZE.search, labels)):
        return RunnerKind.LARGER
    if group == _HOSTED_GROUP or (job.runner_name or "").lower().startswith(_HOSTED_NAMES):
        return RunnerKind.GITHUB_HOSTED
    if not group and any(map(_IMAGE.fullmatch, labels)):
        return RunnerKind.GITHUB_HOSTED
    return RunnerKind.SELF_HOSTED if group or labels else None


def operating_system(job: Job) -> str | None:
    """Return `linux`, `windows` or `darwin` by the job's labels; None if they do not show it."""
    first_words = (re.split(r"[-_.]", label)[0] for label in _labels(job))
    return next((_SYSTEMS[word] for word in first_words if word in _SYSTEMS), None)


def known_labels(job: Job) -> str:
    """Return the labels that GitHub defines, in order: one's own may hold the id of a run."""
    known = {x for x in _labels(job) if x in _GIVEN or _IMAGE.fullmatch(_SIZE.sub("", x))}
    return ",".join(sorted(known))


def billable_minutes(job: Job, seconds: float) -> int | None:
    """Return the minutes that GitHub bills for a job that ran so long; None for other machines.

    On standard runners they are at the rate of the operating system, on larger ones as they are:
    the rate depends on a size that no label has to name. What a plan includes, and that public
    repositories pay nothing for standard runners, is left aside.
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
