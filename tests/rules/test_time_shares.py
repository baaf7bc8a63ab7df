"""Where the time went: each second of a feature or a change has one state, and none is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import make_job, make_run
from tests.rules.builders import at, change, event, item, moved, review
from tests.rules.test_deliveries import deployment

from flow_telemetry.model import Change, Event, EventKind, Run, WorkItem
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.model.time_shares import TimeShares, TimeState
from flow_telemetry.rules.intervals import Interval, seconds
from flow_telemetry.rules.time_shares import (
    add_times,
    divide_time,
    measure_change_times,
    measure_feature_time,
)

HOUR = 60
NAMES = ("blocked",)
STATES = tuple(TimeState)

Minutes = tuple[int, int]


def spent(times: TimeShares | None) -> dict[str, float]:
    """Return the minutes of each state whose time is known and not 0."""
    assert times is not None
    return {s.value: d / timedelta(minutes=1) for s, d in times.measured if d}


def interval(found: Minutes) -> Interval:
    """Return the time between two minutes."""
    return Interval.of(at(found[0]), at(found[1]))


def run(created: int, began: int, ended: int, number: int = 1) -> Run:
    """Return a run of one job, which a runner took at one minute and which ended at another."""
    made = make_job(number, "test", queued=60 * (began - created), seconds=60 * (ended - began))
    steps = (replace(made.steps[0], started_at=at(began), completed_at=at(ended)),)
    job = replace(
        made,
        created_at=at(created),
        started_at=at(began),
        completed_at=at(ended),
        steps=steps,
    )
    made_run = make_run(job)
    return replace(made_run, id=number, created_at=at(created), started_at=at(created))


def tree(root: ItemNode, **facts: object) -> FeatureTree:
    """Return a feature that was read completely."""
    return replace(FeatureTree(root=root), **facts)  # type: ignore[arg-type]


def epic(closed: float, *history: Event) -> WorkItem:
    """Return an epic that is in progress from its creation on."""
    doing = moved(0, "To Do", "Doing")
    return item("ACME-42", doing, *history, kind="Epic", closed=closed)


# The division itself


times = st.tuples(st.integers(0, 120), st.integers(0, 120))
intervals = st.lists(times, max_size=4)


def second_by_second(
    life: Sequence[Minutes], states: Mapping[TimeState, Sequence[Minutes]]
) -> dict[TimeState, int]:
    """Return the units of each state, each of which is looked at by itself."""
    found = dict.fromkeys(STATES, 0)
    for now in range(121):
        if any(start <= now < end for start, end in life):
            holding = [
                state for state in STATES if any(a <= now < b for a, b in states.get(state, ()))
            ]
            found[holding[0] if holding else TimeState.IDLE] += 1
    return found


@given(
    life=intervals,
    states=st.dictionaries(st.sampled_from(STATES[:-1]), intervals),
    shuffled=st.randoms(use_true_random=False),
)
def test_every_second_has_the_first_state_that_holds(
    life: list[Minutes], states: dict[TimeState, list[Minutes]], shuffled: object
) -> None:
    """As one counts second by second, whatever the order and however much they overlap."""
    found = divide_time(
        map(interval, life), {state: map(interval, of) for state, of in states.items()}
    )
    expected = second_by_second(life, states)
    assert {s: d / timedelta(minutes=1) for s, d in found.durations} == expected
    assert found.total == timedelta(seconds=seconds(map(interval, life)))
    shuffle = shuffled.shuffle  # type: ignore[attr-defined]
    pairs = list(states.items())
    shuffle(pairs)
    shuffle(life)
    for _, of in pairs:
        shuffle(of)
    again = divide_time(map(interval, life), {state: map(interval, of) for state, of in pairs})
    assert again == found


@given(life=intervals, states=st.dictionaries(st.sampled_from(STATES[:-1]), intervals))
def test_what_is_not_read_never_takes_time_from_what_comes_first(
    life: list[Minutes], states: dict[TimeState, list[Minutes]]
) -> None:
    """A state that was left out is named as incomplete if, and only if, it can matter."""
    whole = divide_time(map(interval, life), {s: map(interval, of) for s, of in states.items()})
    for left_out in STATES[:-1]:
        rest = {s: map(interval, of) for s, of in states.items() if s is not left_out}
        found = divide_time(map(interval, life), rest, [left_out])
        assert found.total == whole.total
        if found.durations != whole.durations:
            assert found.incomplete == (left_out,)
        rank = STATES.index(left_out)
        assert found.durations[:rank] == whole.durations[:rank]
        if found.incomplete:
            assert left_out not in dict(found.measured)


def test_thousands_of_runs_are_divided_at_once() -> None:
    """In a time that grows as their number: 20,000 intervals took minutes one by one."""
    many = [interval((2 * n, 2 * n + 1)) for n in range(20_000)]
    found = divide_time([interval((0, 40_000))], {TimeState.BUILDING: many})
    assert spent(found) == {"building": 20_000, "idle": 20_000}


# A feature, as it is read


@dataclass(frozen=True)
class Plan:
    """What happened to a story and its pull request, as minutes; pairs are begin and end."""

    doing: Minutes
    blocked: Minutes
    draft: Minutes
    comment: int
    approval: int
    merge: int
    runs: list[tuple[int, int, int]]
    deployments: list[Minutes]
    commits: list[int]

    def state(self, now: int) -> TimeState:
        """Return the state of a minute by looking at everything in it."""
        opened, ready = self.draft
        is_open = opened <= now < self.merge
        reviewed, approved = self.comment <= now, self.approval <= now
        holding = {
            TimeState.BLOCKED: self.blocked[0] <= now < self.blocked[1],
            TimeState.DEPLOYING: any(a <= now < b for a, b in self.deployments),
            TimeState.AWAITING_MERGE: is_open and now >= ready and approved,
            TimeState.IN_REVIEW: is_open and now >= ready and reviewed and not approved,
            TimeState.AWAITING_REVIEW: is_open and now >= ready and not (reviewed or approved),
            TimeState.QUEUED: any(a <= now < b for a, b, _ in self.runs),
            TimeState.BUILDING: any(b <= now < c for _, b, c in self.runs),
            TimeState.IN_PROGRESS: self.doing[0] <= now < self.doing[1]
            or any(made <= now < made + 8 * HOUR for made in self.commits),
        }
        return next((s for s in STATES if holding.get(s)), TimeState.IDLE)


minute = st.integers(1, 1_200)
pair = st.tuples(minute, minute).map(lambda two: (min(two), max(two) + 1))
triple = st.tuples(minute, st.integers(1, 90), st.integers(1, 90)).map(
    lambda t: (t[0], t[0] + t[1], t[0] + t[1] + t[2])
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A story whose pull request is opened as a draft, reviewed, approved and merged, or so."""
    opened, ready, merge = sorted(draw(st.lists(minute, min_size=3, max_size=3, unique=True)))
    return Plan(
        doing=draw(pair),
        blocked=draw(pair),
        draft=(opened, ready),
        comment=draw(st.integers(opened + 1, 1_300)),
        approval=draw(st.integers(opened + 1, 1_300)),
        merge=merge,
        runs=draw(st.lists(triple, max_size=3)),
        deployments=draw(st.lists(pair, max_size=2)),
        commits=draw(st.lists(st.integers(-600, 1_200), max_size=2)),
    )


