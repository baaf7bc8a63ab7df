"""`ids` takes what people have: references in any case, keys, and addresses of a browser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.program import Program

from flow_telemetry.model.reference import parse_reference

SHOP = "github.com/acme/shop"
JOB = f"{SHOP}/actions/runs/9/job/31"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (f"{SHOP}/pull/123", f"{SHOP}/pull/123"),
        ("GitHub.com/Acme/Shop/pull/123", f"{SHOP}/pull/123"),
        ("https://github.com/acme/shop/pull/123", f"{SHOP}/pull/123"),
        ("https://GITHUB.com/Acme/shop/pull/123/files#diff-1", f"{SHOP}/pull/123"),
        ("https://github.com/acme/shop/issues/17#issuecomment-3", f"{SHOP}/issues/17"),
        (
            "https://github.com/acme/shop/actions/runs/9/attempts/2",
            f"{SHOP}/actions/runs/9/attempts/2",
        ),
        ("https://github.com/acme/shop/actions/runs/9/job/31#step:3:1", JOB),
        (f"{JOB}#step:3", f"{JOB}#step:3"),
        (f"{JOB}#step:3#log:7", f"{JOB}#step:3#log:7"),
        (f"{SHOP}/pull/1#phase:in-review:1", f"{SHOP}/pull/1#phase:in-review:1"),
        (
            f"{SHOP}/deployments/7#delivers:GitHub.com/acme/shop/pull/1",
            f"{SHOP}/deployments/7#delivers:{SHOP}/pull/1",
        ),
        ("https://ghe.example.com:8443/Acme/Shop/pull/1", "ghe.example.com:8443/acme/shop/pull/1"),
        ("jira/acme-42", "jira/ACME-42"),
        ("Jira/ACME-42", "jira/ACME-42"),
        ("ACME-42", "jira/ACME-42"),
        ("https://acme.atlassian.net/browse/ACME-42", "jira/ACME-42"),
        ("jira/ACME-42@2026-11-24T03:43:00Z", "jira/ACME-42@2026-11-24T03:43:00Z"),
        ("linear/ENG-7", "linear/ENG-7"),
    ],
)
def test_a_reference_is_normalized(text: str, reference: str) -> None:
    """So that every spelling has the ids of the exports."""
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a flow reference"),
        ("github.com", "is not a flow reference"),
        (SHOP, "is not a flow reference"),
        ("acme/shop#17", "is not a flow reference"),
        ("17", "is not a flow reference"),
        (f"{SHOP}/pull/x", "is not a flow reference"),
        (f"{SHOP}/pull/0", "is not a flow reference"),
        (f"{SHOP}/pull/1#", "is not a flow reference"),
        (f"{SHOP}/pull/1#issuecomment-3", "is not a flow reference"),
        (f"{SHOP}/tree/main", "is not a flow reference"),
        ("https://github.com/acme/shop", "is not a flow reference"),
        ("https://[::1", "is not a flow reference"),
        ("jira/x", "is not a flow reference"),
        ("jira/ACME-42@yesterday", "is not a flow reference"),
        (f"{SHOP}/actions/runs/9", f"write {SHOP}/actions/runs/9/attempts/1"),
        ("https://github.com/acme/shop/actions/runs/9", f"write {SHOP}/actions/runs/9/attempts/1"),
    ],
)
def test_what_is_not_a_reference_is_refused(program: Program, text: str, told: str) -> None:
    """Its ids would be of nothing."""
    for words in ((text,), ("--root", text, f"{SHOP}/pull/1")):
        if not text and len(words) > 1:
            continue  # no root
        result = program.command("ids", *words)
        assert (result.status, result.stdout) == (2, "")
        assert told in result.stderr


@given(st.text())
def test_any_text_is_parsed_once(text: str) -> None:
    """A reference stays as it is, and anything else is an error of one kind."""
    try:
        reference = parse_reference(text)
    except ValueError:
        return
    assert parse_reference(reference) == reference
