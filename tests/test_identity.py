"""Flow references and ids hold for every key, whoever typed it and on whatever machine."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry import identity
from flow_telemetry.identity import TraceIdentity
from tests.support import references

REPOSITORY = "github.com/acme/shop"
TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")

# Everything that a Python string can hold, lone surrogates included.
anything = st.text(st.characters())
namespaces = st.text(st.characters(exclude_categories=["Cc", "Cs"])).map(str.strip)
well_formed = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(1, 2**63 - 1)


@given(anything, anything, anything)
def test_every_id_is_valid(root: str, reference: str, namespace: str) -> None:
    """Ids have the length and digits that W3C Trace Context asks for, and are never zero."""
    trace = TraceIdentity(root=root, namespace=namespace)
    assert TRACE_ID.fullmatch(trace.trace_id)
    assert SPAN_ID.fullmatch(trace.span_id(reference))


@given(well_formed, well_formed.filter(bool), namespaces)
def test_ids_are_those_of_the_published_recipe(root: str, reference: str, namespace: str) -> None:
    """Another tool that follows the recipe comes to the same ids."""
    trace = TraceIdentity(root=root, namespace=namespace)
    assert trace.trace_id == references.trace_id(root, namespace)
    assert trace.span_id(reference) == references.span_id(root, reference, namespace)


@given(well_formed, well_formed, namespaces)
def test_a_traceparent_is_sampled_and_not_random(root: str, reference: str, namespace: str) -> None:
    """Flags 01: the bit for random ids stays unset, because these are hashes of keys."""
    trace = TraceIdentity(root=root, namespace=namespace)
    expected = f"00-{trace.trace_id}-{trace.span_id(reference)}-01"
    assert trace.traceparent(reference) == expected


_ONE_LINE = st.text(st.characters(exclude_categories=["Cc"]))


@given(_ONE_LINE, _ONE_LINE, _ONE_LINE, _ONE_LINE)
def test_other_roots_and_references_have_other_ids(
    root: str, other_root: str, reference: str, other_reference: str
) -> None:
    """Neither part of the recipe can stand in for another: they are on lines of their own."""
    one, other = (root, reference), (other_root, other_reference)
    assert (identity.span_id(*one) == identity.span_id(*other)) == (one == other)
    assert (identity.trace_id(root) == identity.trace_id(other_root)) == (root == other_root)


@given(_ONE_LINE, _ONE_LINE, _ONE_LINE)
def test_namespaces_keep_ids_apart(root: str, namespace: str, other: str) -> None:
    """Two trackers whose keys meet have different ids under different namespaces."""
    one = identity.trace_id(root, namespace=namespace)
    assert (one == identity.trace_id(root, namespace=other)) == (namespace == other)


def test_a_namespace_is_no_part_of_the_root() -> None:
    """The line between them keeps `a` with root `b` apart from an empty one with root `ab`."""
    ids = {
        identity.trace_id("b", namespace="a"),
        identity.trace_id("ab"),
        identity.trace_id("a", namespace="b"),
        identity.trace_id("", namespace="ab"),
    }
    assert len(ids) == 4


def test_the_same_thing_has_other_span_ids_in_other_traces() -> None:
    """The root is in the recipe, so a backend never meets one span id in two traces."""
    roots = (f"{REPOSITORY}/pull/123", "jira/ACME-42", "jira/ACME-57")
    run = identity.run_reference(REPOSITORY, 999, 1)
    assert len({identity.span_id(root, run) for root in roots}) == 3


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (identity.repository_reference("GitHub.com", "Acme/Shop"), REPOSITORY),
        (identity.pull_request_reference(REPOSITORY, 123), f"{REPOSITORY}/pull/123"),
        (identity.github_issue_reference(REPOSITORY, 17), f"{REPOSITORY}/issues/17"),
        (identity.jira_reference("acme-42"), "jira/ACME-42"),
        (identity.tracker_reference("linear", "ENG-7"), "linear/ENG-7"),
        (identity.run_reference(REPOSITORY, 999, 1), f"{REPOSITORY}/actions/runs/999/attempts/1"),
        (
            identity.job_reference(REPOSITORY, 999, 31337),
            f"{REPOSITORY}/actions/runs/999/job/31337",
        ),
        (identity.step_reference("job", 3), "job#step:3"),
        (identity.step_reference("job", 3, 2), "job#step:3:2"),
        (identity.start_wait_reference("run"), "run#waiting:start:1"),
        (identity.queued_reference("job"), "job#queued"),
        (identity.approval_reference("job", 2), "job#waiting:approval:2"),
    ],
)
def test_each_kind_of_thing_has_its_reference(reference: str, expected: str) -> None:
    """The references are those of the specification, letter by letter."""
    assert reference == expected


@given(st.sets(st.tuples(numbers, numbers), min_size=2, max_size=2))
def test_references_of_different_steps_differ(steps: set[tuple[int, int]]) -> None:
    """A repeated number never meets the number of another step."""
    assert len({identity.step_reference("job", *step) for step in steps}) == 2


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Acme/SHOP", "acme/shop"),
        ("İstanbul/ŞEHİR", "İstanbul/Şehİr"),
        ("\u212aelvin/\u212a", "\u212aelvin/\u212a"),
        ("STRAẞE/ÅNGSTRÖM", "straẞe/ÅngstrÖm"),
        ("ΟΔΟΣ/ЖУК", "ΟΔΟΣ/ЖУК"),
        ("ACME/\ud800", "acme/\ud800"),
    ],
    ids=["plain", "dotted i", "kelvin sign", "german", "greek and cyrillic", "lone surrogate"],
)
def test_only_a_to_z_are_folded(name: str, folded: str) -> None:
    """Full Unicode folding would make ids depend on the Unicode version of the runtime."""
    assert identity.fold(name) == folded
    assert identity.repository_reference("GitHub.com", name) == f"github.com/{folded}"


@given(anything)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    """What is folded is stable, has the same length, and differs in A to Z only."""
    folded = identity.fold(text)
    assert identity.fold(folded) == folded
    assert all(
        a == b or (a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" and b == a.lower())
        for a, b in zip(text, folded, strict=True)
    )


@given(anything)
def test_a_jira_key_is_folded_in_ascii_only(key: str) -> None:
    """Letters of other alphabets stay: not every runtime agrees on their upper case."""
    reference = identity.jira_reference(key)
    assert identity.fold(reference) == identity.fold(f"jira/{key}")
    assert not re.search("[a-z]", reference.removeprefix("jira/"))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://github.com/acme/shop", "github.com"),
        ("https://GitHub.COM/acme/shop", "github.com"),
        ("https://github.com:443/acme/shop", "github.com"),
        ("https://github.com:/acme/shop", "github.com"),
        ("http://ghe.example.com:80/acme/shop", "ghe.example.com"),
        ("https://ghe.example.com:80/acme/shop", "ghe.example.com:80"),
        ("http://ghe.example.com:443/acme/shop", "ghe.example.com:443"),
        ("https://ghe.example.com:8443/acme/shop", "ghe.example.com:8443"),
        ("https://ghe.example.com:08443/acme/shop", "ghe.example.com:8443"),
        ("https://acme.ghe.com/acme/shop", "acme.ghe.com"),
        ("https://user:pass@ghe.example.com/acme/shop", "ghe.example.com"),
        ("https://\u212aube.example.com/acme/shop", "\u212aube.example.com"),
        ("http://[2001:DB8::1]/acme/shop", "[2001:db8::1]"),
        ("http://[::1]:8080/acme/shop", "[::1]:8080"),
    ],
)
def test_the_host_is_that_of_the_url(url: str, host: str) -> None:
    """A port that is not the scheme's own stays, and A to Z are folded."""
    assert identity.host_of(url) == host


