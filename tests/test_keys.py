"""Keys of work items as people write them lead to one reference each."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from flow_telemetry.model.item_key import parse_item_key

ISSUE = "github.com/acme/shop/issues/17"


@pytest.mark.parametrize(
    ("text", "reference", "display"),
    [
        ("ACME-42", "jira/ACME-42", "ACME-42"),
        ("acme-42", "jira/ACME-42", "ACME-42"),
        ("A1_B-7", "jira/A1_B-7", "A1_B-7"),
        ("jira/acme-42", "jira/ACME-42", "ACME-42"),
        ("Jira/ACME-42", "jira/ACME-42", "ACME-42"),
        ("17", ISSUE, "acme/shop#17"),
        ("#17", ISSUE, "acme/shop#17"),
        ("  #17\n", ISSUE, "acme/shop#17"),
        ("GH-17", ISSUE, "acme/shop#17"),
        ("gh-17", ISSUE, "acme/shop#17"),
        ("acme/shop#17", ISSUE, "acme/shop#17"),
        ("Acme/SHOP#17", ISSUE, "acme/shop#17"),
        ("github/17", ISSUE, "acme/shop#17"),
        ("github/acme/shop#17", ISSUE, "acme/shop#17"),
        ("other/repo.name#9", "github.com/other/repo.name/issues/9", "other/repo.name#9"),
        ("linear/ENG-7", "linear/ENG-7", "ENG-7"),
        ("Linear/eng-7", "Linear/eng-7", "eng-7"),
        ("azure-boards/acme/shop/7", "azure-boards/acme/shop/7", "acme/shop/7"),
        ("jira/GH-17", "jira/GH-17", "GH-17"),
    ],
)
def test_a_key_leads_to_its_item(text: str, reference: str, display: str) -> None:
    """Jira's keys, GitHub's numbers and any other tracker's keys, in each form of writing."""
    key = parse_item_key(text)
    assert key.reference(host="GitHub.com", repository="Acme/Shop") == reference
    assert key.display("Acme/Shop") == display


def test_an_issue_of_the_run_is_on_the_runs_server() -> None:
    """A bare number means the run's own repository, on GitHub Enterprise Server too."""
    reference = parse_item_key("GH-17").reference(
        host="ghe.example.com:8443", repository="acme/shop"
    )
    assert reference == "ghe.example.com:8443/acme/shop/issues/17"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#",
        "#0",
        "0",
        "-17",
        "ACME",
        "ACME-",
        "ACME-x",
        "42-ACME",
        "acme/",
        "/ENG-7",
        "linear/ENG 7",
        "linear/ENG\x007",
        "linear/\ud800",
        "https://github.com/acme/shop/issues/17",
        "\uff21\uff23\uff2d\uff25-\uff14\uff12",
        "\u0661\u0667",
        "github/ACME-42",
        "github/",
        "jira/17",
        "jira/ACME",
        "9" * 20,
    ],
)
def test_what_is_no_key_is_told_with_examples(text: str) -> None:
    """The error shows how keys are written."""
    with pytest.raises(ValueError, match=re.escape("write ACME-42 (Jira), 17, #17")):
        parse_item_key(text)


@given(st.text(st.characters()) | st.from_regex(r"[A-Za-z]{0,6}[/#-]{0,2}[A-Za-z0-9#/-]{0,12}"))
def test_any_text_is_a_key_or_no_key(text: str) -> None:
    """Whatever is accepted makes a reference on one line; all else is a ValueError."""
    with suppress(ValueError):
        key = parse_item_key(text)
        event(f"key of {'another' if key.tracker not in ('github', 'jira') else key.tracker}")
        reference = key.reference(host="github.com", repository="acme/shop")
        assert re.fullmatch(r"\S+/\S+", reference)
        assert reference.isprintable()
        assert key.display("acme/shop")
