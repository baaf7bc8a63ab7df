"""The summary of what has no jobs: pull requests, work items, features, sweeps, deployments."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import (
    CHANGE,
    HOSTILE,
    START,
    at,
    busy_run,
    make_delivery,
    make_exported,
    make_outcome,
)
from tests.report.flow_builders import (
    DAY,
    exported_change,
    exported_item,
    make_change,
    make_item,
)

from flow_telemetry.model import Actor, ActorKind, Event, EventKind, Lineage
from flow_telemetry.outcome import ExportedSubject, Outcome, Status
from flow_telemetry.report.summary import LARGEST_SUMMARY, job_summary
from flow_telemetry.rules.intervals import Interval


def _shown(exported: ExportedSubject | None, **facts: Any) -> str:
    """The summary of an export as its reader sees it."""
    text = job_summary(make_outcome(exported=exported, **facts))
    return text.replace("\\", "").replace("\u200b", "")


def _rows(text: str) -> list[str]:
    """The rows of the table of phases, statuses or exports."""
    before_events = text.partition("| Events")[0]
    return [line for line in before_events.split("\n") if line.startswith("| ")][1:]


def test_a_merged_pull_request_tells_its_times_and_its_trace() -> None:
    """State, trace as a link, author's kind, opened and closed, and the whole of its time."""
    text = _shown(exported_change(make_change(), trace_url="https://tempo.example/t/1"))
    assert text.startswith("### pull request #123: merged\n\n")
    assert (
        "Trace [`bc5addb5cf688a1630d4f8fe75f91da2`](<https://tempo.example/t/1>) · "
        "[#123](<https://github.com/acme/shop/pull/123>) Add the cart · by a human · "
        "2026-11-24 03:43 UTC → 2026-11-27 03:43 UTC · 3d\n"
    ) in text
    assert "Belongs to no known work item." in text


def test_where_a_pull_request_waited_is_a_table() -> None:
    """Each phase with its time and its share of the whole, the longest first, and a diagram."""
    text = _shown(exported_change(make_change()))
    assert "Waited 2d 11h of 3d (82 %) for a review, for the merge or in the merge queue." in text
    assert _rows(text) == [
        "| awaiting review | 1 | 1d 23h | 65 % |",
        "| in review | 1 | 12h | 17 % |",
        "| awaiting merge | 1 | 12h | 17 % |",
        "| draft | 1 | 1h | 1 % |",
    ]
    assert "```mermaid\n" in text
    assert "  1d 23h :done, 2001-01-01 01:00:00, 169200s\n" in text


def test_phases_of_one_kind_are_added_up() -> None:
    """A pull request that was a draft twice has one row for both; a very short one has a share."""
    timeline = (
        Event(kind=EventKind.READY_FOR_REVIEW, time=at(DAY)),
        Event(kind=EventKind.CONVERTED_TO_DRAFT, time=at(DAY + 60)),
    )
    text = _shown(exported_change(make_change(timeline=timeline)))
    assert _rows(text) == [
        "| draft | 2 | 2d 23h | 100 % |",
        "| awaiting review | 1 | 1m | under 1 % |",
    ]


@pytest.mark.parametrize(
    ("facts", "state", "author"),
    [
        ({"merged_at": None}, "closed", "by a human"),
        ({"author": Actor(login="renovate", kind=ActorKind.BOT)}, "merged", "by a bot"),
        ({"author": Actor(login="copilot", kind=ActorKind.AGENT)}, "merged", "by an agent"),
    ],
)
def test_how_it_ended_and_who_wrote_it(facts: dict[str, object], state: str, author: str) -> None:
    """Merged or closed; a person, a bot or an agent; their names are with the events only."""
    text = _shown(exported_change(make_change(**facts))).partition("| Events")[0]
    assert text.startswith(f"### pull request #123: {state}\n")
    assert f" · {author} · " in text
    assert not re.search("octocat|renovate|copilot", text)


