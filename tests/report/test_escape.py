"""Names are an attacker's text, and do nothing wherever they are shown."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import HOSTILE

from flow_telemetry.report import text as escape
from flow_telemetry.text import one_line

# How actions/runner looks for commands, the invisible characters that .NET skips left out.
_RUNNER_COMMAND = re.compile(r"\s*::|.*##\[", re.DOTALL)
_TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(), st.text(alphabet=":#[`|\\<>&@%\u034f\n \x1b")
)


@given(_TEXTS, st.integers(1, 200))
def test_one_line_has_nothing_that_moves_or_hides(text: str, limit: int) -> None:
    """No line break, control, direction mark or half of a character is left, and it is cut."""
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    line.encode()


def test_harmless_text_stays_as_it_is() -> None:
    """Letters of any language, punctuation and emoji are no danger in a log."""
    for text in ("test (3.12, ubuntu-latest)", "größer 日本語 🚀", "std::vector #1"):
        assert one_line(text, 100) == escape.terminal_line(text, 100) == text


def test_long_text_is_cut_and_says_so() -> None:
    """A cut text ends in an ellipsis within the limit."""
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
    assert one_line("x" * 10, 10) == "x" * 10


@given(_TEXTS)
def test_no_line_is_a_workflow_command(text: str) -> None:
    """The runner finds no command in a line, neither at its start nor in the old form within."""
    assert not _RUNNER_COMMAND.match(escape.terminal_line(text, 1_000))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("::error::boo", ": :error::boo"),
        ("  ::set-output name=a::b", "  : :set-output name=a::b"),
        ("\u200b\u034f::add-mask::a", ": :add-mask::a"),
        ("ok ##[error]boo", "ok # #[error]boo"),
        ("\x1b[31mred\x07", " [31mred "),
        ("gpj.\u202egnp", "gpj.gnp"),
    ],
)
def test_commands_and_escapes_are_shown(text: str, line: str) -> None:
    """What would be obeyed can be read instead."""
    assert escape.terminal_line(text, 100) == line


@given(_TEXTS)
def test_markdown_has_no_bare_punctuation(text: str) -> None:
    """Each character that could make markup is escaped, and no mention or reference is left."""
    shown = escape.markdown(text, 500)
    assert "\n" not in shown
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", shown)
    bare = re.sub(r"\\[\\`*_{}\[\]()#+\-.!|~$:]", "", shown)
    assert not re.search(r"[\\`*_{}\[\]()#+\-.!|~$:]", bare)
    assert not re.search(r"[@#]\w", shown)


def test_markdown_pings_nobody_and_links_nothing() -> None:
    """Mentions, references and addresses are text, also where GitHub looks at the finished page."""
    shown = escape.markdown("@octocat #17 GH-17 https://evil.example", 100)
    assert shown == ("@\u200boctocat \\#\u200b17 GH\\-\u200b17 https\\://evil\\.example")


@given(_TEXTS)
def test_a_code_span_cannot_be_left(text: str) -> None:
    """The fence is longer than any run of backticks within, and a table's bar is escaped."""
    shown = escape.markdown_code(text, 500)
    fence = re.match("`+", shown)
    assert fence is not None
    assert shown.endswith(fence[0])
    inner = shown[len(fence[0]) : -len(fence[0])]
    assert inner.strip()
    assert max(map(len, re.findall("`+", inner)), default=0) < len(fence[0])
    assert not re.search(r"(?<!\\)\|", inner)


def test_links_are_made_of_web_addresses_only() -> None:
    """An address that is none is dropped, its text stays; nothing in one can end the link."""
    assert escape.markdown_link("x", "javascript:alert(1)") == "x"
    assert escape.markdown_link("x", "") == "x"
    assert escape.markdown_link("x", "https://a.example/\n") == "x"
    link = escape.markdown_link("x", "https://a.example/?a=<`>|\\&b=(1)")
    assert link == "[x](<https://a.example/?a=%3C%60%3E%7C%5C&amp;b=(1)>)"


@given(_TEXTS)
def test_mermaid_labels_hold_no_syntax(text: str) -> None:
    """No separator, comment, directive, entity or tag of Mermaid is left, and no empty name."""
    label = escape.mermaid(text, 40)
    assert label.strip("\u200b ")
    assert not re.search(r"[:;#%<>&{}\"\\`$\n]", label)


@pytest.mark.parametrize("name", ["constructor", "__proto__", "toString"])
def test_mermaid_labels_are_no_properties_of_objects(name: str) -> None:
    """Mermaid looks names up in an object, and must not find what each object has."""
    assert escape.mermaid(name, 40) == f"{name}\u200b"


@given(_TEXTS)
def test_html_text_opens_no_tag_and_ends_no_attribute(text: str) -> None:
    """Text for HTML holds no bare angle bracket, quote or ampersand, nor a control character."""
    shown = escape.html(text, 500)
    assert not re.search("[<>\"']", shown)
    assert not re.search(r"&(?!(amp|lt|gt|quot|#x27);)", shown)
    assert shown.replace("\n", "").isprintable()


def test_html_text_keeps_its_lines() -> None:
    """An annotation of several lines is read as it was written."""
    assert escape.html("a\r\n\tb <c>", 100) == "a\n b &lt;c&gt;"
