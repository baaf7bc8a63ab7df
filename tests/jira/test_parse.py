"""Damaged answers: a record or an error that says so, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.jira_answers import Answers
from tests.fakes.jira_world import OLAF, JiraWorld

from flow_telemetry.errors import PayloadError
from flow_telemetry.jira.history import blocking_keys, parse_details
from flow_telemetry.jira.parse import (
    Site,
    SiteFields,
    parse_issue,
    parse_site,
    parse_site_fields,
    parse_statuses,
    parse_time,
)
from flow_telemetry.model import Event

SITE = Site(cloud=True, pages="https://acme.atlassian.net")
FIELDS = SiteFields(epic_link="customfield_10008", flag="customfield_10021")

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def _whole() -> list[Any]:
    """An issue, its changelog and comments, and the site's statuses, as Jira gives them."""
    world = JiraWorld()
    world.issue("ACME-42", type="Epic")
    story = world.issue("ACME-57", parent="ACME-42").assign(OLAF, at="2026-11-02T08:00:00Z")
    story.label("ui", at="2026-11-02T09:00:00Z").flag(at="2026-11-02T10:00:00Z")
    story.move("Done", at="2026-11-03T08:00:00Z", resolution="Done")
    story.comment(at="2026-11-03T09:00:00Z")
    answers = Answers(world, "https://acme.atlassian.net", cloud=True)
    changelog = [answers.entry(entry) for entry in story.entries]
    comments = [answers.comment(comment) for comment in story.comments]
    return [answers.issue(story), changelog, comments, answers.statuses()]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every dictionary and list below a value, with each of its keys or positions."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for place, each in list(inner):
        yield value, place
        if isinstance(each, dict | list):
            yield from _places(each)


@given(st.lists(st.tuples(st.integers(0, 999), _JSON), min_size=1, max_size=6))
def test_a_damaged_answer_gives_a_record_or_an_error(damages: list[tuple[int, Any]]) -> None:
    """Any value of any answer may be another one: what can be used is used."""
    answers = _whole()
    places = list(_places(answers))
    for number, instead in damages:
        inside, place = places[number % len(places)]
        inside[place] = instead
    issue, changelog, comments, statuses = answers
    lists = [each if isinstance(each, list) else [each] for each in (changelog, comments)]
    with suppress(PayloadError):
        known = parse_statuses(statuses, {})
        read = parse_issue(issue, SITE, known, FIELDS)
        blockers = dict.fromkeys(blocking_keys(read, lists[0]), ())
        item = parse_details(read, lists[0], lists[1], known, fields=FIELDS, blockers=blockers)
        assert all(isinstance(event, Event) for event in item.history)
        assert [e.time for e in item.history] == sorted(e.time for e in item.history)
        assert item.reference == f"jira/{item.key}"
        assert item.closed_at in {None, *(event.time for event in item.history)}
        assert (item.closed_at is not None) == (item.state == "closed")


@given(_JSON)
def test_any_json_is_a_site_with_or_without_epics(anything: Any) -> None:
    """What the server says of itself is taken as far as it can be used."""
    assert parse_site(anything, "https://jira.example.com/").pages
    assert parse_site_fields(anything, cloud=False) == SiteFields()
    assert parse_statuses(anything, {}).category("1", "Done") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T03:43:00.123+0000", "2026-11-24T03:43:00.123000+00:00"),
        ("2026-11-24T05:13:00.000+0530", "2026-11-23T23:43:00+00:00"),
        ("2026-11-24T03:43:00Z", "2026-11-24T03:43:00+00:00"),
        ("2026-11-24T03:43:00.000+00:00", "2026-11-24T03:43:00+00:00"),
        ("2026-11-24", None),
        ("2026-11-24T03:43:00.000", None),
        ("soon", None),
        (1732419780000, None),
    ],
)
def test_jiras_times_are_read_as_utc(text: object, expected: str | None) -> None:
    """The offset has no colon; a time without one is none."""
    read = parse_time({"created": text}, "created")
    assert (read.isoformat() if read else None) == expected