def planned(plan: Plan, closed: int) -> FeatureTree:
    """Return the feature of a plan, as GitHub and Jira would have told it."""
    story = item(
        "ACME-57",
        moved(plan.doing[0], "To Do", "Doing"),
        moved(plan.doing[1], "Doing", "To Do"),
        event(plan.blocked[0], EventKind.BLOCKED),
        event(plan.blocked[1], EventKind.UNBLOCKED),
        closed=closed,
    )
    reviews = [
        review(plan.comment, "bob", "comments", "1"),
        review(plan.approval, "bob", "approves", "2"),
    ]
    pull = replace(
        change(
            event(plan.draft[1], EventKind.READY_FOR_REVIEW),
            event(plan.merge, EventKind.MERGED),
            *(each for each in reviews if each.time < at(plan.merge)),
            *(event(made, EventKind.COMMITTED) for made in plan.commits),
            closed=plan.merge,
        ),
        created_at=at(plan.draft[0]),
        merged_at=at(plan.merge),
    )
    node = ChangeNode(
        change=pull,
        runs=tuple(run(*times, number) for number, times in enumerate(plan.runs, 1)),
        deployments=tuple(
            deployment(number, a, (b, "success"))
            for number, (a, b) in enumerate(plan.deployments, 1)
        ),
    )
    return tree(ItemNode(item=epic(closed), children=(ItemNode(item=story, changes=(node,)),)))