def test_a_reopened_pull_request_tells_its_last_closing() -> None:
    """Its span is its first life, but people ask when it was over."""
    timeline = (
        Event(kind=EventKind.CLOSED, time=at(DAY)),
        Event(kind=EventKind.REOPENED, time=at(2 * DAY)),
        Event(kind=EventKind.CLOSED, time=at(3 * DAY)),
    )
    change = make_change(timeline=timeline, merged_at=None)
    text = _shown(exported_change(change, interval=Interval(START, at(DAY))))
    assert "· 1 reopening · 2026-11-24 03:43 UTC → 2026-11-27 03:43 UTC · 3d\n" in text
    assert _rows(text) == ["| awaiting review | 2 | 2d | 100 % |"]


def test_a_pull_request_of_unknown_times_has_neither_table_nor_diagram() -> None:
    """Without a timeline and an opening nothing is made up."""
    change = make_change(created_at=None, timeline=(), author=None)
    text = _shown(exported_change(change))
    assert "Phase" not in text
    assert "mermaid" not in text


def test_a_pull_request_tells_what_it_is_part_of() -> None:
    """The story and the epic above it, as links."""
    lineage = Lineage(
        items=(make_item("ACME-57"), make_item("ACME-42", "Epic")), reason="the title names it"
    )
    text = _shown(exported_change(make_change(), lineage=lineage))
    assert (
        "Part of story [ACME-57](<https://jira.example/browse/ACME-57>) Title of ACME-57, in the "
        "feature epic [ACME-42](<https://jira.example/browse/ACME-42>) Title of ACME-42: the title "
        "names it."
    ) in text


def test_a_work_item_tells_how_long_it_was_in_each_status() -> None:
    """Result, times, trace, the feature above it, and its statuses."""
    history = (
        Event(kind=EventKind.STATUS_CHANGED, time=at(DAY), before="To Do", subject="Doing"),
        Event(kind=EventKind.STATUS_CHANGED, time=at(4 * DAY), before="Doing", subject="Done"),
    )
    item = make_item("ACME-57", history=history)
    text = _shown(exported_item(item, make_item("ACME-42", "Epic")))
    assert text.startswith("### story ACME-57: Done\n\nTrace `")
    assert "[ACME-57](<https://jira.example/browse/ACME-57>) Title of ACME-57 · 2026-11-24" in text
    assert "Part of epic [ACME-42](" in text
    assert _rows(text) == ["| Doing | 1 | 3d | 75 % |", "| To Do | 1 | 1d | 25 % |"]
    assert "  section Doing\n  3d :2001-01-02" in text


def test_a_feature_shows_its_trace_and_what_is_finer_than_it_holds() -> None:
    """The link leads to the feature's trace; the detail that did not fit is told."""
    epic = make_item("ACME-42", "Epic")
    exported = exported_item(epic, trace_url="https://tempo.example/t/2")
    text = _shown(exported, left_out=("spans finer than job: max-spans is 5000",))
    assert "](<https://tempo.example/t/2>)" in text
    assert "This is the top-level feature." in text
    assert "**Left out**\n\n- spans finer than job: max-spans is 5000" in text


def test_a_snapshot_is_told_as_such() -> None:
    """An open feature is shown as of the instant of its snapshot."""
    epic = make_item("ACME-42", "Epic", closed_at=None, state="open", result="", status="Doing")
    exported = exported_item(epic, partial=True, interval=Interval(START, at(2 * DAY)))
    text = _shown(exported)
    assert text.startswith("### epic ACME-42: Doing (as of now)\n")
    assert "→ 2026-11-26 03:43 UTC · 2d" in text
    assert _rows(text) == ["| Doing | 1 | 2d | 100 % |"]


def test_an_item_and_its_feature_trace_are_one_summary() -> None:
    """Both are of the same epic, so the second only adds its trace."""
    epic = make_item("ACME-42", "Epic")
    text = _shown(exported_item(epic), further=(exported_item(epic),))
    assert text.startswith("### epic ACME-42: Done\n")
    assert "Also exported: [epic ACME-42](<https://jira.example/browse/ACME-42>)" in text


def test_a_merge_tells_the_run_and_the_change_that_went_along() -> None:
    """The push's run is the subject; the pull request that it merged is named with its trace."""
    change = exported_change(make_change())
    text = _shown(make_exported(busy_run()), further=(change,))
    assert text.startswith("### ❌ CI: failure\n")
    assert (
        "Also exported: [pull request #123](<https://github.com/acme/shop/pull/123>) Add the cart "
        "(trace `bc5addb5cf688a1630d4f8fe75f91da2`)."
    ) in text


