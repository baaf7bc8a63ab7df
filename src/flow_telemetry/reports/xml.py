"""Bounded and safe XML as a stream of events.

Documents with entities are refused, and nothing outside the document is loaded. Elements are not
kept, so a report takes only the memory that its reader needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Protocol

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.files import Content, read_chunks

# Reports of 500,000 test cases, or of a million lines, have fewer.
MOST_ELEMENTS = 3_000_000
DEEPEST = 200

XmlAttributes = Mapping[str, str]


class Reader(Protocol):
    """A target for the events of a document; names come without their namespace."""

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        """Take the start of an element."""
        ...

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        ...

    def data(self, text: str) -> None:
        """Take a piece of text within an element."""
        ...


class _StopReading(Exception):
    """Raised to stop reading: the rest of the document is not needed."""


class _Opening:
    """Collects the root and the first element in it."""

    def __init__(self) -> None:
        self.elements: list[tuple[str, XmlAttributes]] = []

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        self.elements.append((tag, attributes))
        if len(self.elements) == 2:
            raise _StopReading

    def end(self, tag: str) -> None: ...

    def data(self, text: str) -> None: ...


class _Bounded:
    """Passes events to a reader, up to a number of elements and of levels."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._name = name
        self._left = MOST_ELEMENTS
        self._depth = 0
        self._short: dict[str, str] = {}
        self.data = reader.data

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        self._left -= 1
        self._depth += 1
        if self._left < 0 or self._depth > DEEPEST:
            limit = f"{MOST_ELEMENTS:,} elements" if self._left < 0 else f"{DEEPEST} levels"
            raise ReportError(f"{self._name} has more than {limit}. It was not read")
        self._reader.start(self._local(tag), attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._reader.end(self._local(tag))

    def _local(self, tag: str) -> str:
        if not tag.startswith("{"):
            return tag
        return self._short.setdefault(tag, tag.rpartition("}")[2])


def read_opening(content: Content, name: str) -> list[tuple[str, XmlAttributes]]:
    """Return the root and the first element in it, if any, as pairs of tag and attributes.

    Raises:
        ReportError: it cannot be read, or is not XML.
    """
    reader = _Opening()
    with suppress(_StopReading):
        read_events(content, name, reader)
    return reader.elements


def read_events(content: Content, name: str, reader: Reader) -> None:
    """Pass all events of an XML document to a reader.

    Raises:
        ReportError: it cannot be read, is not complete XML, has entities, or exceeds the limits.
    """
    # Imported here, because this takes half of the start-up and most jobs have no reports.
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415

    from defusedxml.common import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import DefusedXMLParser  # noqa: PLC0415

    parser = DefusedXMLParser(target=_Bounded(reader, name))
    try:
        for chunk in read_chunks(content, name):
            parser.feed(chunk)
        parser.close()
    except DefusedXmlException as error:
        raise ReportError(
            f"{name} declares entities or loads other files, as XML attacks do. No tool's report "
            "needs that, so it was not read"
        ) from error
    except ParseError as error:
        raise ReportError(
            f"{name} is not a complete XML document ({error}). The tool that writes it may have "
            "been cut off, or the file is not a report"
        ) from error
    except (ValueError, LookupError) as error:
        raise ReportError(f"{name} has an unsupported encoding. Write it as UTF-8") from error


def list_values(attributes: XmlAttributes, *names: str) -> Iterator[str]:
    """Return the values of these attributes, in order, without missing and empty ones."""
    return (attributes[name] for name in names if attributes.get(name))
