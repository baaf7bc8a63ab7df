"""What happened to a pull request or a work item, in the summary and on the terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.report.builders import at, make_outcome
from tests.report.flow_builders import DAY, exported_change, exported_item, make_change, make_item

from flow_telemetry.model import Actor, Event, EventKind
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.report.summary import job_summary
from flow_telemetry.report.terminal import report
from flow_telemetry.settings import Actors


def _shown(exported: ExportedSubject) -> str:
    """The summary of an export as its reader sees it."""
    text = job_summary(make_outcome(exported=exported))
    return text.replace("\\", "").replace("\u200b", "")


def _events(text: str) -> list[str]:
    """The rows of the table of events, its head left out."""
    table = text.partition("| Events")[2].split("\n")[1:]
    return [line for line in table if line.startswith("| ")]


def test_the_last_events_of_a_pull_request_are_a_table() -> None:
    """When, what, about what and by whom; of a long history only the last twenty."""
    labelled = Event(
        kind=EventKind.LABELED, time=at(60), subject="money|`x`", actor=Actor(login="carol")
    )
    sha = Event(kind=EventKind.COMMITTED, time=at(90), id="0123456789abcdef")
    text = _shown(exported_change(make_change(timeline=(labelled, sha))))
    assert "\n| Events | What | By |\n" in text
    assert _events(text) == [
        "| 2026-11-24 03:43 UTC | opened | octocat |",
        "| 2026-11-24 03:44 UTC | labeled money|`x` | carol |",
        "| 2026-11-24 03:44 UTC | committed 0123456 |  |",
        "| 2026-11-27 03:43 UTC | merged |  |",
    ]
    many = tuple(
        Event(kind=EventKind.COMMENTED, time=at(n), id=str(n)) for n in range(1_000, 6_000)
    )
    text = _shown(exported_change(make_change(timeline=many)))
    assert "\n| Events (the last 20 of 5,002) | What | By |\n" in text
    assert len(_events(text)) == 20


@pytest.mark.parametrize("actors", [Actors.HASH, Actors.NONE])
def test_a_summary_names_nobody_where_the_user_wants_that(actors: Actors) -> None:
    """Neither who did something nor whom it was about; a hash is the telemetry's."""
    asked = Event(kind=EventKind.REVIEW_REQUESTED, time=at(60), subject="carol")
    change = make_change()
    change = replace(change, timeline=(asked, *change.timeline))
    text = _shown(exported_change(change, actors=actors))
    assert not re.search("octocat|hubot|carol", text)
    assert ("4c26d9074c27d89e" in text) is (actors is Actors.HASH)


def test_the_history_of_a_work_item_is_a_table() -> None:
    """A status names the one that it replaced."""
    moved = Event(
        kind=EventKind.STATUS_CHANGED, time=at(DAY), before="To do", subject="Doing <now>"
    )
    text = _shown(exported_item(make_item("ACME-57", history=(moved,))))
    assert "| 2026-11-25 03:43 UTC | status To do → Doing &lt;now&gt; |  |" in _events(text)


def test_a_report_tells_the_last_events_of_a_pull_request() -> None:
    """In order of time, by whom and about what; of a long history how much came before."""
    rows = report(make_outcome(exported=exported_change(make_change()))).split("\n")
    assert rows[2:] == [
        "  2026-11-24 03:43 opened by octocat",
        "  2026-11-24 04:43 ready for review",
        "  2026-11-26 03:43 reviewed with comments by hubot-the-human",
        "  2026-11-26 15:43 approved by hubot-the-human",
        "  2026-11-27 03:43 merged",
        "  2026-11-27 03:43 closed",
    ]
    labels = tuple(
        Event(kind=EventKind.LABELED, time=at(n), subject=f"label {n}") for n in range(60, 90)
    )
    change = make_change(timeline=labels)
    rows = report(make_outcome(exported=exported_change(change))).split("\n")
    assert rows[2] == "  12 earlier events"
    assert len(rows) == 23
    assert rows[-1] == "  2026-11-27 03:43 merged"


@pytest.mark.parametrize(
    ("actors", "asked", "who"),
    [
        (Actors.LOGIN, " carol", " by octocat"),
        (Actors.HASH, " 4c26d9074c27d89e", " by a6658157f0df8390"),
        (Actors.NONE, "", ""),
    ],
)
def test_a_report_names_people_as_the_user_wants(actors: Actors, asked: str, who: str) -> None:
    """By login, by the hash that the telemetry has too, or not at all."""
    event = Event(
        kind=EventKind.REVIEW_REQUESTED,
        time=at(60),
        subject="carol",
        actor=Actor(login="octocat"),
    )
    exported = exported_change(make_change(timeline=(event,)), actors=actors)
    rows = report(make_outcome(exported=exported)).split("\n")
    assert f"  2026-11-24 03:44 review requested{asked}{who}" in rows
