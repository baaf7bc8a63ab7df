"""The input `target`: each form that people write or copy, and what each mode makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.settings.loading import load

from flow_telemetry.errors import SettingsError
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.settings import Mode, TraceScope
from flow_telemetry.settings.target import parse_target

GITHUB = "https://github.com"
JIRA = "https://acme.atlassian.net"
SHOP = "acme/shop"


def key(number: str, repository: str | None = None, tracker: str = "github") -> ItemKey:
    return ItemKey(tracker=tracker, key=number, repository=repository)


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("", "auto", {"mode": Mode.AUTO}),
        (SHOP, "auto", {"repository": SHOP, "mode": Mode.AUTO}),
        (f"{GITHUB}/acme/shop", "sweep", {"repository": SHOP, "mode": Mode.SWEEP}),
        (f"{GITHUB}/acme/shop.git", "auto", {"repository": "acme/shop"}),
        (" 17 ", "auto", {"run_id": 17, "mode": Mode.AUTO}),
        (f"{GITHUB}/acme/shop/actions/runs/17", "auto", {"repository": SHOP, "run_id": 17}),
        (
            f"{GITHUB}/acme/shop/actions/runs/17/attempts/2#summary",
            "run",
            {"repository": SHOP, "run_id": 17, "run_attempt": 2, "mode": Mode.RUN},
        ),
        (f"{GITHUB}/acme/shop/actions/runs/17/job/4?pr=1", "auto", {"run_id": 17}),
        ("#7", "change", {"number": 7, "repository": None, "mode": Mode.CHANGE}),
        ("acme/shop#7", "change", {"number": 7, "repository": SHOP}),
        (f"{GITHUB}/acme/shop/pull/7/files", "auto", {"number": 7, "mode": Mode.CHANGE}),
        ("#7", "item", {"tracing.work_item_key": key("7"), "number": None}),
        ("acme/shop#7", "feature", {"tracing.feature_key": key("7", SHOP)}),
        (
            f"{GITHUB}/acme/shop/issues/7#issuecomment-1",
            "auto",
            {"mode": Mode.ITEM, "tracing.work_item_key": key("7", SHOP)},
        ),
        ("ACME-42", "auto", {"mode": Mode.ITEM, "tracing.work_item_key.key": "ACME-42"}),
        ("acme-42", "feature", {"tracing.feature_key.key": "ACME-42"}),
        (
            f"{JIRA}/browse/ACME-42?focused=1",
            "feature",
            {"tracing.feature_key": key("ACME-42", tracker="jira")},
        ),
        ("linear/ENG-7", "item", {"tracing.work_item_key": key("ENG-7", tracker="linear")}),
    ],
)
def test_a_target_is_understood(text: str, mode: str, expected: dict[str, Any]) -> None:
    """It takes the place of repository, run, attempt, number and key."""
    settings: Any = load(target=text, mode=mode, jira_url=JIRA)
    for name, value in expected.items():
        found = settings
        for part in name.split("."):
            found = getattr(found, part)
        assert found == value, name


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("acme shop", "auto", "must be an address"),
        ("0", "auto", "above zero"),
        (f"{GITHUB}/acme", "auto", "the path of its address"),
        ("https://", "auto", "is not a URL"),
        ("https://gitlab.com/acme/shop", "auto", "GITHUB_SERVER_URL is https://github.com"),
        ("https://jira.example.com/browse/ACME-1", "auto", "jira-url is"),
        ("#7", "auto", "set `mode` to change, item or feature"),
        ("#7", "run", "the id or address of a run"),
        ("17", "change", "#N, OWNER/NAME#N"),
        ("17", "item", "the key or address of an item"),
        (f"{GITHUB}/acme/shop/pull/7", "feature", "of a feature"),
        (f"{GITHUB}/acme/shop/issues/7", "change", "of a pull request"),
        ("ACME-42", "sweep", "a repository"),
    ],
)
def test_what_cannot_be_the_target_is_an_error(text: str, mode: str, words: str) -> None:
    """The error says what to write instead."""
    with pytest.raises(SettingsError) as caught:
        load(target=text, mode=mode, jira_url=JIRA)
    assert str(caught.value).startswith("`target` ")
    assert words in str(caught.value)


def test_a_target_counts_more_than_what_it_replaces() -> None:
    """Repository and attempt of other settings stay if the target names none."""
    settings = load(settings=f"repository: {SHOP}", target="17", run_id="16", run_attempt="3")
    assert (settings.repository, settings.run_id, settings.run_attempt) == (SHOP, 17, 3)
    attempt = load(target=f"{GITHUB}/{SHOP}/actions/runs/17/attempts/2", run_attempt="3")
    assert (attempt.run_id, attempt.run_attempt) == (17, 2)
    assert load(settings=f"repository: {SHOP}", target="acme/api").repository == "acme/api"
    assert "acme/api" in load(target="acme/api").public_words


def test_the_target_of_a_feature_selects_no_trace_of_runs() -> None:
    """As its key does not, either."""
    assert load(target="ACME-42", mode="feature").tracing.scope is TraceScope.CHANGE


@given(st.text() | st.from_regex(r"https://[a-z./#0-9]{0,30}"))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """With one line that says which forms there are."""
    try:
        parse_target(text)
    except ValueError as error:
        assert str(error).isprintable()  # noqa: PT017 - no error is as good
