"""The summary that GitHub shows on the page of a run."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import (
    CHANGE,
    HOSTILE,
    SHOP,
    at,
    busy_run,
    failed,
    make_delivery,
    make_exported,
    make_job,
    make_outcome,
    make_run,
    make_step,
    never_started,
)
from tests.report.flow_builders import make_item

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.model import Change, Lineage, Parentage
from flow_telemetry.outcome import Outcome, Status
from flow_telemetry.report.summary import LARGEST_SUMMARY, job_summary
from flow_telemetry.report.summary_run import LIFE_NOT_SENT
from flow_telemetry.telemetry import Signal

_TRACE = "bc5addb5cf688a1630d4f8fe75f91da2"


def test_a_summary_says_how_the_run_ended_and_where_its_trace_is() -> None:
    """Workflow, result, trace as a link, pull request and why, and what was sent."""
    exported = make_exported(busy_run(), trace_url="https://tempo.example/t/1")
    text = job_summary(make_outcome(busy_run(), exported=exported))
    assert text.startswith("### ❌ CI: failure\n\n- ❌ ")
    assert f"Trace [`{_TRACE}`](<https://tempo.example/t/1>)" in text
    assert "[run 42](<https://github.com/acme/shop/actions/runs/999>) · 6 jobs · 10m 25s" in text
    assert (
        "Belongs to pull request [\\#\u200b123](<https://github.com/acme/shop/pull/123>) "
        "Add the cart: a pull request from its branch was open when it was created."
    ) in text
    assert "```mermaid\n" in text
    assert "1 job took no time" in text
    last = text.rpartition("\n\n")[2].replace("\\", "")
    assert last == (
        "<sub>Sent 9 spans to https://otlp.example.com:4318 in 1 request, 2.3 kB. "
        "The export took 1.2s.</sub>"
    )


def test_queue_time_stands_against_run_time() -> None:
    """Of all jobs together, approvals apart; of a run that took no time nothing is said."""
    text = job_summary(make_outcome(busy_run()))
    told = (
        "The 6 jobs together waited 1m 50s for runners and 9m for approvals and ran 12m 39s: "
        "46 % waiting."
    )
    assert f"\n\n{told}\n\n" in text
    alone = job_summary(make_outcome(make_run(make_job(1, "build", queued=5, seconds=95))))
    assert "The job waited 5s for runners and ran 1m 35s: 5 % waiting." in alone
    assert "waiting." not in job_summary(make_outcome(make_run()))


def test_all_signals_are_told_in_one_sentence() -> None:
    """One place, one sentence; what it does not take at all is told apart."""
    spans = make_delivery()
    events = replace(spans, signal=Signal.LOGS, collected=1, sent=1, bytes_sent=100)
    points = replace(spans, signal=Signal.METRICS, collected=7, sent=6, lost=1, bytes_sent=55)
    told = job_summary(make_outcome(busy_run(), deliveries=(spans, events, points)))
    assert (
        "Sent 9 spans, 1 event and 6 of 7 metric points to https://otlp.example.com:4318 in "
        "3 requests, 2.5 kB."
    ) in told.replace("\\", "")
    refused = replace(events, sent=0, declined=1)
    told = job_summary(make_outcome(busy_run(), deliveries=(spans, refused))).replace("\\", "")
    assert "Sent 9 spans to https://otlp.example.com:4318 in 2 requests, 2.4 kB." in told
    assert "1 event not sent: https://otlp.example.com:4318 does not accept them." in told
    nothing = replace(events, collected=0, sent=0, requests=0, bytes_sent=0)
    told = job_summary(make_outcome(busy_run(), deliveries=(spans, nothing)))
    assert "event" not in told


def test_an_event_alone_was_sent() -> None:
    """Under `events: live` one record leaves and no span."""
    event = replace(make_delivery(), signal=Signal.LOGS, collected=1, sent=1)
    text = job_summary(make_outcome(deliveries=(event,)))
    assert text.startswith("### flow-telemetry: 1 event sent\n")


def test_the_slowest_ten_steps_are_a_table() -> None:
    """Each with its job, time and result, the slowest first."""
    steps = tuple(make_step(n, f"step | {n}", n, n) for n in range(1, 15))
    job = replace(failed(make_job(1, "build")), steps=steps)
    text = job_summary(make_outcome(make_run(job)))
    rows = [line for line in text.split("\n") if line.startswith("| `")]
    assert len(rows) == 10
    assert rows[0] == "| `step \\| 14` | `build` | 14s | ✅ success |"


def test_what_a_pull_request_still_lacks_is_told_if_it_is_the_root() -> None:
    """Its life is sent when it ends."""
    run = busy_run()
    of_run = make_exported(run, trace=TraceIdentity(root=run.reference))
    assert LIFE_NOT_SENT in job_summary(make_outcome(run))
    assert LIFE_NOT_SENT not in job_summary(make_outcome(run, exported=of_run))
    alone = job_summary(make_outcome(run, exported=make_exported(run, change=None)))
    assert LIFE_NOT_SENT not in alone
    assert "Belongs to no pull request: " in alone


def test_a_pull_request_that_has_ended_lacks_nothing() -> None:
    """Once it is closed its life is there, or on its way."""
    merged = replace(CHANGE, closed_at=at(9_000), merged_at=at(9_000))
    exported = make_exported(busy_run(), change=merged)
    assert "missing" not in job_summary(make_outcome(busy_run(), exported=exported))


def test_what_an_item_still_lacks_is_told_until_it_closes() -> None:
    """Under `trace-scope: item` or `feature`, if it is the root."""
    item = make_item("ACME-57", closed_at=None, state="open", result="")
    trace = TraceIdentity(root=item.reference)
    for known, missing in ((item, True), (replace(item, state="closed"), False)):
        exported = make_exported(busy_run(), trace=trace, lineage=Lineage(items=(known,)))
        text = job_summary(make_outcome(busy_run(), exported=exported)).replace("\\", "")
        assert ("The title, the statuses and the result of story [ACME-57]" in text) is missing
        assert LIFE_NOT_SENT not in text


def test_the_work_item_and_the_feature_of_a_run_are_one_line() -> None:
    """Keys as links with their titles, and told where nothing but the key is known."""
    story = make_item("ACME-57")
    epic = make_item("ACME-42", "Epic", read=False, url="", title="")
    lineage = Lineage(items=(story, epic), others=(make_item("ACME-9"),), reason="its key is there")
    exported = make_exported(busy_run(), lineage=lineage)
    text = job_summary(make_outcome(busy_run(), exported=exported)).replace("\\", "")
    assert (
        "\n\nPart of story [ACME-57](<https://jira.example/browse/ACME-57>) Title of ACME-57, "
        "in the feature epic ACME-42 (only its key is known): its key is there. "
        "Also linked to story [ACME-9](<https://jira.example/browse/ACME-9>) Title of ACME-9.\n\n"
    ) in text


def test_an_item_that_is_the_feature_is_named_once() -> None:
    """A chain of one item has no feature besides."""
    lineage = Lineage(items=(make_item("ACME-42", "Epic"),))
    exported = make_exported(busy_run(), lineage=lineage)
    text = job_summary(make_outcome(busy_run(), exported=exported))
    assert "Part of epic [" in text
    assert "in the feature" not in text


def test_a_root_whose_creation_is_not_known_is_told() -> None:
    """Of an item that no tracker was asked for, only the key is known."""
    item = make_item("ACME-57", created_at=None, closed_at=None, state="", result="", read=False)
    trace = TraceIdentity(root=item.reference)
    exported = make_exported(busy_run(), trace=trace, lineage=Lineage(items=(item,)))
    text = job_summary(make_outcome(busy_run(), exported=exported)).replace("\\", "")
    assert "The trace has no root: when story [ACME-57]" in text


def test_further_pull_requests_are_named() -> None:
    """What the run is linked to besides is told."""
    other = Change(repository=SHOP, number=5, url="https://github.com/acme/shop/pull/5")
    parentage = Parentage(reason="x", change=CHANGE, others=(other,))
    text = job_summary(
        make_outcome(busy_run(), exported=make_exported(busy_run(), parentage=parentage))
    )
    assert "Also linked to [\\#\u200b5](<https://github.com/acme/shop/pull/5>)." in text


def test_a_job_alone_has_a_summary_of_its_own() -> None:
    """Under `export: job` the headline and the table are the job's."""
    run = busy_run()
    reference = run.job_reference(run.jobs[3])
    exported = make_exported(run, reference=reference, partial=True)
    text = job_summary(make_outcome(run, exported=exported))
    assert text.startswith("### ✅ CI / lint: success so far\n")
    assert "1 job ·" in text
    assert "`Run build`" not in text


