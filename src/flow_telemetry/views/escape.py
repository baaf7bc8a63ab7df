"""Names, titles and labels made safe for the place where they are shown.

They are an attacker's text: whoever opens a pull request names branches, jobs and steps. Each
place has its own dangers, so each has a function here, and views put no text anywhere without one.
"""

from __future__ import annotations

import html as _html
import re
import unicodedata

_NOTHING = "\u200b"  # a space of no width
_FULL_WIDTH = 0xFEE0  # from an ASCII character to its full-width twin, which means nothing
# Printable for Python but drawn by nobody; .NET, of which the runner is made, skips them when it
# looks for commands. U+2800 and the like do take room, so they are not here.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# actions/runner, ActionCommand.cs: `::name::` counts at a line's start, `##[name]` anywhere.
_COMMAND_AT_START = re.compile(r"^(\W*?):(?=:)")
_OLD_COMMAND = "##["
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:])")
# GitHub looks for these in the finished HTML, where no backslash is left to stop it.
_PINGS = re.compile(r"([@#]|\bGH-)(?=\w)", re.IGNORECASE)
_BREAKS_MERMAID = {ord(c): ord(c) + _FULL_WIDTH for c in ':;#%<>&{}"\\`$'}
_MARKDOWN_URL = str.maketrans({c: f"%{ord(c):02X}" for c in '<>|\\`"'} | {"&": "&amp;"})


def one_line(text: str, limit: int) -> str:
    """Return the text on one line, at most ``limit`` characters, with nothing that hides.

    Control characters, all kinds of white space and halves of surrogate pairs become spaces;
    marks that change the direction of text or cannot be seen are taken out.
    """
    line = _visible(text[: 4 * limit])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def lines(text: str, limit: int) -> str:
    """Return text of several lines as `one_line` does, its line breaks kept."""
    kept = "\n".join(_visible(line) for line in text[: 4 * limit].splitlines())
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub("", text)
    return "".join(
        c if c.isprintable() else "" if unicodedata.category(c) == "Cf" else " " for c in text
    )


def terminal_line(text: str, limit: int) -> str:
    """Return one line that is no command, for a terminal or for the log of a workflow's step.

    The runner reads the output of the action, and of the command line in a `run:` step alike.
    """
    line = one_line(text, limit)
    if ":" not in line and "#" not in line:
        return line
    return _COMMAND_AT_START.sub(r"\1: ", line.replace(_OLD_COMMAND, "# #["))


def markdown(text: str, limit: int) -> str:
    """Return the text as GitHub-flavoured Markdown that shows it, also inside a table.

    It makes no markup, link, image or HTML, and mentions nobody.
    """
    line = _PINGS.sub(rf"\1{_NOTHING}", one_line(text, limit))
    return _MARKDOWN.sub(r"\\\1", _html.escape(line, quote=False))


def markdown_code(text: str, limit: int) -> str:
    """Return the text as a code span of GitHub-flavoured Markdown, also inside a table."""
    line = one_line(text, limit).strip() or "(unnamed)"
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    space = " " if "`" in (line[0], line[-1]) else ""
    # A table's cells are parted before code spans are seen, so a bar needs its backslash there.
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")


def markdown_link(shown: str, url: str) -> str:
    """Return a link; ``shown`` is Markdown already. Only the text where it is no http(s) URL."""
    if not url.startswith(("https://", "http://")) or not url.isprintable():
        return shown
    return f"[{shown}](<{url.translate(_MARKDOWN_URL)}>)"


def mermaid(text: str, limit: int) -> str:
    """Return the text as the name of a section of a Mermaid diagram.

    What means something to Mermaid is shown by its full-width twin: entities are no way out, for
    Mermaid decodes them before it draws.
    """
    line = one_line(text, limit).strip() or "(unnamed)"
    # Mermaid keeps sections as properties of an object, and one named `constructor`, which each
    # object has, breaks the diagram; with a character that nobody sees it is no such name.
    return line.translate(_BREAKS_MERMAID) + _NOTHING


def html(text: str, limit: int) -> str:
    """Return the text for HTML, between tags or inside a quoted attribute; line breaks kept."""
    return _html.escape(lines(text, limit), quote=True)
