"""The summary of a feature: what delayed it; of a pull request: its runs; public and hostile."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import HOSTILE, SHOP, START, at, failed, make_job, make_outcome, make_run
from tests.report.flow_builders import DAY, exported_change, exported_item, make_change, make_item

from flow_telemetry.model import Deployment, DeploymentStatus, Repository, Run, WorkItem
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.privacy.audience import Audience, redact_outcome
from flow_telemetry.report.summary import job_summary
from flow_telemetry.rules.overview import feature_overview, runs_overview
from flow_telemetry.rules.time_shares import measure_feature_time

SECRET = Repository(host="github.com", owner="acme", name="vault", url="https://github.com/acme/v")


def deployment(number: int, environment: str, state: str, end: float, **facts: Any) -> Deployment:
    """Return a deployment that ended so many seconds after the feature's opening."""
    known = {"repository": SHOP, "url": f"https://github.com/acme/shop/{environment}", **facts}
    return Deployment(
        id=number,
        environment=environment,
        sha="c0ffee",
        created_at=at(end - 60),
        statuses=(DeploymentStatus(state=state, time=at(end), id=number),),
        **known,
    )


def feature(*stories: ItemNode, **facts: Any) -> ExportedSubject:
    """Return the export of an epic with these stories, closed after ten days."""
    epic = make_item("ACME-1", "Epic", closed_at=at(10 * DAY))
    tree = FeatureTree(root=ItemNode(item=epic, children=stories), **facts)
    overview = feature_overview(tree, ())
    return exported_item(epic, time=measure_feature_time(tree, ()), feature=overview)


def story(*changes: ChangeNode, key: str = "ACME-57", **facts: Any) -> ItemNode:
    """Return a story with these pull requests."""
    return ItemNode(item=make_item(key, **facts), changes=changes)


def ci(number: int, *, start: float = 0, conclusion: str = "success") -> Run:
    """Return a run of one job of ten minutes."""
    job = make_job(number, "test", created=start, queued=0, seconds=600)
    job = failed(job) if conclusion == "failure" else job
    return replace(
        make_run(job, conclusion=conclusion, number=number),
        id=number,
        created_at=at(start),
        started_at=at(start),
        public=False,
    )


def shown(exported: ExportedSubject, audience: Audience | None = None) -> str:
    """Return the summary as its reader sees it."""
    outcome = make_outcome(exported=exported)
    if audience is not None:
        outcome = redact_outcome(audience, outcome)
    return job_summary(outcome).replace("\\", "").replace("\u200b", "")


def rows(text: str, head: str) -> list[str]:
    """Return the rows of the table that begins with this head."""
    table = text[text.index(f"| {head}") :].partition("\n\n")[0]
    return table.split("\n")[2:]


def test_an_epic_says_what_delayed_it() -> None:
    """Its longest waits, its stories and pull requests, its CI and its deployments."""
    runs = (ci(1), ci(2, start=1_000, conclusion="failure"))
    change = ChangeNode(
        change=make_change(),
        runs=runs,
        deployments=(
            deployment(5, "production", "failure", 3 * DAY),
            deployment(6, "production", "success", 3 * DAY + 600),
        ),
    )
    text = shown(feature(story(change), story(key="ACME-58", created_at=at(DAY))))
    assert rows(text, "Longest waits") == [
        "| [#123](<https://github.com/acme/shop/pull/123>) Add the cart | awaiting review | 1d 23h "
        "| 2026-11-24 04:43 UTC |",
        "| [#123](<https://github.com/acme/shop/pull/123>) Add the cart | awaiting merge | 12h "
        "| 2026-11-26 15:43 UTC |",
    ]
    assert rows(text, "Stories and pull requests") == [
        "| story [ACME-57](<https://jira.example/browse/ACME-57>) Title of ACME-57 | Done | 4d "
        "| 61 % |",
        "| &emsp;pull request [#123](<https://github.com/acme/shop/pull/123>) Add the cart "
        "| merged | 3d | 82 % |",
        "| story [ACME-58](<https://jira.example/browse/ACME-58>) Title of ACME-58 | Done | 3d "
        "| 0 % |",
    ]
    assert "CI took 20m in 2 runs, 1 of them failed, $0.12." in text
    assert rows(text, "Deployments") == [
        "| [production](<https://github.com/acme/shop/production>) | #123 | ❌ failed "
        "| 2026-11-27 03:43 UTC |",
        "| [production](<https://github.com/acme/shop/production>) | #123 | ✅ succeeded "
        "| 2026-11-27 03:53 UTC |",
    ]
    # The answer is in the first screen: before the statuses, their diagram and the events.
    assert text.index("Where the time went") < text.index("Longest waits") < text.index("Events")


def test_a_deployment_of_two_pull_requests_is_one_row() -> None:
    """Each of them has it in the tree."""
    both = deployment(5, "production", "success", 4 * DAY)
    nodes = [
        ChangeNode(change=replace(make_change(), number=number), deployments=(both,))
        for number in (124, 123)
    ]
    text = shown(feature(story(*nodes)))
    assert [row.split(" | ")[1] for row in rows(text, "Deployments")] == ["#123, #124"]


