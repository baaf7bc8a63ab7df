"""Bounded and safe XML as a stream of events.

Documents with entities are refused, and nothing outside the document is loaded. Elements are not
kept, so a report takes only the memory that its reader needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from types import SimpleNamespace
from typing import TypeAlias

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.files import Content, read_chunks

# Reports of 500,000 test cases, or of a million lines, have fewer.
MOST_ELEMENTS = 3_000_000
DEEPEST = 200

XmlAttributes = Mapping[str, str]
# The kind of an event, the tag without its namespace (the text if the kind is DATA), and the
# attributes if the kind is START.
START, END, DATA = "start", "end", "data"
XmlEvent: TypeAlias = tuple[str, str, XmlAttributes]
_NO_ATTRIBUTES: XmlAttributes = {}


def read_events(content: Content, name: str) -> Iterator[XmlEvent]:
    """Yield the events of an XML document.

    Raises:
        ReportError: it cannot be read, is not complete XML, has entities, or exceeds the limits.
            Events before the error are yielded first.
    """
    # Imported here, because this takes half of the start-up and most jobs have no reports.
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415

    from defusedxml.common import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import DefusedXMLParser  # noqa: PLC0415

    events: list[XmlEvent] = []
    parser = DefusedXMLParser(target=_build_target(events, name))
    chunks = read_chunks(content, name)
    complete = False
    while not complete:
        failure: ReportError | None = None
        try:
            chunk = next(chunks, None)
            complete = chunk is None
            parser.close() if chunk is None else parser.feed(chunk)
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
        except (ValueError, LookupError):
            failure = ReportError(f"{name} has an unsupported encoding. Write it as UTF-8")
        yield from events
        events.clear()
        if failure is not None:
            raise failure


def _build_target(events: list[XmlEvent], name: str) -> SimpleNamespace:
    """Return a parser target that appends events, up to a number of elements and of levels."""
    short: dict[str, str] = {}
    elements = depth = 0

    def strip_namespace(tag: str) -> str:
        if not tag.startswith("{"):
            return tag
        return short.setdefault(tag, tag.rpartition("}")[2])

    def start(tag: str, attributes: XmlAttributes) -> None:
        nonlocal elements, depth
        elements += 1
        depth += 1
        if elements > MOST_ELEMENTS or depth > DEEPEST:
            limit = f"{DEEPEST} levels" if depth > DEEPEST else f"{MOST_ELEMENTS:,} elements"
            raise ReportError(f"{name} has more than {limit}. It was not read")
        events.append((START, strip_namespace(tag), attributes))

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        events.append((END, strip_namespace(tag), _NO_ATTRIBUTES))

    def data(text: str) -> None:
        events.append((DATA, text, _NO_ATTRIBUTES))

    return SimpleNamespace(start=start, end=end, data=data)


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
