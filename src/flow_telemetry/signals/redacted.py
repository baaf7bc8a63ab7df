"""Every text of what is sent, without credentials: names, values, descriptions and resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from flow_telemetry.redaction import Redactor
from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    LogRecord,
    Measurement,
    Prepared,
    Resource,
    Span,
)

_MOST_RESOURCES = 1_000
# How many are looked at together: a look costs as much as dozens of short texts.
_AT_ONCE = 128

Telemetry = TypeVar("Telemetry", bound="Span | LogRecord | Measurement | Prepared")
Ours = TypeVar("Ours", bound="Span | LogRecord | Measurement")


def redacted(stream: Iterable[Telemetry], redact: Redactor) -> Iterator[Telemetry]:
    """Return the stream with its texts as ``redact`` has them.

    Ids and names of attributes stay, and so do requests that tools in the job made, which are
    bytes. What holds nothing, as nearly all, is handed on as it is after one look at the texts of
    many.
    """
    resources = _Resources(redact)
    rest = iter(stream)
    while some := list(islice(rest, _AT_ONCE)):
        texts: list[str] = []
        for each in some:
            if not isinstance(each, Prepared):
                texts += _texts(each)
        nothing = redact.finds_nothing(texts)
        for each in some:
            yield each if isinstance(each, Prepared) else _clean(each, resources, nothing=nothing)


def _clean(each: Ours, resources: _Resources, *, nothing: bool) -> Ours:
    clean = each if nothing else _without(each, resources.redact)
    resource = resources.of(each.resource)
    return clean if resource is each.resource else replace(clean, resource=resource)


@dataclass(slots=True)
class _Resources:
    """Few resources stand behind many spans, and stay one object each: encoding relies on it."""

    redact: Redactor
    _made: dict[int, tuple[Resource, Resource]] = field(default_factory=dict)

    def of(self, resource: Resource) -> Resource:
        # The original is kept beside: its id must not become another's.
        known = self._made.get(id(resource))
        if known is None:
            clean = _attributes(resource.attributes, self.redact)
            same = clean == resource.attributes
            known = (resource, resource if same else Resource(attributes=clean))
            if len(self._made) >= _MOST_RESOURCES:
                self._made.clear()
            self._made[id(resource)] = known
        return known[1]


def _texts(each: Span | LogRecord | Measurement) -> list[str]:
    texts = _values(each.attributes)
    if isinstance(each, Span):
        texts += [each.name, each.error or ""]
        for event in each.events:
            texts += [event.name, *_values(event.attributes)]
        for link in each.links:
            texts += _values(link.attributes)
    elif isinstance(each, LogRecord) and each.body:
        texts.append(each.body)
    return texts


def _values(attributes: Attributes) -> list[str]:
    texts: list[str] = []
    for value in attributes.values():
        if type(value) is str:  # It is hot.
            texts.append(value)
        elif type(value) is tuple or type(value) is list:
            texts += value
    return texts


def _without(each: Ours, redact: Redactor) -> Ours:
    if isinstance(each, Span):
        return replace(
            each,
            name=redact(each.name),
            error=None if each.error is None else redact(each.error),
            attributes=_attributes(each.attributes, redact),
            events=tuple(
                replace(e, name=redact(e.name), attributes=_attributes(e.attributes, redact))
                for e in each.events
            ),
            links=tuple(
                replace(e, attributes=_attributes(e.attributes, redact)) for e in each.links
            ),
        )
    clean = replace(each, attributes=_attributes(each.attributes, redact))
    if isinstance(clean, LogRecord) and clean.body:
        return replace(clean, body=redact(clean.body))
    return clean


def _attributes(attributes: Attributes, redact: Redactor) -> Attributes:
    return {name: _value(value, redact) for name, value in attributes.items()}


def _value(value: AttributeValue, redact: Redactor) -> AttributeValue:
    if isinstance(value, str):
        return redact(value)
    return tuple(map(redact, value)) if isinstance(value, (list, tuple)) else value
