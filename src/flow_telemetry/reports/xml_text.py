"""The text of XML files as tools really write them, without what would make it unreadable.

Tests print colours, which are control characters that XML forbids; tools declare a wrong encoding,
and scripts write lines before the document. Each costs its characters, not the report. Nothing else
is repaired: a document that was cut off stays one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import chain

# The characters of a piece: a larger one has more events at a time.
_PIECE = 64 * 1024
# A document begins within so many characters, or the file is not XML.
_LONGEST_PREFACE = 64 * 1024
_BEGINNINGS = (
    re.compile(r"<\?xml\s"),
    re.compile(r"^[ \t]*<[A-Za-z_!]", re.MULTILINE),
    re.compile(r"<[A-Za-z_!]"),
)
_BLANKS = "\ufeff \t\r\n\0"

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_UNDECODED = re.compile("[\udc80-\udcff]+")
_REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]{1,32})|([0-9]{1,32}));")
_LONGEST_REFERENCE = 40

_DECLARED = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
# Encodings that begin with the characters of ASCII; others are recognized by their first bytes.
_KNOWN = re.compile(
    r"iso-?8859-[0-9]{1,2}|latin-?1|(?:windows|cp)-?[0-9]{3,4}|shift_jis|euc-(?:jp|kr)|gb2312|gbk"
    r"|gb18030|big5|koi8-[ru]",
    re.IGNORECASE,
)


def repair_text(chunks: Iterator[bytes]) -> Iterator[str]:
    """Yield the text of an XML file from its beginning on, in pieces, without forbidden characters.

    A byte that is not UTF-8 counts as Windows-1252, if no other encoding is declared. An encoding
    that is unknown, or that contradicts the first bytes, counts as UTF-8.
    """
    first = next(chunks, b"")
    encoding = _find_encoding(first)
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    rest = ""
    for text in chain([_skip_preface(decoder.decode(first))], map(decoder.decode, chunks)):
        for start in range(0, len(text), _PIECE):
            piece = rest + text[start : start + _PIECE]
            end = _reference_start(piece)
            yield _remove_forbidden(piece[:end])
            rest = piece[end:]
    yield _remove_forbidden(rest + decoder.decode(b"", final=True))


def _find_encoding(head: bytes) -> str:
    """Return the encoding by the first bytes, else the declared one, else UTF-8."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    declared = _DECLARED.search(head, 0, _LONGEST_PREFACE)
    name = declared[1].decode("ascii") if declared is not None else ""
    if not _KNOWN.fullmatch(name):
        return "utf-8"
    try:
        fits = b"<?xml".decode(name) == "<?xml"
    except (LookupError, UnicodeError):
        fits = False
    return name if fits else "utf-8"


def _skip_preface(text: str) -> str:
    """Return the text from the beginning of the document, if it has one."""
    text = text.lstrip(_BLANKS)
    if text.startswith("<"):
        return text
    found = (pattern.search(text, 0, _LONGEST_PREFACE) for pattern in _BEGINNINGS)
    beginning = next(filter(None, found), None)
    return text[beginning.start() :].lstrip() if beginning is not None else text


def _reference_start(text: str) -> int:
    """Return the position of a reference that the text's end may cut, else the text's length."""
    start = text.rfind("&", max(0, len(text) - _LONGEST_REFERENCE))
    return start if start >= 0 and ";" not in text[start:] else len(text)


def _remove_forbidden(text: str) -> str:
    text = _UNDECODED.sub(_decode_bytes, text)
    text = _FORBIDDEN.sub("", text)
    return _REFERENCE.sub(_check_reference, text) if "&#" in text else text


def _decode_bytes(undecoded: re.Match[str]) -> str:
    return undecoded[0].encode("ascii", "surrogateescape").decode("cp1252", "replace")


def _check_reference(reference: re.Match[str]) -> str:
    """Return a reference to a character, or nothing if XML forbids the character."""
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    if code > 0x10FFFF or 0xD800 <= code < 0xE000 or _FORBIDDEN.match(chr(code)):
        return ""
    return reference[0]
