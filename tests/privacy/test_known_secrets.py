"""A known secret stays in no text, however it is written: in parts, in base64, hidden or cut."""

from __future__ import annotations

import base64
import string
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.privacy.redactor import build_redactor
from flow_telemetry.text import find_hidden, has_hidden, one_line

TOKEN = "ghs_fakeTokenOfThisRun0123456789"
SECRET = "kX9v2mQ7pL4sT8wZ"
# `*` could make a secret out of what takes its place.
SECRETS = st.text(string.ascii_letters + string.digits + "_-.=+/~!", min_size=12, max_size=60)
AROUND = st.text(string.ascii_letters + " .:/=\"'é\n", max_size=30)
HIDDEN = st.sampled_from(
    ["\u200b", "\u200d", "\ufe0f", "\u00ad", "\u2066", "\x00", "\x1b[31m", "\u3164", "\U000e0001"]
)


def visible(text: str) -> str:
    """Return the text as a reader sees it."""
    pieces, last = [], 0
    for start, end in find_hidden(text):
        pieces.append(text[last:start])
        last = end
    return "".join([*pieces, text[last:]])


def parts_of(secret: str, text: str) -> list[str]:
    """Return every part of 12 characters that the text shows."""
    shown = visible(text)
    parts = (secret[i : i + 12] for i in range(len(secret) - 11))
    return [part for part in parts if part in shown]


@given(SECRETS, AROUND, AROUND, st.data())
def test_no_part_of_a_secret_stays(
    secret: str, before: str, after: str, data: st.DataObject
) -> None:
    """Any run of 12 of its characters, wherever it stands."""
    start = data.draw(st.integers(0, len(secret) - 12))
    end = data.draw(st.integers(start + 12, len(secret)))
    text = f"{before}{secret[start:end]}{after}"
    redact = build_redactor([secret])
    assert parts_of(secret, redact(text)) == []
    assert not redact.finds_nothing([text, "x"])


@given(SECRETS, AROUND, AROUND, st.data())
def test_no_invisible_character_hides_a_secret(
    secret: str, before: str, after: str, data: st.DataObject
) -> None:
    """A view would take the character out and show the secret."""
    pieces = data.draw(st.lists(st.just("") | HIDDEN, min_size=len(secret), max_size=len(secret)))
    hidden = "".join(piece + character for piece, character in zip(pieces, secret, strict=True))
    text = f"{before}{hidden}{after}"
    redact = build_redactor([secret])
    assert parts_of(secret, redact(text)) == []
    assert not redact.finds_nothing([text, "x"])


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7), AROUND, st.booleans(), st.data())
def test_no_base64_of_a_secret_stays(
    secret: str, before: bytes, after: bytes, around: str, for_urls: bool, data: st.DataObject
) -> None:
    """Whatever stands before and behind it in what was encoded, and if a view hides a character."""
    encode = base64.urlsafe_b64encode if for_urls else base64.b64encode
    encoded = encode(before + secret.encode() + after).decode()
    # The characters that are of the secret alone.
    alone = encoded[-(-len(before) * 8 // 6) : (len(before) + len(secret)) * 8 // 6]
    at = data.draw(st.integers(0, len(encoded)))
    text = f"{around} {encoded[:at]}{data.draw(st.just('') | HIDDEN)}{encoded[at:]} {around}"
    redact = build_redactor([secret])
    assert parts_of(alone, redact(text)) == []
    assert not redact.finds_nothing([text, "x"])


@given(SECRETS, AROUND, st.data())
def test_no_cut_leaves_half_of_a_secret(secret: str, before: str, data: st.DataObject) -> None:
    """Eight characters of its beginning are enough, an invisible one among them or not."""
    length = data.draw(st.integers(8, len(secret)))
    at = data.draw(st.integers(0, length))
    hidden = data.draw(st.just("") | HIDDEN)
    text = f"{before}({secret[:at]}{hidden}{secret[at:length]}…"
    redact = build_redactor([secret])
    assert f"({secret[:length]}" not in visible(redact(text))
    assert not redact.finds_nothing([text, "x"])


@given(SECRETS, AROUND)
def test_twice_is_as_once(secret: str, around: str) -> None:
    """A text passes more than one place that redacts."""
    redact = build_redactor([secret])
    once = redact(f"{around}{secret[:13]} {secret}\u200b{around}")
    assert redact(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "gh\u200bs_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hI5",
        # It stands between a word and the token, and in the token too.
        "foo\u200bghp_aB3dE5gH\u200b7jK9mN1pQ3sT5vW7yZ9bC1eF3hI5",
        "pass\u00adword=aB3dE5gH7jK9mN1p",
        "Authorization:\u2060 Bea\u2060rer aB3dE5gH7jK9mN1p",
        "\x1b[32mglpat-aB3dE5gH7j\x1b[0mK9mN1pQ3sT5vW7yZ9",
        "see https://user:aB3dE5gH7j\u200b@git.example/x",
        "ghp_aB3d\u200b…",
    ],
)
def test_no_invisible_character_hides_a_form(text: str) -> None:
    """The forms of credentials are found in what a reader sees."""
    redact = build_redactor(())
    for shown in (visible(redact(text)), one_line(redact(text), 200)):
        assert "aB3d" not in shown
        assert "***" in shown or "https://git.example" in shown
    assert not redact.finds_nothing([text, "x"])


def test_a_pattern_of_the_user_sees_through_invisible_characters() -> None:
    """As the forms do."""
    assert build_redactor((), [r"customer-\d+"])("ask customer-47\u200b11 now") == "ask *** now"


@pytest.mark.parametrize("text", ["👨‍👩‍👧 family", "❤️ love", "naïve\u00ad ly", "a\x00b", "می‌خواهم"])
def test_invisible_characters_of_ordinary_text_stay(text: str) -> None:
    """The exported text is the true one."""
    redact = build_redactor([SECRET])
    assert redact(text) == text
    assert redact.finds_nothing([text, "x"])


def test_invisible_characters_around_a_known_secret_stay() -> None:
    """Only the secret is cut out."""
    assert build_redactor([SECRET])(f"❤️ {SECRET[:5]}\u200b{SECRET[5:]} ❤️") == "❤️ *** ❤️"


def test_every_character_that_a_view_removes_counts_as_invisible() -> None:
    """One rule: what `one_line` takes out could hide a secret."""
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character) == "Cf" or one_line(f"a{character}b", 9) == "ab":
            assert has_hidden(f"a{character}b"), hex(code)