def test_a_run_still_going_on_is_told_as_such() -> None:
    """Without a result yet the headline says so."""
    run = make_run(make_job(1, "build"), status="in_progress", conclusion=None)
    text = job_summary(make_outcome(run, exported=make_exported(run, partial=True)))
    assert text.startswith("### CI: no result yet\n")


@pytest.mark.parametrize("run", [make_run(), make_run(never_started(1, "publish"))])
def test_runs_without_work_have_neither_diagram_nor_table(run: object) -> None:
    """Without jobs, or with none that started, the rest is told."""
    assert isinstance(run, type(make_run()))
    text = job_summary(make_outcome(run))
    assert "mermaid" not in text
    assert "Slowest" not in text
    assert "<sub>Sent 9 spans" in text


def test_an_export_of_nothing_says_why() -> None:
    """A skipped export tells its notices and problems, and no trace."""
    outcome = Outcome(status=Status.SKIPPED, notices=("nothing is sent: no endpoint",))
    assert job_summary(outcome).replace("\\", "") == (
        "### flow-telemetry: nothing was sent\n\n**Notices**\n\n- nothing is sent: no endpoint"
        "\n\n<sub>Nothing was sent. The export took 0s.</sub>"
    )


def test_what_is_missing_in_the_backend_is_told() -> None:
    """Left out, kept and lost items are listed with where and why."""
    delivery = make_delivery(sent=5, spooled=3, lost=1, spool_files=("spool/a.jsonl",))
    outcome = make_outcome(
        busy_run(), deliveries=(delivery,), left_out=("2 jobs",), problems=("no @answer",)
    )
    text = job_summary(outcome).replace("\\", "")
    assert "**Problems**\n\n- no @\u200banswer\n" in text
    assert (
        "**Left out**\n\n- 2 jobs\n- 3 spans not delivered but kept in spool/a.jsonl\n"
        "- 1 span neither delivered nor kept\n"
    ) in text
    assert "Sent 5 of 9 spans" in text


