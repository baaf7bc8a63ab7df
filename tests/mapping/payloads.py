"""GitHub's answers on a run, whole and damaged in every way that hypothesis can think of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from flow_telemetry.model import RESULT_OF_CONCLUSION

Json = dict[str, Any]

BEGIN = datetime(2026, 1, 29, 17, 16, 15, tzinfo=timezone.utc)
CONCLUSIONS = sorted(RESULT_OF_CONCLUSION)
# A run of the other conclusion waits for an approval: it has not ended.
ENDED = [conclusion for conclusion in CONCLUSIONS if conclusion != "action_required"]
# Lone surrogates, controls and right-to-left marks included: JSON can hold them all.
TEXTS = st.text(st.characters(), max_size=20)
NAMES = st.one_of(
    st.sampled_from(["build", "test (3.12)", "caller / called", "Run pytest"]),
    TEXTS.filter(str.strip),
    st.sampled_from(["n" * 500, "€" * 3000, "\ud800" * 2000, "a\r\nb\tc", "\x1b[31mred"]),
)
ODD_TIMES = st.sampled_from(
    [
        "",
        "yesterday",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1969-12-31T23:59:59Z",
        "2026-13-45T99:99:99Z",
        "2026-01-29",
        "2026-01-29T17:16:15",
        "2026-01-29T17:16:15.1234567Z",
        "2026-01-29T19:16:15+02:00",
        "2261-12-31T23:59:59Z",
        "2020-01-01T00:00:00Z",
    ]
)
DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 3),
    st.sampled_from([2**31, 2**63 - 1, 2**63, 10**30, -(2**63)]),
    st.floats(),
    TEXTS,
    NAMES,
    ODD_TIMES,
    st.sampled_from(["queued", "in_progress", "completed", "waiting", *CONCLUSIONS]),
    st.lists(TEXTS, max_size=2),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
    st.just(DEEP),
    st.sampled_from(["http://[", "https://github.com:port/acme/shop", "acme", "/", "acme/"]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What GitHub answers on one attempt: the run, and the items of its list of jobs."""

    run: Json
    jobs: list[Any]

    def objects(self) -> Iterator[Json | list[Any]]:
        """Return everything in which something can be damaged."""
        yield self.run
        yield self.jobs
        yield self.run["repository"]
        for job in self.jobs:
            yield from (job, job["steps"], *job["steps"])


def time_text(seconds: int) -> str:
    """Return a time so many seconds after the run was created, as GitHub writes it."""
    return (BEGIN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@st.composite
def whole_answers(draw: st.DrawFn) -> Answers:
    """A run that ended, with jobs that ran, were skipped, or never were given a runner."""
    jobs = [draw(_jobs(10 + number)) for number in range(draw(st.integers(0, 4)))]
    run = {
        "id": 999,
        "name": draw(NAMES),
        "run_attempt": draw(st.integers(1, 3)),
        "run_number": 7,
        "status": "completed",
        "conclusion": draw(st.sampled_from(ENDED)),
        "event": draw(st.sampled_from(["push", "pull_request", "schedule", "merge_group"])),
        "created_at": time_text(0),
        "run_started_at": time_text(0),
        "updated_at": time_text(100_000),
        "display_title": draw(NAMES),
        "path": ".github/workflows/ci.yml",
        "head_branch": draw(NAMES),
        "head_sha": "5450c187bd4f7de93acb26454237fef6c3b185f3",
        "html_url": "https://github.com/acme/shop/actions/runs/999",
        "repository": {"full_name": "Acme/Shop", "html_url": "https://github.com/Acme/Shop"},
        "actor": {"login": "octocat", "type": "User"},
        "triggering_actor": {"login": "renovate[bot]", "type": "Bot"},
        "referenced_workflows": [{"path": "acme/shared/ci.yml@main", "sha": "5450c187"}] * 40,
    }
    return Answers(run=run, jobs=jobs)


@st.composite
def _jobs(draw: st.DrawFn, job_id: int) -> Json:
    """A job of whole times, whose steps follow each other."""
    created = draw(st.integers(0, 50))
    now = began = created + draw(st.integers(0, 60))
    steps = []
    for number in range(draw(st.integers(1, 4))):
        until = now + draw(st.integers(0, 300))
        steps.append(
            {
                "number": number + 1,
                "name": draw(NAMES),
                "status": "completed",
                "conclusion": draw(st.sampled_from(["success", "failure", "cancelled"])),
                "started_at": time_text(now),
                "completed_at": time_text(until),
            }
        )
        now = until
    return {
        "id": job_id,
        "run_id": 999,
        "run_attempt": 3,
        "name": draw(NAMES),
        "status": "completed",
        "conclusion": draw(st.sampled_from(["success", "failure", "cancelled", "timed_out"])),
        "created_at": time_text(created),
        "started_at": time_text(began),
        "completed_at": time_text(now),
        "html_url": f"https://github.com/acme/shop/actions/runs/999/job/{job_id}",
        "labels": draw(st.lists(NAMES, max_size=3)),
        "runner_id": 5,
        "runner_name": draw(NAMES),
        "runner_group_name": "GitHub Actions",
        "steps": steps,
    }


@st.composite
def damaged_answers(draw: st.DrawFn) -> Answers:
    """A run with up to eight values that are gone, of another type, odd, or out of order."""
    answers = draw(whole_answers())
    damages = draw(st.integers(0, 8))
    if draw(st.booleans()) and answers.jobs:
        answers.jobs[-1] |= {"status": "in_progress", "conclusion": None, "completed_at": None}
    targets = list(answers.objects())
    for _ in range(damages):
        _damage(draw, draw(st.sampled_from(targets)))
    return answers


def _damage(draw: st.DrawFn, target: Json | list[Any]) -> None:
    if isinstance(target, list):
        target.append(draw(JUNK))
        if len(target) > 1 and draw(st.booleans()):
            target.append(target[0])  # the same job or step once more
        return
    name = draw(st.sampled_from(sorted(target))) if target else "id"
    if draw(st.booleans()):
        target[name] = draw(JUNK)
    else:
        target.pop(name, None)


ANNOTATIONS = st.lists(
    JUNK
    | st.fixed_dictionaries(
        {
            "annotation_level": st.sampled_from(["failure", "warning", "notice"]) | JUNK,
            "message": NAMES | JUNK,
        },
        optional={"title": JUNK, "path": JUNK, "start_line": JUNK},
    ),
    max_size=12,
)
DEPLOYMENTS = st.fixed_dictionaries(
    {
        "environment": NAMES | JUNK,
        "statuses": JUNK
        | st.fixed_dictionaries(
            {
                "nodes": st.lists(
                    st.fixed_dictionaries(
                        {
                            "state": st.sampled_from(["WAITING", "QUEUED"]) | JUNK,
                            "createdAt": st.integers(0, 99).map(time_text) | JUNK,
                        }
                    ),
                    max_size=4,
                )
            }
        ),
    }
)