def test_a_sweep_is_a_table_of_all_that_it_sent() -> None:
    """Things that do not belong together are listed, of very many the first ones."""
    other = exported_change(replace(make_change(), number=124))
    run = make_exported(replace(busy_run(), title="Add the cart"))
    found = (run, other, exported_item(make_item("ACME-57")))
    text = _shown(found[0], further=found[1:], notices=("sweep of acme/shop: 3 were read",))
    assert text.startswith("### flow-telemetry: 3 exports\n")
    assert [row.split(" | ")[:2] for row in _rows(text)] == [
        ["| [CI #42](<https://github.com/acme/shop/actions/runs/999>) Add the cart", "❌ failure"],
        ["| [pull request #124](<https://github.com/acme/shop/pull/123>) Add the cart", "merged"],
        ["| [story ACME-57](<https://jira.example/browse/ACME-57>) Title of ACME-57", "Done"],
    ]
    assert "- sweep of acme/shop: 3 were read" in text
    many = _shown(found[0], further=(other,) * 5_000)
    assert "### flow-telemetry: 5,001 exports" in many
    assert len(_rows(many)) == 21
    assert "| and 4,981 more |" in many


def test_spans_without_a_named_subject_were_sent_all_the_same() -> None:
    """Of deployments nothing is named above; the summary does not say that nothing was sent."""
    assert _shown(None).startswith("### flow-telemetry: 9 spans sent\n")
    lost = _shown(None, deliveries=(make_delivery(sent=0, spooled=9),))
    assert lost.startswith("### flow-telemetry: nothing was delivered\n")
    nothing = job_summary(Outcome(status=Status.SKIPPED))
    assert nothing.startswith("### flow-telemetry: nothing was sent\n")


_TEXTS = st.text() | st.sampled_from(HOSTILE)


@given(_TEXTS, _TEXTS)
def test_no_text_changes_the_shape_of_a_summary(title: str, status: str) -> None:
    """Headings, rows and fences are ours alone, whatever titles, types and statuses say."""
    for exported in (_hostile_change, _hostile_item):
        shape = _shape(exported("title", "status"))
        assert _shape(exported(f"t{title}", f"s{status}")) == shape


def _hostile_change(title: str, other: str) -> ExportedSubject:
    item = make_item(f"K{title}", f"T{other}", title=other, url=title)
    change = make_change(title=title, url=other)
    return exported_change(
        change, title=title, trace_url=other, lineage=Lineage(items=(item,), reason=other)
    )


def _hostile_item(title: str, status: str) -> ExportedSubject:
    history = (Event(kind=EventKind.STATUS_CHANGED, time=at(DAY), before="A", subject=status),)
    item = make_item(f"K{title}", f"T{title}", title=title, result=status, history=history)
    return exported_item(item, make_item(f"E{status}", title=title))


def _shape(exported: ExportedSubject) -> list[str]:
    text = job_summary(make_outcome(exported=exported, further=(exported,)))
    return [_mark(line) for line in (text + "\n" + _sweep_of(exported)).split("\n")]


def _sweep_of(exported: ExportedSubject) -> str:
    return job_summary(make_outcome(busy_run(), further=(exported_item(make_item("A")), exported)))


def _mark(line: str) -> str:
    """What a line begins as, and for a table's row its bars."""
    if line.startswith("|"):
        return "row" + "|" * len(re.findall(r"(?<!\\)[|]", line))
    found = re.match(r"#+ |- |```|  section |---|</?sub>|\*\*", line)
    return found[0] if found else ""


def test_endless_statuses_stay_below_the_limits() -> None:
    """An item that changed its status for years fits GitHub's and Mermaid's limits."""
    history = tuple(
        Event(kind=EventKind.STATUS_CHANGED, time=at(n * 60), subject=f"{n} " + "😀<|" * 900)
        for n in range(1, 3_000)
    )
    text = job_summary(make_outcome(exported=exported_item(make_item("ACME-57", history=history))))
    assert len(text.encode()) < LARGEST_SUMMARY
    assert "more | 2,9" in text
    assert "the longest 100 of 3,000" in text
    small = job_summary(make_outcome(exported=exported_change(make_change())), largest=10)
    assert small.endswith("Too large to show here: the table of events and the diagram of phases.")
    assert CHANGE.title in small
