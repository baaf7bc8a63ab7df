"""Bounded and safe XML as a stream of events.

Documents with entities are refused, and nothing outside the document is loaded. Elements are not
kept, so a report takes only the memory that its reader needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.files import Content, read_chunks
from flow_telemetry.reports.xml_text import repair_text

# Reports of 500,000 test cases, or of a million lines, have fewer.
MOST_ELEMENTS = 3_000_000
DEEPEST = 200
MOST_DOCUMENTS = 1000
# Bytes in which the last tag begins that a parser has read, and the beginning of a document.
_TAIL = 64 * 1024
_LONGEST_BEGINNING = 256

XmlAttributes = Mapping[str, str]
# The kind of an event, the tag without its namespace (the text if the kind is DATA), and the
# attributes if the kind is START.
START, END, DATA = "start", "end", "data"
XmlEvent: TypeAlias = tuple[str, str, XmlAttributes]
_NO_ATTRIBUTES: XmlAttributes = {}


def read_events(content: Content, name: str) -> Iterator[XmlEvent]:
    """Yield the events of an XML document, or of several that follow each other in one file.

    What XML forbids but tools write is left out (`repair_text`), and so is text after a document.

    Raises:
        ReportError: it cannot be read, is not complete XML, has entities, or exceeds the limits.
            Events before the error are yielded first.
    """
    # Imported here, because this takes half of the start-up and most jobs have no reports.
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415

    from defusedxml.common import DefusedXmlException  # noqa: PLC0415

    events: list[XmlEvent] = []
    documents = _Documents(_Target(events, name))
    pieces = repair_text(read_chunks(content, name))
    complete = False
    while not complete:
        failure: ReportError | None = None
        try:
            piece = next(pieces, None)
            complete = piece is None
            documents.close() if piece is None else documents.feed(piece.encode())
        except ReportError as error:
            failure = error
        except DefusedXmlException:
            failure = ReportError(
                f"{name} declares entities or loads other files, as XML attacks do. No tool's "
                "report needs that, so it was not read"
            )
        except ParseError as error:
            failure = ReportError(
                f"{name} is not a complete XML document ({error}). The tool that writes it may "
                "have been cut off, or the file is not a report"
            )
        yield from events
        events.clear()
        if failure is not None:
            raise failure


class _Target:
    """Target of parsers that appends events, up to a number of elements and of levels."""

    def __init__(self, events: list[XmlEvent], name: str) -> None:
        self._append = events.append
        self._name = name
        self._short: dict[str, str] = {}
        self._elements = 0
        self._depth = 0
        self._documents = 0
        # The tag of the document that was read last to its end.
        self.ended = ""

    def begin(self) -> None:
        """Begin another document."""
        self.ended = ""
        self._documents += 1
        if self._documents > MOST_DOCUMENTS:
            raise ReportError(f"{self._name} has more than {MOST_DOCUMENTS:,} XML documents")

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        self._elements += 1
        self._depth += 1
        if self._elements > MOST_ELEMENTS or self._depth > DEEPEST:
            too_deep = self._depth > DEEPEST
            limit = f"{DEEPEST} levels" if too_deep else f"{MOST_ELEMENTS:,} elements"
            raise ReportError(f"{self._name} has more than {limit}. It was not read")
        self._append((START, self._strip_namespace(tag), attributes))

    def end(self, tag: str) -> None:
        self._depth -= 1
        name = self._strip_namespace(tag)
        if not self._depth:
            self.ended = name
        self._append((END, name, _NO_ATTRIBUTES))

    def data(self, text: str) -> None:
        self._append((DATA, text, _NO_ATTRIBUTES))

    def _strip_namespace(self, tag: str) -> str:
        if tag[0] != "{":
            return tag
        return self._short.setdefault(tag, tag.rpartition("}")[2])


class _Documents:
    """Parser of UTF-8 that may have several documents, and other text after each."""

    def __init__(self, target: _Target) -> None:
        self._target = target
        self._parser: Any = None  # None between documents
        # The last bytes before the next ones, of this document or after the last one, and how many
        # the parser has read with them.
        self._tail = b""
        self._read = 0
        self._begin()

    def feed(self, data: bytes) -> None:
        """Parse the next bytes."""
        from xml.etree.ElementTree import ParseError  # noqa: PLC0415

        left: bytes | None = data
        while left is not None:
            data, left = left, None
            try:
                if self._parser is None:
                    left = self._find_document(self._tail + data)
                else:
                    self._parser.feed(data)
                    self._read += len(data)
                    self._tail = (self._tail + data)[-_TAIL:]
            except ParseError:
                if not self._target.ended:
                    raise
                left = self._leave_document(data)

    def close(self) -> None:
        """Check that the last document is complete.

        What follows a document may show only now, because its first tag is not complete.
        """
        from xml.etree.ElementTree import ParseError  # noqa: PLC0415

        while self._parser is not None:
            try:
                self._parser.close()
                self._parser = None
            except ParseError:
                if not self._target.ended:
                    raise
                left = self._leave_document(b"")
                if left is not None:
                    self.feed(left)

    def _begin(self) -> None:
        from defusedxml.ElementTree import DefusedXMLParser  # noqa: PLC0415

        self._target.begin()
        self._parser = DefusedXMLParser(target=self._target, encoding="utf-8")
        self._tail, self._read = b"", 0

    def _leave_document(self, data: bytes) -> bytes | None:
        """Find the next document after an error behind the last one, in these bytes or before."""
        known = self._tail + data
        at = self._parser.parser.ErrorByteIndex - (self._read - len(self._tail))
        return self._find_document(known[max(0, at) :])

    def _find_document(self, data: bytes) -> bytes | None:
        """Begin the document that begins in bytes after another one, and return it; else None."""
        root = re.escape(self._target.ended.encode())
        found = re.search(rb"<\?xml\s|<" + root + rb"[\s/>]", data)
        if found is None:
            self._parser, self._tail = None, data[-_LONGEST_BEGINNING:]
            return None
        self._begin()
        return data[found.start() :]


def read_opening(content: Content, name: str) -> list[tuple[str, XmlAttributes]]:
    """Return the root and the first element in it, if any, as pairs of tag and attributes.

    Raises:
        ReportError: it cannot be read, or is not XML.
    """
    elements = (
        (tag, attributes) for kind, tag, attributes in read_events(content, name) if kind == START
    )
    return list(islice(elements, 2))


def list_values(attributes: XmlAttributes, *names: str) -> Iterator[str]:
    """Return the values of these attributes, in order, without missing and empty ones."""
    return (attributes[name] for name in names if attributes.get(name))
