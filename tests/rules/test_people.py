"""Known people are taken out of branches and of prose, and words stay as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.builders import SHOP

from flow_telemetry.model import Actor, Change
from flow_telemetry.rules.people import People, hash_login
from flow_telemetry.settings import Actors


def people(*logins: str, actors: Actors = Actors.NONE) -> People:
    """Return those who know the authors of some pull requests."""
    known = People(actors)
    for number, login in enumerate(logins, 1):
        known.meet(Change(repository=SHOP, number=number, author=Actor(login=login)))
    return known


@pytest.mark.parametrize(
    ("branch", "shown"),
    [
        ("jane-patch-1", "***-patch-1"),
        ("Jane/fix", "***/fix"),
        ("fix-for-jane", "fix-for-***"),
        ("fix_for_jane_2", "fix_for_***_2"),
        ("revert-123-jane-patch-2", "revert-123-***-patch-2"),
        ("jane-smith-patch-1", "***-patch-1"),
        ("a-patch-1", "***-patch-1"),
        ("add-janet", "add-janet"),
        ("fix-mojane", "fix-mojane"),
        ("main", "main"),
    ],
)
def test_a_branch_names_nobody(branch: str, shown: str) -> None:
    """GitHub's editor proposes the login as its beginning; a name within a word is none."""
    assert people("jane", "jane-smith", "a").branch(branch) == shown


def test_a_hash_stands_in_its_place() -> None:
    """The same as everywhere."""
    known = people("Jane", actors=Actors.HASH)
    assert known.branch("jane-patch-1") == f"{hash_login('Jane')}-patch-1"
    assert people("jane", actors=Actors.LOGIN).branch("jane-patch-1") == "jane-patch-1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a fix-up of add-a-thing", "*** fix-up of add-a-thing"),
        ("jane-like names", "jane-like names"),
        ("See jane-patch-1, by jane", "See ***-patch-1, by ***"),
        (
            "Merge pull request #1 from acme/try-for-jane",
            "Merge pull request #1 from acme/try-for-***",
        ),
        (
            "Merge branch 'main' into try-jane\nOf jane-x",
            "Merge branch 'main' into try-***\nOf jane-x",
        ),
        ("refs/heads/try-jane is gone", "refs/heads/try-*** is gone"),
        ("https://github.com/acme/shop/tree/try-jane", "https://github.com/acme/shop/tree/try-***"),
    ],
)
def test_prose_keeps_its_words(text: str, shown: str) -> None:
    """A login may be a word; with a hyphen it is part of one, but where a branch is told of."""
    assert people("jane", "a", "fix").text(text) == shown


logins = st.from_regex(r"[x-zX-Z0-9](?:-?[x-zX-Z0-9]){0,8}", fullmatch=True)
# None of a login's characters, so that what is found of one is the login.
words = st.text("abcdeé", max_size=5)
borders = st.text("-_/.#", min_size=1, max_size=3)


@given(
    st.lists(logins, min_size=1, max_size=3),
    st.lists(st.tuples(words, borders), max_size=4),
    st.data(),
)
def test_no_login_stays_in_any_branch(
    known: list[str], parts: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Wherever it stands between other words, however it is spelled."""
    written = st.sampled_from(known).flatmap(lambda login: st.sampled_from([login, login.upper()]))
    branch = "".join(f"{word}{border}{data.draw(written)}{border}" for word, border in parts)
    shown = people(*known).branch(branch)
    assert not [login for login in known if login.lower() in shown.lower()]
    assert len(shown) >= sum(len(word) for word, _ in parts)
