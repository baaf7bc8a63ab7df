"""The input `settings`: a text with settings that many workflows share.

    # A comment.
    backend: honeycomb
    detail: job
    redact:
      [a-z]+-internal
      # this line is a pattern, too

A line is `name: value`, or `name:` with a list below it, whose lines begin with two blanks and are
taken as they are. Nothing is quoted or escaped, and a value in quotes is refused. If a name is
there twice, the later value counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flow_telemetry.errors import SettingsError
from flow_telemetry.local_files import read_regular
from flow_telemetry.settings.inputs import INPUT, Input
from flow_telemetry.settings.parse import shown
from flow_telemetry.text import nearest

MOST_BYTES = 64_000
_LINE_END = re.compile(r"\r\n|\r|\n")
# What may be a name is quoted in errors, and nothing else: it may be a credential.
_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSettings:
    """The values by the names of settings, the line of each, and what is there more than once.

    ``lines`` count from 1. ``repeated`` has a sentence for each value that a later one replaces.
    """

    texts: Mapping[str, str]
    lines: Mapping[str, int]
    repeated: tuple[str, ...] = ()


@dataclass(slots=True)
class _Entry:
    """A name with its value, or with the lines of its list; ``problem`` if it has neither."""

    name: str
    line: int
    value: str = ""
    items: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def text(self) -> str:
        return "\n".join(self.items) if self.items else self.value


def parse_shared_settings(text: str) -> SharedSettings:
    """Return the settings in a text.

    Raises:
        SettingsError: a line cannot be read, names no setting, or has a credential. No value is
            quoted.
    """
    texts: dict[str, str] = {}
    lines: dict[str, int] = {}
    repeated = []
    for entry in _entries(text):
        problem = entry.problem or _problem_of(entry)
        if problem:
            raise SettingsError(f"`settings` cannot be used: {problem}")
        if entry.name in texts:
            repeated.append(
                f"`settings` has `{entry.name}` on the lines {lines[entry.name]} and {entry.line}; "
                f"the value on line {entry.line} counts"
            )
        texts[entry.name], lines[entry.name] = entry.text, entry.line
    return SharedSettings(texts=texts, lines=lines, repeated=tuple(repeated))


def with_shared_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with those of the settings in `settings`, where they are empty.

    Nothing is refused here: it serves to find the credentials and public words among the settings,
    before any of them is used or shown.
    """
    filled = dict(environ)
    for entry in _entries(environ.get(INPUT["settings"].variable, "")):
        row = INPUT.get(entry.name)
        if row is None or entry.problem:
            continue
        if row.secret:
            # It is refused; but the runner has printed the text, so all of it is to be hidden.
            filled[row.variable] = "\n".join(filter(None, (filled.get(row.variable), entry.text)))
        elif not environ.get(row.variable, "").strip():
            filled[row.variable] = entry.text
    return filled


def known_settings(text: str) -> dict[str, str]:
    """Return the values of the known settings in a text, of which nothing is refused."""
    entries = (e for e in _entries(text) if not e.problem and e.name in INPUT)
    return {entry.name: entry.text for entry in entries}


def shared_addresses(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the addresses in `settings`, whether they are refused or not, to hide credentials."""
    for entry in _entries(environ.get(INPUT["settings"].variable, "")):
        if entry.name in INPUT and INPUT[entry.name].address:
            yield entry.text


def read_settings_file(path: str) -> str:
    """Return the text of the file of `--settings`.

    Raises:
        SettingsError: the file cannot be read, is larger than MOST_BYTES, or is not in UTF-8.
    """
    try:
        # The mark is what Windows' editors put at the beginning.
        return read_regular(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        reason = "it is not in UTF-8"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
    raise SettingsError(
        f"`--settings` names {shown(path)}, which cannot be read ({reason}). Name a text file of "
        f"at most {MOST_BYTES // 1000} kB"
    )


def _entries(text: str) -> Iterator[_Entry]:
    """Yield what is in the lines; a line that cannot be read is an entry with a problem."""
    open_entry: _Entry | None = None
    for number, line in enumerate(_LINE_END.split(text.removeprefix("\ufeff")), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            problem = _problem_of_item(line, open_entry, number)
            if problem or open_entry is None:
                yield _Entry("", number, problem=problem)
            else:
                open_entry.items.append(line.strip())
            continue
        if open_entry is not None:
            yield open_entry
        name, colon, value = line.partition(":")
        open_entry = _Entry(name.strip(), number, value.strip())
        if not colon:
            open_entry.name, open_entry.value = "", ""
            open_entry.problem = f"line {number} has no `name:` at its beginning"
    if open_entry is not None:
        yield open_entry


def _problem_of_item(line: str, above: _Entry | None, number: int) -> str:
    if not line.startswith("  "):
        return (
            f"line {number} begins with a single blank or a tab. A line of a list begins with two "
            "blanks, any other line with its name"
        )
    if above is None or above.value:
        return (
            f"line {number} is indented like a line of a list, but no `name:` without a value "
            "stands above it"
        )
    return ""


def _problem_of(entry: _Entry) -> str:
    """Why a well-formed entry is refused; empty if it is not."""
    row = INPUT.get(entry.name)
    if row is None:
        return _unknown(entry)
    if row.input_only:
        return (
            f"`{row.name}` on line {entry.line} is an input only. Remove the line, and set "
            f"`{row.name}` in the workflow"
        )
    if entry.text and (row.secret or _may_have_credential(row, entry.text)):
        secret = row.name.replace("-", "_").upper()
        what = "is" if row.secret else "may contain"
        return (
            f"`{row.name}` on line {entry.line} {what} a credential, which variables and logs "
            "show to everybody who can read them. Remove the line, renew the credential, store it "
            f"as the secret {secret}, and set the input `{row.name}` to ${{{{ secrets.{secret} }}}}"
        )
    value = entry.value
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        # In YAML `!CI` needs quotes; here they would make a pattern that chooses nothing.
        return (
            f"`{row.name}` on line {entry.line} has quotes around its value, which would be a part "
            "of it. Remove them: nothing is quoted here"
        )
    return ""


def _unknown(entry: _Entry) -> str:
    if not _NAME.fullmatch(entry.name):
        return f"line {entry.line} does not begin with the name of a setting"
    near = nearest(entry.name.lower().replace("_", "-"), INPUT)
    advice = f"The nearest one is `{near}`" if near else "The README lists all settings"
    return f"no setting has the name `{entry.name}`, which is on line {entry.line}. {advice}"


def _may_have_credential(row: Input[Any], text: str) -> bool:
    """Whether a value is an address with a user or a query, where credentials stand."""
    return row.address and bool({"@", "?"} & set(text))