@given(plan=plans(), closed=st.integers(1, 1_300))
def test_a_feature_is_divided_as_one_counts_minute_by_minute(plan: Plan, closed: int) -> None:
    """Statuses, phases, runs, deployments, commits: all of its life, and nothing but its life."""
    expected = dict.fromkeys(STATES, 0)
    for now in range(closed):
        expected[plan.state(now)] += 1
    found = measure_feature_time(planned(plan, closed), NAMES)
    assert found is not None
    assert {s: d / timedelta(minutes=1) for s, d in found.durations} == expected
    assert found.total == timedelta(minutes=closed)
    assert found.incomplete == ()


def only(root: WorkItem, *nodes: ChangeNode, **facts: object) -> dict[str, float]:
    """Return where the time of a feature without stories went."""
    found = measure_feature_time(tree(ItemNode(item=root, changes=nodes), **facts), NAMES)
    return spent(found)


def test_the_status_of_an_epic_counts_only_without_stories() -> None:
    """It is in progress from the first story to the last, and so would hide all idle time."""
    story = ItemNode(item=item("ACME-57", closed=HOUR))
    found = measure_feature_time(tree(ItemNode(item=epic(2 * HOUR), children=(story,))), NAMES)
    assert spent(found) == {"idle": 2 * HOUR}
    assert only(epic(2 * HOUR)) == {"in_progress": 2 * HOUR}


def test_an_epic_that_is_blocked_blocks_all_of_it() -> None:
    """Its own flag counts as those of its stories."""
    flagged = (event(10, EventKind.BLOCKED), event(40, EventKind.UNBLOCKED))
    assert only(epic(HOUR, *flagged)) == {"blocked": 30, "in_progress": 30}


def test_the_author_made_a_commit_when_it_was_written() -> None:
    """A rebase after weeks, which gives all commits a new date of the committer, is no work."""
    rebased = replace(event(20 * HOUR, EventKind.COMMITTED), authored_at=at(HOUR))
    pull = replace(change(rebased, draft=True, closed=24 * HOUR), created_at=at(0))
    idle = item("ACME-42", closed=24 * HOUR)
    assert only(idle, ChangeNode(change=pull)) == {"in_progress": 8 * HOUR, "idle": 16 * HOUR}


def test_the_merge_queue_is_a_wait_for_the_merge() -> None:
    """There is no eleventh state for it."""
    pull = change(event(10, EventKind.QUEUED), closed=HOUR)
    assert only(item("ACME-42", closed=HOUR), ChangeNode(change=pull)) == {
        "awaiting_review": 10,
        "awaiting_merge": 50,
    }


def test_a_reopened_feature_has_the_time_in_which_it_was_open() -> None:
    """And its last period alone, for what adds up."""
    reopened = (event(HOUR, EventKind.CLOSED), event(3 * HOUR, EventKind.REOPENED))
    found = tree(ItemNode(item=epic(5 * HOUR, *reopened)))
    whole = measure_feature_time(found, NAMES)
    last = measure_feature_time(found, NAMES, last_period=True)
    assert whole is not None
    assert last is not None
    assert (whole.total, last.total) == (timedelta(hours=3), timedelta(hours=2))


def test_an_open_feature_is_divided_up_to_the_snapshot() -> None:
    """As of then."""
    root = replace(epic(HOUR), closed_at=None)
    assert only(root, snapshot=at(30)) == {"in_progress": 30}


# What was not read


def incomplete(root: WorkItem, *nodes: ChangeNode, **facts: object) -> set[str]:
    """Return the states of a feature that were not read, or only in part."""
    found = measure_feature_time(tree(ItemNode(item=root, changes=nodes), **facts), NAMES)
    assert found is not None
    return {state.value for state in found.incomplete}


IDLE = item("ACME-42", closed=10 * HOUR)


def test_runs_without_jobs_were_not_read() -> None:
    """The budget ended before their jobs: when they waited and ran is unknown, not 0."""
    assert incomplete(IDLE, finest=TreeDetail.RUN) == {"queued", "building"}
    assert incomplete(IDLE, finest=TreeDetail.CHANGE) == {"queued", "building", "deploying"}
    found = measure_feature_time(tree(ItemNode(item=IDLE), finest=TreeDetail.RUN), NAMES)
    assert found is not None
    assert {"queued", "building"}.isdisjoint(state.value for state, _ in found.measured)


