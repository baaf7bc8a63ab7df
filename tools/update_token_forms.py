"""Writes the table of tokens' forms from the rules of gitleaks.

    python -m tools.update_token_forms FOLDER VERSION

FOLDER holds the unpacked Go module `github.com/zricethezav/gitleaks/v8` of that version, such as
`go mod download -json github.com/zricethezav/gitleaks/v8@v8.30.1` shows it.

Only facts are taken: of each rule whose tokens begin with a text of their own, this beginning, the
characters that follow and how many. The other rules look for a service's name beside any value;
the redactor has its own forms for values by their names.
"""

from __future__ import annotations

import hashlib
import re
import string
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tomllib  # type: ignore[import-not-found]

TABLE = Path(__file__).parents[1] / "src" / "flow_telemetry" / "privacy" / "token_forms.py"
_RULES = "config/gitleaks.toml"
# A shorter beginning, such as Twilio's `SK`, is found in ordinary words.
_SHORTEST_PREFIX = 3
_SHORTEST_TOKEN = 10
# More characters than this identify a token. Asking for all of them would miss one that was cut,
# and one of a later, shorter format. A beginning without a separator begins ordinary words too.
_ENOUGH, _ENOUGH_OF_WORDS = 20, 64
_LONG_PREFIX = 5
# Forms that the redactor has itself: GitHub's documented ones, JWTs, and all of Slack's.
_OWN = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "eyJ", "ZXlK", "http", "xox")
# How a rule begins that looks for a name before the token.
_NAME_FIRST = ("(?i)[\\w.-]", "[\\w.-]")
_MOST_ALTERNATIVES = 6
_TOKEN_CHARACTERS = set(string.ascii_letters + string.digits + "_-.=+/")
_SETS = {
    "0-9": set(string.digits),
    "a-f": set("abcdef"),
    "A-F": set("ABCDEF"),
    "a-z": set(string.ascii_lowercase),
    "A-Z": set(string.ascii_uppercase),
}


class Form(NamedTuple):
    """A beginning, the characters after it as a class of `re`, and the least number of them."""

    prefix: str
    characters: str
    least: int


def main(arguments: list[str]) -> int:
    """Write the table and return the exit status."""
    folder, version = arguments
    text = (Path(folder) / _RULES).read_text(encoding="utf-8")
    TABLE.write_text(render(text, version), encoding="utf-8", newline="\n")
    return 0


def render(text: str, version: str) -> str:
    """Return the module with the table of the rules in ``text``."""
    rows: dict[tuple[str, int], set[str]] = defaultdict(set)
    for form in read_forms(text):
        rows[form.characters, form.least].add(form.prefix)
    digest = hashlib.sha256(text.encode()).hexdigest()
    lines = [
        '"""Tokens with a beginning of their own: beginnings, characters after them, and how many.',
        "",
        f"Made from the rules of gitleaks {version} (MIT), {_RULES}, by",
        "`python -m tools.update_token_forms`. SHA-256 of the rules:",
        digest,
        '"""',
        "",
        "# Beginnings, separated by blanks; class of the characters after them; how many at least.",
        "TOKEN_FORMS: tuple[tuple[str, str, int], ...] = (",
    ]
    for (characters, least), prefixes in sorted(rows.items(), key=lambda row: sorted(row[1])):
        lines += _render_row(" ".join(sorted(prefixes)), characters, least)
    return "\n".join([*lines, ")", ""])


def _render_row(prefixes: str, characters: str, least: int) -> Iterator[str]:
    line = f'    ("{prefixes}", "{characters}", {least}),'
    if len(line) <= 100:
        yield line
        return
    yield "    ("
    words, pieces = prefixes.split(" "), [""]
    for word in words:
        if len(pieces[-1]) + len(word) > 82:
            pieces.append("")
        pieces[-1] += f"{word} "
    pieces[-1] = pieces[-1].rstrip()
    if len(pieces) == 1:
        yield f'        "{pieces[0]}",'
    else:
        yield from (f'        "{piece}"' for piece in pieces[:-1])
        yield f'        "{pieces[-1]}",'
    yield f'        "{characters}",'
    yield f"        {least},"
    yield "    ),"


def read_forms(text: str) -> Iterator[Form]:
    """Yield the forms of all rules whose tokens begin with a text of their own."""
    for rule in tomllib.loads(text)["rules"]:
        whole = rule.get("regex", "")
        for expression in _token_expressions(whole):
            items, ignores_case = _parse(expression)
            named = whole.startswith(_NAME_FIRST)
            for prefix, rest in _split(items):
                form = _form(prefix, rest, ignores_case or (named and whole.startswith("(?i)")))
                # Beside a name, a beginning such as `key-` need not be one of this service only.
                if form is not None and not (named and form.prefix.islower()):
                    yield form


