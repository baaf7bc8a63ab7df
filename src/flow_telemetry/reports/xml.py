"""XML as a stream of events, with everything refused that makes XML dangerous.

Entities are refused, and nothing outside of the document is loaded. Elements are not kept, so that
the memory for a report is what its reader keeps of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Protocol

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.files import Content, read_chunks

# A report of 500,000 test cases, or of a million lines, has fewer.
MOST_ELEMENTS = 3_000_000
DEEPEST = 200

XmlAttributes = Mapping[str, str]


class Reader(Protocol):
    """What is told of each element and text; names come without their namespace."""

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        """Take the start of an element."""
        ...

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        ...

    def data(self, text: str) -> None:
        """Take a piece of text within an element."""
        ...


class _Enough(Exception):
    """What was looked for is found; the rest is not read."""


class _Opening:
    """Keeps the root and the first element in it."""

    def __init__(self) -> None:
        self.found: list[tuple[str, XmlAttributes]] = []

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        self.found.append((tag, attributes))
        if len(self.found) == 2:
            raise _Enough

    def end(self, tag: str) -> None: ...

    def data(self, text: str) -> None: ...


class _Bounded:
    """Hands on to a reader, until there are too many elements or they stand too deep."""

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
            raise ReportError(f"{self._name} has more than {limit}; it is not read")
        self._reader.start(self._local(tag), attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._reader.end(self._local(tag))

    def _local(self, tag: str) -> str:
        if not tag.startswith("{"):
            return tag
        return self._short.setdefault(tag, tag.rpartition("}")[2])


def read_opening(content: Content, name: str) -> list[tuple[str, XmlAttributes]]:
    """Return the root and, where there is one, the first element in it: tags and attributes.

    Raises:
        ReportError: it is no XML, or cannot be read.
    """
    reader = _Opening()
    with suppress(_Enough):
        read_events(content, name, reader)
    return reader.found


def read_events(content: Content, name: str, reader: Reader) -> None:
    """Tell a reader everything that is in an XML document.

    Raises:
        ReportError: it cannot be read, is no XML or cut off, has entities, or passes the limits.
    """
    # Half of a start-up is saved for those who have no reports.
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
            f"{name} declares entities or loads others' files, as attacks by XML do; no tool's "
            "report needs that, so it is not read"
        ) from error
    except ParseError as error:
        raise ReportError(
            f"{name} is no whole XML document ({error}); the tool that writes it may have been "
            "cut off, or it is no report"
        ) from error
    except (ValueError, LookupError) as error:
        raise ReportError(
            f"{name} has an encoding that cannot be read; write it as UTF-8"
        ) from error


def list_values(attributes: XmlAttributes, *names: str) -> Iterator[str]:
    """Return the values of those attributes that are there and not empty, in order."""
    return (attributes[name] for name in names if attributes.get(name))
