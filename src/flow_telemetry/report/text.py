"""Text formatting for reports: escaping, durations, widths and links to traces."""

from __future__ import annotations

import html as _html
import re
import unicodedata
from itertools import accumulate
from urllib.parse import urlsplit

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.text import duration, multi_line, one_line

# Escaping
#
# The author of a pull request chooses the names of branches, jobs and steps, so all names, titles
# and labels are untrusted. Each output format has its own escaping function.

_ZERO_WIDTH_SPACE = "\u200b"
# The distance from an ASCII character to its full-width form, which has no special meaning.
_FULL_WIDTH = 0xFEE0
# actions/runner, ActionCommand.cs: `::name::` is a command at the start of a line, `##[name]`
# anywhere in it.
_COMMAND_AT_START = re.compile(r"^(\W*?):(?=:)")
_OLD_COMMAND = "##["
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:])")
_BACKQUOTES = re.compile("`+")
# GitHub finds mentions in the rendered HTML, in which a backslash no longer escapes them.
_MENTIONS = re.compile(r"([@#]|\bGH-)(?=\w)", re.IGNORECASE)
_BREAKS_MERMAID = {ord(c): ord(c) + _FULL_WIDTH for c in ':;#%<>&{}"\\`$'}
_MARKDOWN_URL = str.maketrans({c: f"%{ord(c):02X}" for c in '<>|\\`"'} | {"&": "&amp;"})


def terminal_line(text: str, limit: int) -> str:
    """Return one line for a terminal or a step's log that is not a workflow command.

    The runner looks for workflow commands in the output of actions and of `run:` steps.
    """
    line = one_line(text, limit)
    if ":" not in line and "#" not in line:
        return line
    return _COMMAND_AT_START.sub(r"\1: ", line.replace(_OLD_COMMAND, "# #["))


def markdown(text: str, limit: int) -> str:
    """Return GitHub-flavoured Markdown that shows the text as it is, also inside a table.

    The result contains no markup, link, image, HTML or mention of a user.
    """
    line = _MENTIONS.sub(rf"\1{_ZERO_WIDTH_SPACE}", one_line(text, limit))
    return _MARKDOWN.sub(r"\\\1", _html.escape(line, quote=False))


def markdown_code(text: str, limit: int) -> str:
    """Return the text as a code span of GitHub-flavoured Markdown, also inside a table."""
    line = one_line(text, limit).strip() or "(unnamed)"
    fence = "`" * (max(map(len, _BACKQUOTES.findall(line)), default=0) + 1)
    space = " " if "`" in (line[0], line[-1]) else ""
    # GitHub splits table cells before it parses code spans, so `|` needs a backslash here.
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")


def markdown_block(text: str, limit: int) -> str:
    """Return the text as a code block of GitHub-flavoured Markdown, with its line breaks."""
    lines = multi_line(text, limit)
    fence = "`" * max(3, 1 + max(map(len, _BACKQUOTES.findall(lines)), default=0))
    return f"{fence}text\n{lines}\n{fence}"


def markdown_link(shown: str, url: str) -> str:
    """Return a link; ``shown`` is Markdown. Return ``shown`` alone without an http(s) URL."""
    if not url.startswith(("https://", "http://")) or not url.isprintable():
        return shown
    return f"[{shown}](<{url.translate(_MARKDOWN_URL)}>)"


def mermaid(text: str, limit: int) -> str:
    """Return the text as a section name of a Mermaid diagram.

    Mermaid's special characters become full-width characters. Entities would not help, because
    Mermaid decodes them before it draws.
    """
    line = one_line(text, limit).strip() or "(unnamed)"
    # Mermaid stores sections as properties of an object, so the name `constructor`, which every
    # object has, breaks the diagram. An invisible character makes it a different name.
    return line.translate(_BREAKS_MERMAID) + _ZERO_WIDTH_SPACE


def html(text: str, limit: int) -> str:
    """Return the text for HTML, between tags or in a quoted attribute, with its line breaks."""
    return _html.escape(multi_line(text, limit), quote=True)


# Durations and sizes

_NANOSECONDS = 1_000_000_000


# The shortest span, of what took no time.
_INSTANT = 1_000


def span_duration(start: int, end: int) -> str:
    """Return the time between two timestamps in nanoseconds."""
    return duration((end - start) / _NANOSECONDS)


def is_instant(start: int, end: int) -> bool:
    """Whether a span, by its timestamps in nanoseconds, took no time."""
    return end - start <= _INSTANT


def size(count: int) -> str:
    """Return a number of bytes: ``512 B``, ``2.3 kB``, ``1.0 MB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 999_950 else f"{count / 1_000_000:.1f} MB"


# Width on a terminal, on which some characters take two cells and some none


def cell_width(text: str) -> int:
    """Return the number of terminal cells that printable text takes."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def fit(text: str, cells: int, ellipsis: str = "…") -> str:
    """Return the text cut or filled with spaces to exactly ``cells`` terminal cells."""
    if cell_width(text) > cells:
        widths = accumulate(map(_character_width, text))
        # One cell stays free for the ellipsis.
        text = text[: sum(width < cells for width in widths)] + ellipsis if cells > 0 else ""
    return text + " " * (cells - cell_width(text))


def _character_width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


# Links to traces in the user's backend

_FIELD = re.compile(r"\{(trace_id|span_id|start|end)\}")


def trace_url(
    template: str, trace: TraceIdentity, reference: str, interval: Interval
) -> str | None:
    """Return the URL of the span of ``reference``, built from the user's template.

    Replaces ``{trace_id}``, ``{span_id}``, ``{start}`` and ``{end}`` (Unix milliseconds), and
    leaves other braces as they are. None if the result is not an http(s) URL, or contains spaces
    or unprintable characters.
    """
    return fill_trace_url(
        template,
        trace_id=trace.trace_id,
        span_id=trace.span_id(reference),
        start=round(interval.start.timestamp() * 1000),
        end=round(interval.end.timestamp() * 1000),
    )


def fill_trace_url(
    template: str, *, trace_id: str, span_id: str, start: int, end: int
) -> str | None:
    """Return the URL of a span as `trace_url` does. Times are Unix times in milliseconds."""
    values = {"trace_id": trace_id, "span_id": span_id, "start": str(start), "end": str(end)}
    url = _FIELD.sub(lambda field: values[field[1]], template.strip())
    if " " in url or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        is_link = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # for example an IPv6 address without its closing bracket
        return None
    return url if is_link else None
