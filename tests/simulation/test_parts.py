"""The parts of the simulation: its worlds, its network, and its comparison."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from tests.fakes.faults import Answer, Request
from tests.simulation.clock import SimulatedClock
from tests.simulation.comparison import find_violations
from tests.simulation.history import HOUR, History, own_run
from tests.simulation.network import Network
from tests.simulation.plan import LedgerFate, SweepPlan
from tests.simulation.recorder import Export, Killed
from tests.simulation.simulation import START, Result, SweepResult
from tests.simulation.things import EventExport, Expected, Kind, Thing
from tests.simulation.transport import InProcessAdapter, RandomFaults
from tests.simulation.worlds import TOKEN, Worlds

from flow_telemetry.outcome import Outcome, Status

CLOSED = START + HOUR
CLOSING = Thing(Kind.CHANGE, "7", CLOSED)
RUNS = "/repos/acme/shop/actions/runs"


def request(path: str) -> Request:
    """Return a GET request with the token."""
    return Request(
        method="GET",
        path=path,
        query={},
        target=path,
        headers={"authorization": f"Bearer {TOKEN}"},
        body=b"",
        received_at=0.0,
    )


def swept(
    number: int, *things: Thing, texts: tuple[str, ...] = (), killed: bool = False
) -> SweepResult:
    """Return a sweep that exported things before it saved its ledger, or was killed."""
    at = START + number * 6 * HOUR
    plan = SweepPlan(number=number, starts_at=at)
    return SweepResult(
        plan=plan,
        started_at=at,
        ended_at=at + HOUR,
        exports=[
            Export(thing=thing, sweep=number, at=at, ledger=f"{number} before") for thing in things
        ],
        outcome=None if killed else Outcome(status=Status.EXPORTED, problems=texts),
        ledger_before=f"{number} before",
        ledger=f"{number} before" if killed else f"{number} after",
        requests=0,
    )


def rules(*sweeps: SweepResult, **facts: bool) -> list[str]:
    """Return the rules that sweeps of one closing violate."""
    expected = Expected(thing=CLOSING, ended_at=CLOSED, settled_at=CLOSED, name="#7", **facts)
    return _rules(expected, sweeps, [])


def _rules(
    expected: Expected, sweeps: tuple[SweepResult, ...], by_events: list[EventExport]
) -> list[str]:
    history = History(START, START + 60 * 24 * HOUR)
    history.expected.append(expected)
    history.event_exports += by_events
    # There is time to give up.
    last = swept(40)
    result = Result(
        seed=0,
        history=history,
        sweeps=[*sweeps, last],
        ended_at=last.ended_at,
        seconds=0,
        problems=[],
    )
    return [violation.rule for violation in find_violations(result)[0]]


def test_once_is_right() -> None:
    """By a sweep or by an event."""
    assert rules(swept(1, CLOSING)) == []
    assert rules(swept(1)) == ["missing"]
    assert rules(swept(1, CLOSING, CLOSING)) == ["twice"]
    assert rules(swept(0, CLOSING)) == ["early", "reported"] or rules(swept(0, CLOSING)) == [
        "early"
    ]


def test_an_event_counts() -> None:
    """A sweep must not export what the run of an event exported."""
    expected = Expected(thing=CLOSING, ended_at=CLOSED, settled_at=CLOSED, name="#7")
    by_event = EventExport(things=(CLOSING,), at=CLOSED + HOUR, run_id=1)
    assert _rules(expected, (swept(1),), [by_event]) == []
    assert _rules(expected, (swept(1, CLOSING),), [by_event]) == ["twice"]


def test_what_never_ended_is_not_expected() -> None:
    """Such as a closing at another time."""
    other = replace(CLOSING, closed_at=CLOSED + timedelta(seconds=1))
    assert rules(swept(1, CLOSING, other)) == ["unexpected"]


def test_a_killed_sweep_may_repeat_what_it_had_not_saved() -> None:
    """The next sweep has to say so."""
    killed = swept(1, CLOSING, killed=True)
    assert rules(swept(0), killed, swept(2, CLOSING)) == ["reported"]
    text = "the last sweep was killed: 1 thing may be exported twice"
    assert rules(swept(0), killed, swept(2, CLOSING, texts=(text,))) == []


def test_a_thing_that_cannot_be_read_is_reported_once() -> None:
    """And only such a thing may be given up."""
    given_up = swept(2, texts=("pull request #7 is given up after 5 tries",))
    assert rules(swept(1), given_up, unreadable=True) == []
    assert rules(swept(1), swept(2), unreadable=True) == ["reported"]
    assert rules(swept(1), given_up, replace(given_up, plan=swept(3).plan), unreadable=True) == [
        "reported"
    ]
    assert rules(swept(1), given_up) == ["missing"]


def test_a_lost_ledger_excuses_the_time_since_the_last_success() -> None:
    """If it is reported."""
    lost = swept(2, CLOSING, texts=("the ledger is lost",))
    lost.plan = replace(lost.plan, ledger=LedgerFate.LOST)
    assert rules(swept(0), swept(1, CLOSING), lost) == []
    silent = replace(lost, outcome=Outcome(status=Status.EXPORTED))
    assert rules(swept(0), swept(1, CLOSING), silent) == ["reported"]
    long_ago = [swept(0), swept(1, CLOSING), *(swept(number) for number in range(2, 9))]
    late = replace(lost, plan=replace(lost.plan, number=9), started_at=START + 54 * HOUR)
    late.exports = [replace(each, sweep=9, at=late.started_at) for each in late.exports]
    assert rules(*long_ago, late) == ["twice"]


def test_lists_show_changes_later_than_single_things() -> None:
    """A list that shows a later state does not go back to an earlier one."""
    clock = SimulatedClock(START)
    worlds = Worlds(clock.now)
    run = (1000, "schedule", "Flow telemetry", START)
    worlds.add([own_run(*run, lag=HOUR)])
    worlds.add([own_run(*run, ended=START + HOUR / 2, conclusion="success")])
    worlds.advance()
    assert json.loads(worlds.ask_github(request(f"{RUNS}/1000")).body)["status"] == "in_progress"
    assert json.loads(worlds.ask_github(request(RUNS)).body)["workflow_runs"] == []
    for hours in (0.5, 1):
        clock.move_to(START + hours * HOUR)
        worlds.advance()
        (listed,) = json.loads(worlds.ask_github(request(RUNS)).body)["workflow_runs"]
        assert (listed["id"], listed["conclusion"]) == (1000, "success")


def test_faults_of_a_seed_are_the_same_each_time() -> None:
    """They do not depend on the order of requests."""

    def fates(salt: str, numbers: range) -> dict[int, str]:
        faults = RandomFaults(salt=salt, share=0.2)
        return {number: _fate(faults, f"/{number}") for number in numbers}

    forward, backward = fates("1", range(500)), fates("1", range(499, -1, -1))
    assert forward == backward != fates("2", range(500))
    assert 50 < sum(fate != "ok" for fate in forward.values()) < 150
    assert set(forward.values()) == {"ok", "reset", "502", "503", "cut"}


def _fate(faults: RandomFaults, path: str) -> str:
    try:
        answer = faults.apply(request(path), 1, lambda _: Answer(body=b"[1,2]"))
    except requests.ConnectionError:
        return "reset"
    if answer.status != 200:
        return str(answer.status)
    return "ok" if answer.body == b"[1,2]" else "cut"


def test_a_killed_program_gets_no_further_response() -> None:
    """None of its threads does."""
    clock = SimulatedClock(START)
    plan = SweepPlan(number=0, starts_at=START, kill_after_requests=1)
    network = Network(plan, Worlds(clock.now), clock, seed=0, unreadable={})
    assert network.ask_github(request("/repos/acme/shop")).status == 200
    for _ in range(2):
        with pytest.raises(Killed):
            network.ask_github(request("/repos/acme/shop"))


def test_a_request_arrives_as_over_http() -> None:
    """With its query, headers and body."""
    seen: list[Request] = []

    def ask(asked: Request) -> Answer:
        seen.append(asked)
        return Answer(status=201, headers={"Link": "<next>"}, body=b'{"a":1}')

    session = requests.Session()
    session.mount("https://", InProcessAdapter(ask))
    response = session.post("https://api.github.com/graphql", params={"a": "b c"}, json=[1])
    assert (response.status_code, response.json(), response.headers["link"]) == (
        201,
        {"a": 1},
        "<next>",
    )
    (got,) = seen
    assert (got.method, got.path, got.query, got.body) == (
        "POST",
        "/graphql",
        {"a": "b c"},
        b"[1]",
    )
    assert got.target == "/graphql?a=b+c"
    assert got.headers["content-type"] == "application/json"


def test_the_clock_moves_by_sleeping() -> None:
    """And never back."""
    clock = SimulatedClock(START)
    clock.sleep(90)
    clock.move_to(START)
    assert (clock.monotonic(), clock.now()) == (90.0, START + timedelta(seconds=90))
