"""Kinds of runners, and estimates of the minutes that GitHub bills for a job and of its cost.

https://docs.github.com/en/billing/reference/actions-runner-pricing: each job's time is rounded up
to whole minutes. The minutes that a plan includes are counted by rates for operating systems; the
prices in USD are others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timezone
from enum import Enum
from fnmatch import fnmatchcase
from types import MappingProxyType

from flow_telemetry.model import Job, Run
from flow_telemetry.rules import intervals as timing

# The minutes of a plan for one minute on a standard runner.
MINUTE_RATES: Mapping[str, int] = {"linux": 1, "windows": 2, "darwin": 10}

_HOSTED_GROUP, _LARGER_GROUP = "github actions", "default larger runners"
_HOSTED_NAMES = ("github actions ", "hosted agent")
_SYSTEMS = {"ubuntu": "linux", "linux": "linux", "windows": "windows", "macos": "darwin"}
# `ubuntu-latest`, `ubuntu-24.04-arm`, `windows-2025`, `macos-15-intel`, `macos-14-xlarge`.
_IMAGE = re.compile(
    r"(?:ubuntu|windows|macos)-(?:latest|slim|\d{2}(?:\.\d{2})?|20\d{2})(?:-(?:arm|intel|vs20\d{2}))?"
)
_BETWEEN_WORDS = re.compile(r"[-_.]")
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
    words = (word for label in _labels(job) for word in _BETWEEN_WORDS.split(label))
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
    minutes = _whole_minutes(seconds)
    if kind is RunnerKind.LARGER:
        return minutes
    if kind is not RunnerKind.GITHUB_HOSTED:
        return None
    return minutes * MINUTE_RATES[operating_system(job) or "linux"]


def _whole_minutes(seconds: float) -> int:
    return max(1, math.ceil(seconds / 60))


# Costs in USD: the minutes of a job, not multiplied, times the price of its runner


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """GitHub's prices in USD per minute, from the first day on which they apply.

    The keys are names of machines: `linux` is x64, `linux-arm` arm64, `linux-gpu` has a GPU. The
    price of a larger runner depends on its number of processors too.
    """

    since: date
    standard: Mapping[str, float]
    larger: Mapping[str, Mapping[int, float]]


# https://docs.github.com/en/billing/reference/actions-runner-pricing, read on 2026-11-29, and for
# 2025 its version of December 2025, which named both prices. The newest list is the first.
PRICE_LISTS = (
    PriceList(
        since=date(2026, 1, 1),
        standard={
            "linux-slim": 0.002,
            "linux": 0.006,
            "linux-arm": 0.005,
            "windows": 0.010,
            "windows-arm": 0.010,
            "darwin": 0.062,
        },
        larger={
            "linux": {2: 0.006, 4: 0.012, 8: 0.022, 16: 0.042, 32: 0.082, 64: 0.162, 96: 0.252},
            "linux-arm": {2: 0.005, 4: 0.008, 8: 0.014, 16: 0.026, 32: 0.050, 64: 0.098},
            "linux-gpu": {4: 0.052},
            "windows": {4: 0.022, 8: 0.042, 16: 0.082, 32: 0.162, 64: 0.322, 96: 0.552},
            "windows-arm": {2: 0.008, 4: 0.014, 8: 0.026, 16: 0.050, 32: 0.098, 64: 0.194},
            "windows-gpu": {4: 0.102},
            "darwin": {12: 0.077},
            "darwin-arm": {5: 0.102},
        },
    ),
    PriceList(
        since=date(2025, 1, 1),
        standard={"linux-slim": 0.002, "linux": 0.008, "windows": 0.016, "darwin": 0.080},
        larger={},
    ),
)

NO_PRICES: Mapping[str, float] = MappingProxyType({})

# The labels of larger runners with macOS name their size by a word.
_MACOS_SIZES = {"large": ("darwin", 12), "xlarge": ("darwin-arm", 5)}
_NUMBER_OF_CORES = re.compile(r"(?:^|-)(\d{1,3})-?cores?(?:-|$)")
# "The use of standard GitHub-hosted runners is free: in public repositories, for GitHub Pages, for
# Dependabot": https://docs.github.com/en/billing/concepts/product-billing/github-actions
_FREE_WORKFLOWS = ("dynamic/pages/", "dynamic/dependabot/")


def job_cost(
    run: Run, job: Job, seconds: float, prices: Mapping[str, float] = NO_PRICES
) -> float | None:
    """Return the cost in USD of a job that ran for so many seconds; None if its price is unknown.

    ``prices`` are the user's, in USD per minute by a pattern of labels; of several patterns that
    match a label of the job, the last one decides. The minutes that a plan includes are not
    considered.
    """
    price = _own_price(job, prices)
    if price is None:
        price = _github_price(run, job)
    return None if price is None else round(_whole_minutes(seconds) * price, 6)


def runs_cost(runs: Iterable[Run], prices: Mapping[str, float] = NO_PRICES) -> float | None:
    """Return the cost in USD of all jobs of some attempts; None if one of them is unknown.

    A job that an earlier attempt ran belongs to that attempt.
    """
    total = 0.0
    for run in runs:
        if not run.jobs_complete:
            return None
        for job in timing.own_jobs(run):
            if timing.job_began(job) is None:  # It never had a runner.
                continue
            seconds = timing.time_on_runner(job)
            cost = None if seconds is None else job_cost(run, job, seconds, prices)
            if cost is None:
                return None
            total += cost
    return round(total, 6)


def _own_price(job: Job, prices: Mapping[str, float]) -> float | None:
    labels = _labels(job)
    found = None
    for pattern, price in prices.items():
        if any(fnmatchcase(label, pattern.lower()) for label in labels):
            found = price
    return found


def _github_price(run: Run, job: Job) -> float | None:
    kind = runner_kind(job)
    if kind is RunnerKind.SELF_HOSTED:
        # Without this label it can be a larger runner in a custom group, or another provider's.
        return 0.0 if "self-hosted" in _labels(job) else None
    if kind is RunnerKind.GITHUB_HOSTED and (run.public or run.path.startswith(_FREE_WORKFLOWS)):
        return 0.0
    began = timing.job_began(job)
    if kind is None or began is None:
        return None
    day = began.astimezone(timezone.utc).date()
    listed = next((each for each in PRICE_LISTS if each.since <= day), None)
    if listed is None:
        return None
    if kind is RunnerKind.LARGER:
        machine, cores = _larger_machine(job)
        return listed.larger.get(machine, {}).get(cores)
    # The price of a standard runner depends on a visibility that is not known.
    return None if run.public is None else listed.standard.get(_standard_machine(job))


def _standard_machine(job: Job) -> str:
    system = operating_system(job) or ""
    if any(label.endswith("-slim") for label in _labels(job)):
        return f"{system}-slim"
    # Standard runners with macOS have one price, with any processor.
    return f"{system}-arm" if system != "darwin" and "arm" in _label_words(job) else system


def _larger_machine(job: Job) -> tuple[str, int]:
    """Return the machine and its number of processors, 0 unless the labels show one number."""
    system, words = operating_system(job) or "", _label_words(job)
    if system == "darwin":
        sizes = {_MACOS_SIZES[word] for word in words & _MACOS_SIZES.keys()}
    else:
        machine = "-".join([system, *(kind for kind in ("gpu", "arm") if kind in words)])
        numbers = (_NUMBER_OF_CORES.search(label) for label in _labels(job))
        sizes = {(machine, int(number[1])) for number in numbers if number}
    return sizes.pop() if len(sizes) == 1 else (system, 0)


def _label_words(job: Job) -> frozenset[str]:
    words = (word for label in _labels(job) for word in _BETWEEN_WORDS.split(label))
    return frozenset("arm" if word == "arm64" else word for word in words)


def _labels(job: Job) -> tuple[str, ...]:
    return tuple(label.strip().lower() for label in job.labels)