def test_of_a_large_spool_a_few_files_are_named() -> None:
    """The others stand beside them."""
    files = tuple(f"spool/{number}.jsonl" for number in range(5))
    delivery = make_delivery(sent=0, spooled=9, spool_files=files)
    text = job_summary(make_outcome(busy_run(), deliveries=(delivery,))).replace("\\", "")
    assert "kept in spool/0.jsonl, spool/1.jsonl, spool/2.jsonl and 2 more files\n" in text


def test_a_large_summary_gives_up_the_table_then_the_diagram() -> None:
    """What is left out for its size is named, the rest stays."""
    outcome = make_outcome(busy_run())
    whole = job_summary(outcome)
    without_table = job_summary(outcome, largest=len(whole.encode()) - 1)
    assert "mermaid" in without_table
    assert "Slowest" not in without_table
    assert without_table.endswith("Too large to show here: the table of steps.")
    least = job_summary(outcome, largest=10)
    assert "mermaid" not in least
    assert least.endswith("Too large to show here: the table of steps and the diagram of jobs.")
    assert least.startswith("### ❌ CI: failure")


def test_the_largest_run_stays_below_the_limits() -> None:
    """A thousand jobs with long names and endless problems fit GitHub's and Mermaid's limits."""
    jobs = [make_job(n, f"{n} " + "😀<|" * 900, created=n) for n in range(1, 1_001)]
    texts = tuple(f"{n} " + "😀<|" * 900 for n in range(500))
    outcome = make_outcome(make_run(*jobs), problems=texts, notices=texts, left_out=texts)
    text = job_summary(outcome)
    assert len(text.encode()) < LARGEST_SUMMARY
    assert "the longest 40 of 1,000" in text
    assert "- and 480 more" in text
    diagram = re.search("```mermaid\n(.*?)\n```", text, re.DOTALL)
    assert diagram is not None
    assert len(diagram[1]) < 50_000


@given(st.text() | st.sampled_from(HOSTILE), st.text() | st.sampled_from(HOSTILE))
def test_no_text_changes_the_shape_of_a_summary(name: str, text: str) -> None:
    """Headings, rows and fences are ours alone, whatever names, titles and problems say."""
    shape = _shape("build", "x")
    assert _shape(name, text) == shape


def _shape(name: str, text: str) -> list[str]:
    change = replace(CHANGE, title=f"t{text}")
    run = make_run(failed(make_job(1, name)), workflow=f"w{text}", conclusion="failure")
    item = make_item(f"K{text}", f"T{name}", title=f"t{name}", url=text)
    exported = make_exported(
        run,
        change=change,
        lineage=Lineage(items=(item, make_item(f"F{name}")), others=(item,), reason=text),
    )
    summary = job_summary(
        make_outcome(run, exported=exported, problems=(text, name), left_out=(name,))
    )
    return [_mark(line) for line in summary.split("\n")]


def _mark(line: str) -> str:
    """What a line begins as, and for a table's row its bars."""
    if line.startswith("|"):
        return "row" + "|" * len(re.findall(r"(?<!\\)[|]", line))
    found = re.match(r"#+ |- |```|  section |---|</?sub>|\*\*", line)
    return found[0] if found else ""