def test_a_short_part_stays() -> None:
    """Eleven characters are found in ordinary words."""
    redact = build_redactor(["acme-production-token"])
    assert redact("Deploy -production") == "Deploy -production"
    assert redact("Deploy acme-produc") == "Deploy acme-produc"
    assert redact("acme-production") == "***"


@pytest.mark.parametrize(
    ("public", "text"),
    [
        (["acme/shop-frontend", "shop-frontend"], "Build shop-frontend and push"),
        (["shop-frontend"], "Build shop-frontend-image"),
        (["Shop-Frontend"], "https://github.com/acme/shop-frontend/actions"),
    ],
)
def test_a_word_of_the_public_context_stays(public: list[str], text: str) -> None:
    """Though a secret contains it; the secret itself does not stay."""
    secret = "shop-frontend-kX9v2mQ7pL4s"
    redact = build_redactor([secret], (), public)
    assert redact(text) == text
    assert redact(f"it is {secret}") == "it is ***"
    assert redact(f"it is {secret[-13:]}") == "it is ***"


def test_a_public_word_within_random_letters_is_a_part_of_them() -> None:
    """`dev` is the name of an environment, and three letters of many tokens."""
    redact = build_redactor(["kX9devQ7pL4sT8wZ"], (), ["dev", "Q7"])
    assert redact("(kX9devQ7pL4s)") == "(***)"


def test_two_secrets_side_by_side_are_both_redacted() -> None:
    """Parts of both, without a blank between them."""
    other = "Zw8Ts4Lp7Qm2v9Xk"
    assert build_redactor([SECRET, other])(f"({SECRET[:13]}{other[2:]})") == "(******)"


@pytest.mark.parametrize(
    "piece", ["a", "ab", SECRET, SECRET[:11], SECRET[:12], "\u200b", "a\u200b"]
)
def test_no_text_takes_long(piece: str) -> None:
    """200,000 characters cost time in proportion, also with a secret of few different ones."""
    text = piece * (200_000 // len(piece))
    redact = build_redactor([SECRET, "a" * 40, "ab" * 30, TOKEN * 16])
    began = time.process_time()
    redact(text)
    redact.finds_nothing([text, "x"])
    assert time.process_time() - began < 3
