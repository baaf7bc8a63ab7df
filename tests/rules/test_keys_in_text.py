"""Keys of work items are found where people put them, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.rules.item_keys import find_item_keys

ANY: frozenset[str] = frozenset()
ACME = frozenset({"ACME"})
OFF = None


def found(
    branch: str = "", title: str = "", commit: str = "", jira: frozenset[str] | None = ANY
) -> list[str]:
    """Return the keys as people read them, in order."""
    keys = find_item_keys(branch=branch, title=title, commit_message=commit, jira_projects=jira)
    return [key.display("acme/shop") for key in keys]


@pytest.mark.parametrize(
    ("branch", "keys"),
    [
        ("ACME-42", ["ACME-42"]),
        ("acme-42", ["ACME-42"]),
        ("feature/ACME-42-add-x", ["ACME-42"]),
        ("alice/fix/Acme-42_add", ["ACME-42"]),
        ("ACME-42/ACME-43-part", ["ACME-42", "ACME-43"]),
        ("revert-123-feature/ACME-42", ["ACME-42"]),
        ("gh-17-checkout", ["acme/shop#17"]),
        ("GH-17", ["acme/shop#17"]),
        ("feature-acme-42", []),
        ("main", []),
        ("ACME-42.1", []),
        ("ACME-42b", []),
        ("ACME-0", []),
        ("A-1", []),
        ("release-2/test-3/patch-1", []),
        ("TEST-3", ["TEST-3"]),
        ("alice-patch-1", []),
        ("dependabot/npm_and_yarn/lodash-4.17.21", []),
        ("dependabot/github_actions/actions/cache-4", []),
        ("renovate/eslint-9", []),
        ("utf-8-names", []),
        ("", []),
    ],
)
def test_in_a_branch_a_key_begins_a_segment(branch: str, keys: list[str]) -> None:
    """In either case, with anything after a dash or an underscore."""
    assert found(branch=branch) == keys


TITLES = [
    ("ACME-42 Add x", ["ACME-42"]),
    ("ACME-42: add x", ["ACME-42"]),
    ("[ACME-42] Add x", ["ACME-42"]),
    ("Add x [ACME-42]", ["ACME-42"]),
    ("Add x (ACME-42)", ["ACME-42"]),
    ("fix(ACME-42): add x", ["ACME-42"]),
    ("fix(cart, ACME-42)!: add x", ["ACME-42"]),
    ("feat: ACME-42 add x", ["ACME-42"]),
    ("[backend] ACME-42 add x", ["ACME-42"]),
    ("ACME-42, ACME-7: add x", ["ACME-42", "ACME-7"]),
    ("[ACME-9 & ACME-10] add x", ["ACME-9", "ACME-10"]),
    ("GH-17: add x", ["acme/shop#17"]),
    ("Add what ACME-42 asks for", []),
    ("Add x (as ACME-42 asks)", []),
    ("acme-42: add x", []),
    ("Acme-42: add x", []),
    ("gh-17: add x", []),
    ("#17: add x", []),
    ("ACME-42.1 is out", []),
    ("ACME-2024-11 report", []),
    ("", []),
]


@pytest.mark.parametrize(("title", "keys"), TITLES)
def test_in_a_title_a_key_stands_at_the_start_or_in_brackets(title: str, keys: list[str]) -> None:
    """In upper case, after a type or another bracket too, never in prose."""
    assert found(title=title) == keys


@pytest.mark.parametrize(("title", "keys"), TITLES)
def test_the_oldest_commit_is_read_like_a_title(title: str, keys: list[str]) -> None:
    """Its first line only."""
    assert found(commit=f"\n{title}\n\nACME-99: of no account") == (keys if title else ["ACME-99"])


@pytest.mark.parametrize(
    "text",
    ["UTF-8", "PEP-517", "CVE-2024-1234", "SHA-256", "ISO-8601", "RFC-2616", "HTTP-2", "SHA3-512"],
)
def test_look_alikes_are_no_keys(text: str) -> None:
    """Unless the user says that there is such a project."""
    assert found(branch=text, title=f"{text} [{text}]", commit=f"({text})") == []
    named = frozenset({text.partition("-")[0].lower()})
    assert found(title=text, jira=named) == ([] if text.startswith("CVE") else [text])


def test_with_projects_only_their_keys_count() -> None:
    """Whatever else has the form of a key."""
    assert found(branch="OTHER-1/ACME-2", title="NEXT-3: x", jira=ACME) == ["ACME-2"]


def test_without_jira_only_issues_are_found() -> None:
    """A key of Jira means nothing where there is no Jira."""
    assert found(branch="ACME-42/gh-17", title="[ACME-42]", jira=OFF) == ["acme/shop#17"]


def test_a_project_of_jira_may_be_called_gh() -> None:
    """Then the user has named it."""
    named = frozenset({"GH"})
    assert found(title="GH-17: x", jira=named) == ["GH-17"]


def test_the_branch_decides_before_the_title_and_the_title_before_the_commit() -> None:
    """Each key once, with where it was found first."""
    keys = find_item_keys(
        branch="fix/acme-3",
        title="ACME-2: x [ACME-3]",
        commit_message="ACME-1 x (ACME-2)",
        jira_projects=ACME,
    )
    assert [(key.key, place) for key, place in keys.items()] == [
        ("ACME-3", "branch"),
        ("ACME-2", "title"),
        ("ACME-1", "oldest commit message"),
    ]


ODD = st.text(max_size=30) | st.from_regex(
    r"([A-Za-z\[\](){}:,/ -]{0,4}[A-Za-z]{1,3}-[0-9]{1,2}){0,6}"
)


@given(ODD, ODD, ODD, st.sampled_from([ANY, ACME, OFF]))
def test_any_text_gives_keys_or_none(
    branch: str, title: str, commit: str, jira: frozenset[str] | None
) -> None:
    """Whatever people or attackers write, each key makes a reference on one line, once."""
    keys = find_item_keys(branch=branch, title=title, commit_message=commit, jira_projects=jira)
    references = [key.reference(host="github.com", repository="a/b") for key in keys]
    assert len(set(references)) == len(references)
    assert all(reference.isascii() and reference.isprintable() for reference in references)
    if jira is ACME:
        assert all(r.startswith(("jira/ACME-", "github.com/a/b/issues/")) for r in references)


@pytest.mark.parametrize("text", ["[" * 9999, "A-" * 9999, "a(" * 9999, " " * 9999, "A-1," * 9999])
def test_a_long_text_takes_no_long_time(text: str) -> None:
    """Only its beginning is read: the timeout of the suite would tell."""
    assert len(found(branch=text, title=text, commit=f"x{text}")) <= 1