def test_what_was_not_read_is_not_made_up() -> None:
    """Without jobs there is no cost; without anything below it, no table."""
    text = shown(
        feature(
            story(ChangeNode(change=make_change(), runs=(ci(1),)), key="ACME-57"),
            finest=TreeDetail.RUN,
        )
    )
    assert "CI took 10m in 1 run." in text
    bare = shown(feature())
    assert "Longest waits" not in bare
    assert "Stories" not in bare
    assert "CI took" not in bare
    assert "Deployments" not in bare


def test_of_a_large_feature_the_longest_work_is_shown() -> None:
    """In the order of the tree."""
    stories = [
        story(key=f"ACME-{number}", closed_at=at(DAY * (1 + number % 9)))
        for number in range(100, 200)
    ]
    found = rows(shown(feature(*stories)), "Stories and pull requests")
    assert len(found) == 31
    assert found[-1] == "| and 70 more with shorter lead times |  |  |  |"
    keys = [int(re.findall(r"ACME-(\d+)", row)[0]) for row in found[:-1]]
    assert keys == sorted(keys)
    assert {number % 9 for number in keys} <= {5, 6, 7, 8}


def test_a_public_summary_has_keys_and_times_of_what_is_elsewhere() -> None:
    """The readers of acme/shop may not read acme/vault."""
    hidden = replace(make_change(title="Rotate the keys"), repository=SECRET, number=9)
    nodes = (
        ChangeNode(
            change=replace(hidden, url="https://github.com/acme/vault/pull/9"),
            runs=(replace(ci(1), repository=SECRET, workflow="Secret CI"),),
            deployments=(deployment(5, "moon", "success", 3 * DAY, repository=SECRET),),
        ),
        ChangeNode(change=make_change()),
    )
    url = "https://github.com/acme/shop/issues/1"
    epic = make_item("acme/shop#1", "Epic", closed_at=at(10 * DAY), url=url)
    own = replace(epic, tracker="github", repository=SHOP)
    tree = FeatureTree(root=ItemNode(item=own, children=(story(*nodes, title="Secret plan"),)))
    exported = exported_item(own, feature=feature_overview(tree, ()))
    text = shown(exported, Audience(own_repository="acme/shop", public=True))
    for secret in ("Rotate", "vault", "moon", "Secret", "jira.example", "$0"):
        assert secret not in text
    found = rows(text, "Stories and pull requests")
    assert found[0].startswith("| ACME-57 |")
    assert found[1].startswith("| &emsp;#9 |  | 3d | 82 % |")
    assert found[2].startswith("| &emsp;pull request [#123]")
    assert rows(text, "Deployments")[0].startswith("| (not shown) | #9 | ✅ succeeded |")
    assert "CI took 10m in 1 run." in text
    everything = shown(exported, Audience(own_repository="acme/shop"))
    assert "Rotate the keys" in everything
    assert "moon" in everything


def test_a_pull_request_shows_its_runs() -> None:
    """Their results in order of time, the time of CI without what overlaps, and the cost."""
    runs = (ci(2, start=300, conclusion="failure"), ci(1))
    later = ci(3, start=4 * DAY)
    again = tuple(replace(job, run_attempt=2) for job in later.jobs)
    later = replace(later, attempt=2, workflow="Deploy", jobs=again)
    exported = exported_change(make_change(), runs=runs_overview(runs, (later,)))
    text = shown(exported)
    url = "<https://github.com/acme/shop/actions/runs/999>"
    assert "CI took 25m in 3 runs, 1 of them failed, $0.18." in text
    assert rows(text, "Runs") == [
        f"| [CI #1]({url}) | ✅ success | 2026-11-24 03:43 UTC | 10m |",
        f"| [CI #2]({url}) | ❌ failure | 2026-11-24 03:48 UTC | 10m |",
        f"| [Deploy #3]({url}), attempt 2, after the merge | ✅ success | 2026-11-28 03:43 UTC "
        "| 10m |",
    ]
    assert "CI took" not in shown(exported_change(make_change()))


@pytest.mark.parametrize(("cost", "words"), [(None, ""), (0.0, ""), (0.001, ", under $0.01")])
def test_a_cost_is_told_if_there_is_one(cost: float | None, words: str) -> None:
    """A public repository pays nothing, and prices may be unknown."""
    overview = replace(runs_overview([ci(1)]), cost=cost)
    text = shown(exported_change(make_change(), runs=overview))
    assert f"CI took 10m in 1 run{words}." in text


@given(st.sampled_from(HOSTILE) | st.text(), st.sampled_from(HOSTILE) | st.text())
def test_no_text_changes_the_shape(title: str, other: str) -> None:
    """Rows are ours alone, whatever titles, types, states, environments and workflows say."""

    def shape(title: str, other: str) -> list[str]:
        change = make_change(title=title, url=other)
        node = ChangeNode(
            change=change,
            runs=(replace(ci(1), workflow=title, url=other),),
            deployments=(deployment(5, title, "success", 3 * DAY, url=other),),
        )
        tree = feature(ItemNode(item=hostile(title, other), changes=(node,)))
        runs = exported_change(change, runs=runs_overview(node.runs))
        text = job_summary(make_outcome(exported=tree)) + job_summary(make_outcome(exported=runs))
        return ["|" * len(re.findall(r"(?<!\\)[|]", line)) for line in text.split("\n")]

    def hostile(title: str, other: str) -> WorkItem:
        return make_item(f"K{title}", f"T{other}", title=other, result=title, created_at=START)

    assert shape(f"t{title}", f"o{other}") == shape("title", "other")