def _token_expressions(expression: str) -> Iterator[str]:
    """Yield the part of a rule's expression that matches the token itself.

    A rule that looks for a name before the token has the token in the group behind a class of
    separators, or as an alternative; the other rules begin with the token.
    """
    for part in re.split(r"\[\\x60'\"\\s=\]\{0,5\}|\|(?=\\b\()", expression):
        if not part.startswith(_NAME_FIRST):
            yield part


def _parse(expression: str) -> tuple[list[Any], bool]:
    """Return the parsed expression, and whether a part of it ignores case.

    Go allows flags in the middle of an expression, Python does not.
    """
    from re import _parser  # type: ignore[attr-defined]  # noqa: PLC0415

    plain = expression.replace("[[:alnum:]]", "[a-zA-Z0-9]").replace("\\z", "\\Z")
    plain = plain.replace("(?i:", "(?:").replace("(?-i:", "(?:")
    ignores_case = "(?i)" in plain or plain != expression.replace("\\z", "\\Z")
    plain = plain.replace("(?i)", "")
    try:
        return list(_parser.parse(plain)), ignores_case
    except re.error:
        return [], False


def _split(items: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield each literal beginning of a parsed expression, with what follows it."""
    pending: list[tuple[str, list[Any]]] = [("", items)]
    while pending:
        prefix, rest = pending.pop()
        if not rest:
            continue
        (kind, value), after = rest[0], rest[1:]
        name = str(kind)
        if name == "AT":
            pending.append((prefix, after))
        elif name == "LITERAL":
            pending.append((prefix + chr(value), after))
        elif name == "SUBPATTERN":
            pending.append((prefix, [*value[3], *after]))
        elif name == "BRANCH":
            pending += [(prefix, [*branch, *after]) for branch in value[1]]
        elif name == "IN" and len(value) <= _MOST_ALTERNATIVES and _only_literals(value):
            pending += [(prefix + chr(code), after) for _, code in value]
        else:
            yield prefix, rest


def _only_literals(members: list[Any]) -> bool:
    return all(str(kind) == "LITERAL" for kind, _ in members)


def _form(prefix: str, rest: list[Any], ignores_case: bool) -> Form | None:
    # What may end a token is an item of at most one character at the end.
    while rest and str(rest[-1][0]) in ("SUBPATTERN", "BRANCH") and _collect(rest[-1:], set()) < 2:
        rest = rest[:-1]
    characters: set[str] = set()
    length = _collect(rest, characters)
    if ignores_case:
        characters |= {c.lower() for c in characters} | {c.upper() for c in characters}
    if len(prefix) < _SHORTEST_PREFIX or prefix.startswith(_OWN) or " " in prefix:
        return None
    # `v1.0-` begins versions, and `4b1d` digests.
    if not re.search("[A-Za-z]{2}", prefix) or set(prefix) <= set(string.hexdigits):
        return None
    if length < _SHORTEST_TOKEN or not characters or not characters <= _TOKEN_CHARACTERS:
        return None
    # A text within the token, such as the dots of `pat.X.Y.Z`, is lost in the class.
    if len(prefix) < _LONG_PREFIX and any(str(kind) == "LITERAL" for kind, _ in rest):
        return None
    is_word = prefix.isalnum() or len(prefix) == _SHORTEST_PREFIX
    least = min(length, _ENOUGH_OF_WORDS if is_word else _ENOUGH)
    return Form(prefix, _character_class(characters), least)


def _collect(items: list[Any], characters: set[str]) -> int:
    """Add the characters that the items match, and return the least number of them."""
    length = 0
    for kind, value in items:
        name = str(kind)
        if name == "LITERAL":
            characters.add(chr(value))
            length += 1
        elif name == "IN":
            characters |= _members(value)
            length += 1
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = value
            length += least * _collect(list(inner), characters) if most else 0
        elif name == "SUBPATTERN":
            length += _collect(list(value[3]), characters)
        elif name == "BRANCH" and value[1]:
            length += min(_collect(list(branch), characters) for branch in value[1])
    return length


def _members(members: list[Any]) -> set[str]:
    found: set[str] = set()
    for kind, value in members:
        name = str(kind)
        if name == "LITERAL":
            found.add(chr(value))
        elif name == "RANGE":
            found |= {chr(code) for code in range(value[0], value[1] + 1)}
        elif name == "CATEGORY" and str(value) == "CATEGORY_WORD":
            found |= set(string.ascii_letters + string.digits + "_")
        elif name == "CATEGORY" and str(value) == "CATEGORY_DIGIT":
            found |= set(string.digits)
        else:
            found.add(" ")  # Not a character of tokens: the rule is left out.
    return found


def _character_class(characters: set[str]) -> str:
    """Return the class that contains the characters: whole ranges, then the other ones."""
    ranges = []
    for low, high in (("a-f", "a-z"), ("A-F", "A-Z"), ("0-9", "0-9")):
        if characters & _SETS[high]:
            ranges.append(low if characters & _SETS[high] <= _SETS[low] else high)
    others = sorted(characters - set(string.ascii_letters + string.digits), key="_.=+/-".index)
    return "".join([*ranges, *others])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