@given(st.integers(10**5, 9 * 10**9), st.integers(0, 10**6 - 1), st.integers(-840, 840))
def test_an_instant_is_written_in_utc_to_the_second(second: int, part: int, zone: int) -> None:
    """The time zone that a time came in does not matter; fractions are cut, not rounded."""
    utc = datetime.fromtimestamp(second, tz=timezone.utc).replace(microsecond=part)
    elsewhere = utc.astimezone(timezone(timedelta(minutes=zone)))
    expected = utc.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    assert identity.format_timestamp(utc) == identity.format_timestamp(elsewhere) == expected


def test_the_instant_of_the_specification() -> None:
    """The specification's own example."""
    time = datetime(2026, 11, 24, 4, 43, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert identity.format_timestamp(time) == "2026-11-24T03:43:00Z"


@pytest.mark.parametrize(
    "given_as", ["acme-prod", "  acme-prod ", "\tacme-prod\r\n", "\u00a0acme-prod"]
)
def test_a_namespace_is_trimmed(given_as: str) -> None:
    """A blank or line end that a copy brought along makes no other ids."""
    assert identity.normalize_namespace(given_as) == "acme-prod"


@pytest.mark.parametrize("character", [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0))])
def test_a_namespace_holds_no_control_characters(character: str) -> None:
    """A line feed inside would make two recipes one."""
    with pytest.raises(ValueError, match="control characters"):
        identity.normalize_namespace(f"acme{character}prod")


@given(namespaces)
def test_every_other_namespace_is_kept_as_it_is(namespace: str) -> None:
    """Nothing else is forbidden, folded or replaced."""
    assert identity.normalize_namespace(namespace) == namespace