def test_what_could_not_be_read_may_have_been_anything() -> None:
    """But for the idle time, which is what is left."""
    assert incomplete(IDLE, unread=("a story",)) == {state.value for state in STATES[:-1]}


def test_what_could_not_have_got_any_more_is_complete() -> None:
    """The states before it have all of the time."""
    blocked = item("ACME-42", event(0, EventKind.BLOCKED), closed=HOUR)
    assert incomplete(blocked, finest=TreeDetail.ITEM) == set()


def test_a_timeline_in_part_leaves_the_phases_open() -> None:
    """Of the pull request, and its commits."""
    pull = replace(change(draft=True, closed=HOUR), timeline_complete=False)
    found = incomplete(IDLE, ChangeNode(change=pull))
    phases = {"awaiting_merge", "changes_requested", "awaiting_review", "in_review"}
    assert found == {*phases, "in_progress"}


def test_a_history_in_part_leaves_statuses_and_blocks_open() -> None:
    """Of the item."""
    assert incomplete(replace(IDLE, history_complete=False)) == {"blocked", "in_progress"}


def test_a_status_without_a_category_may_be_in_progress() -> None:
    """So it is not idle for sure."""
    moved_on = item("ACME-42", moved(HOUR, "To Do", "Elsewhere"), closed=2 * HOUR)
    assert incomplete(moved_on) == {"in_progress"}


def test_a_list_of_jobs_in_part_leaves_its_run_open() -> None:
    """GitHub counted more."""
    node = ChangeNode(change=change(draft=True, closed=HOUR), runs=(run(1, 2, 3),))
    cut = replace(node, runs=(replace(node.runs[0], jobs_complete=False),))
    assert incomplete(IDLE, node) == set()
    assert incomplete(IDLE, cut) == {"queued", "building"}


# One pull request


def of_change(found: Change, **facts: object) -> TimeShares:
    """Return where the time of the first open period of a change went."""
    return measure_change_times(found, **facts)[1]  # type: ignore[arg-type]


DRAFTED = change(
    event(2 * HOUR, EventKind.READY_FOR_REVIEW),
    review(3 * HOUR, "bob", "approves", "1"),
    event(4 * HOUR, EventKind.MERGED),
    closed=4 * HOUR,
)


def test_a_pull_request_knows_its_phases() -> None:
    """Its runs, deployments and item are not read with it, which it says."""
    found = of_change(DRAFTED)
    assert spent(found) == {"awaiting_review": HOUR, "awaiting_merge": HOUR, "idle": 2 * HOUR}
    assert [state.value for state in found.incomplete] == [
        "blocked",
        "deploying",
        "queued",
        "building",
    ]
    unknown = {"blocked", "deploying", "queued", "building"}
    assert unknown.isdisjoint(state.value for state, _ in found.measured)


def test_runs_that_were_read_are_in_the_time_of_a_draft() -> None:
    """Afterwards the phases come first."""
    found = of_change(DRAFTED, runs=[run(10, 15, 30), run(150, 160, 170, 2)], may_be_blocked=False)
    assert spent(found) == {
        "awaiting_review": HOUR,
        "awaiting_merge": HOUR,
        "queued": 5,
        "building": 15,
        "idle": 100,
    }
    assert [state.value for state in found.incomplete] == ["deploying"]


def test_runs_matter_only_to_a_draft() -> None:
    """Without one, no second is left to them: nothing has to be read to know that."""
    found = of_change(change(closed=HOUR), may_be_blocked=False)
    assert [state.value for state in found.incomplete] == ["deploying"]
    assert dict(found.measured)[TimeState.QUEUED] == timedelta()


def test_each_open_period_has_its_own_time() -> None:
    """And together they are the time in which it was open."""
    reopened = change(
        event(HOUR, EventKind.CLOSED), event(3 * HOUR, EventKind.REOPENED), closed=5 * HOUR
    )
    found = measure_change_times(reopened)
    assert [spent(found[number]) for number in (1, 2)] == [
        {"awaiting_review": HOUR},
        {"awaiting_review": 2 * HOUR},
    ]
    assert spent(add_times(found.values())) == {"awaiting_review": 3 * HOUR}
    assert add_times(()) is None


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.value)
def test_a_label_is_what_people_read(state: TimeState) -> None:
    """Without the underscores."""
    assert state.label == state.value.replace("_", " ")
