"""Text in reports: escaping, durations, widths and links to traces."""

from __future__ import annotations

import html as _html
import re
import unicodedata
from urllib.parse import urlsplit

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.rules.intervals import Interval

# Escaping. The author of a pull request chooses the names of branches, jobs and steps, so all
# names, titles and labels are untrusted. Every output format has its own escaping function.

_NOTHING = "\u200b"  # a space of no width
_FULL_WIDTH = 0xFEE0  # from an ASCII character to its full-width twin, which means nothing
# Printable for Python but invisible; .NET, of which the runner is made, skips them when it
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
    """Return the text on one line, at most ``limit`` characters, without hidden characters.

    Control characters, all kinds of white space and lone surrogates become spaces;
    marks that change the direction of text or cannot be seen are removed.
    """
    line = _visible(text[: 4 * limit])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def lines(text: str, limit: int) -> str:
    """Return text of several lines as `one_line` does, its line breaks kept."""
    shortened = "\n".join(_visible(line) for line in text[: 4 * limit].splitlines())
    return shortened if len(shortened) <= limit else shortened[: limit - 1] + "…"


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub("", text)
    return "".join(
        c if c.isprintable() else "" if unicodedata.category(c) == "Cf" else " " for c in text
    )


def terminal_line(text: str, limit: int) -> str:
    """Return one line that is not a workflow command, for a terminal or a step's log.

    The runner reads the output of the action, and of the command line in a `run:` step alike.
    """
    line = one_line(text, limit)
    if ":" not in line and "#" not in line:
        return line
    return _COMMAND_AT_START.sub(r"\1: ", line.replace(_OLD_COMMAND, "# #["))


def markdown(text: str, limit: int) -> str:
    """Return the text as GitHub-flavoured Markdown that shows it, also inside a table.

    The result contains no markup, link, image or HTML, and mentions no user.
    """
    line = _PINGS.sub(rf"\1{_NOTHING}", one_line(text, limit))
    return _MARKDOWN.sub(r"\\\1", _html.escape(line, quote=False))


def markdown_code(text: str, limit: int) -> str:
    """Return the text as a code span of GitHub-flavoured Markdown, also inside a table."""
    line = one_line(text, limit).strip() or "(unnamed)"
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    space = " " if "`" in (line[0], line[-1]) else ""
    # Table cells are split before code spans are seen, so a bar needs its backslash there.
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")


def markdown_link(shown: str, url: str) -> str:
    """Return a link; ``shown`` is Markdown. Without an http(s) URL, return only the text."""
    if not url.startswith(("https://", "http://")) or not url.isprintable():
        return shown
    return f"[{shown}](<{url.translate(_MARKDOWN_URL)}>)"


def mermaid(text: str, limit: int) -> str:
    """Return the text as the name of a section of a Mermaid diagram.

    Mermaid's special characters become full-width characters. Entities would not help, because
    Mermaid decodes them before it draws.
    """
    line = one_line(text, limit).strip() or "(unnamed)"
    # Mermaid keeps sections as properties of an object, and one named `constructor`, which every
    # object has, breaks the diagram; an invisible character makes the name a different one.
    return line.translate(_BREAKS_MERMAID) + _NOTHING


def html(text: str, limit: int) -> str:
    """Return the text for HTML, between tags or inside a quoted attribute; line breaks kept."""
    return _html.escape(lines(text, limit), quote=True)


# Durations, sizes and counts, the same in every report.

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_NANOSECONDS = 1_000_000_000


def duration(seconds: float) -> str:
    """Return seconds by their two largest units: ``350ms``, ``2.5s``, ``1m 30s``, ``3h 5m``."""
    seconds = max(0.0, seconds)
    if 0 < round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)}ms"
    if seconds < 10 and round(seconds, 1) != round(seconds):
        return f"{seconds:.1f}s"
    rest, words = round(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        words.append(f"{count}{unit}" if count else "")
    if words[0] and len(words[0]) > 3:  # a hundred days and more
        return words[0]
    first = next((place for place, word in enumerate(words) if word), len(words) - 1)
    return " ".join(word for word in words[first : first + 2] if word) or "0s"


def span_duration(start: int, end: int) -> str:
    """Return the time between two timestamps in nanoseconds."""
    return duration((end - start) / _NANOSECONDS)


def size(count: int) -> str:
    """Return a number of bytes: ``512 B``, ``2.3 kB``, ``1.0 MB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 999_950 else f"{count / 1_000_000:.1f} MB"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 span``, ``9 spans``, ``32,000 spans``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


# Width on a terminal: some characters take two cells and some none.


def width(text: str) -> int:
    """Return the number of cells that printable text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def fit(text: str, room: int, ellipsis: str = "…") -> str:
    """Return the text cut or filled with spaces to exactly ``room`` cells."""
    taken = width(text)
    if taken > room:
        text = _cut(text, room - 1) + ellipsis if room > 0 else ""
        taken = width(text)
    return text + " " * (room - taken)


def _cut(text: str, room: int) -> str:
    for place, character in enumerate(text):
        room -= _cells(character)
        if room < 0:
            return text[:place]
    return text


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


# Links to traces in the user's backend.

_FIELD = re.compile(r"\{(trace_id|span_id|start|end)\}")


def trace_url(
    template: str, trace: TraceIdentity, reference: str, interval: Interval
) -> str | None:
    """Return the link to the span of ``reference``, made from the user's template.

    ``{trace_id}``, ``{span_id}``, ``{start}`` and ``{end}`` (Unix milliseconds) are filled in,
    other braces stay. None if the result is not an http(s) URL on one line without spaces.
    """
    values = {
        "trace_id": trace.trace_id,
        "span_id": trace.span_id(reference),
        "start": str(round(interval.start.timestamp() * 1000)),
        "end": str(round(interval.end.timestamp() * 1000)),
    }
    url = _FIELD.sub(lambda field: values[field[1]], template.strip())
    return url if _is_link(url) else None


def _is_link(url: str) -> bool:
    if " " in url or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # for example an IPv6 address without its closing bracket
        return False
