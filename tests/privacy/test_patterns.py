"""Patterns of the user's own: what they match goes, and none can take for ever."""

from __future__ import annotations

import time

import pytest

from flow_telemetry.privacy.patterns import find_pattern_problem
from flow_telemetry.privacy.redactor import build_redactor

FIT = [
    r"customer-\d+",
    r"(?i:internal)-\w{4,20}",
    r"[\w.+-]+@[\w-]+\.[\w.]+",
    r"(?:\d{1,3}\.){3}\d{1,3}",
    r"(?:foo|bar)-\d+",
    r"[(]a+[)]",
    r"\d{4}(?:-\d{4}){3}",
    r"(?<=id:)\d+",
    r"\\+x",
    r"[]a]{3}",
]
ENDLESS = [
    *(r"(a+)+$", r"(a|aa)*b", r"(a|a)+b", r"(?:(?:a+)b)*c", r"(\w+\s?)+x", r"(a?){30}b"),
    *(r"(?P<x>a*)*b", r"((a+)b?)+c", r"(a{1,5}){2,}b", r"(a*){1,5}b", r"(?:a|b|ab)+?c"),
    *(r"\w*\w*\w*\w*!", r"(?x) (a+) +b", r"(a+)(?#)+b", r"(a*)\1b", r"(?P<x>a)(?P=x)", r"a?" * 9),
]


@pytest.mark.parametrize("pattern", FIT)
def test_a_usual_pattern_is_fit(pattern: str) -> None:
    """Names with numbers, addresses, cards, alternatives."""
    assert find_pattern_problem(pattern) is None


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    """Whatever the text is: nobody waits to find out."""
    assert find_pattern_problem(pattern) is not None


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(", "not a valid regular expression"),
        ("a*", "empty text"),
        ("a" * 501, "longer than 500"),
        ("a{4294967296}", "not a valid regular expression"),
    ],
)
def test_what_is_wrong_is_told(pattern: str, told: str) -> None:
    """In words that end a sentence."""
    assert told in (find_pattern_problem(pattern) or "")


@pytest.mark.parametrize("pattern", [r"\w*!", r"\w*\w*!", r"[\w.+-]+@[\w-]+\.[\w.]+", *FIT])
@pytest.mark.parametrize("piece", ["a", "1.", "a@", "-"])
def test_a_fit_pattern_ends_soon_on_any_text(pattern: str, piece: str) -> None:
    """On texts as long as a value can be."""
    redact = build_redactor((), [pattern])
    began = time.process_time()
    redact(piece * (2_048 // len(piece)))
    assert time.process_time() - began < 5


def test_every_match_goes_also_far_into_a_long_text() -> None:
    """A text longer than a pattern sees at once is looked at in parts that overlap."""
    redact = build_redactor((), [r"customer-\d+", r"[\w.]+@[\w.]+\.\w+"])
    for before in range(0, 3_000, 61):
        text = f"{'x ' * before}customer-42 {'y ' * before}jane@acme.example z"
        assert redact(text) == f"{'x ' * before}*** {'y ' * before}*** z"


def test_patterns_and_forms_go_together() -> None:
    """Matches that touch or overlap leave one mark each, and no rest."""
    redact = build_redactor(["known-secret"], [r"secret-\d+", r"\d+-x"])
    assert redact("secret-12-x, known-secret, ?token=abc") == "***, ***, ?token=***"
