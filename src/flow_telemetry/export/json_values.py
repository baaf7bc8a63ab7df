"""OTLP JSON straight from our values: what protobuf's own mapping makes of the same. Pure.

That mapping walks each message field by field, which takes twenty times as long; a program that is
being cancelled has not that time. By
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding ids are lower-case hexadecimal and
enums integers; by protobuf numbers of 64 bits are texts, and what has its default is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii

from flow_telemetry.export.points import pairs
from flow_telemetry.export.values import SCOPE_NAME, nearest, nearest_text
from flow_telemetry.telemetry import Attributes, AttributeValue, Resource

_SCOPE = f'"scope":{{"name":"{SCOPE_NAME}"}}'


def json_object(*fields: str) -> str:
    """Return an object of fields, those that are empty left out."""
    return "{" + ",".join(filter(None, fields)) + "}"


def text_field(name: str, value: str) -> str:
    """Return a field of text.

    Raises:
        ValueError: it holds half a surrogate pair.
    """
    return f'"{name}":{_text(value)}' if value else ""


def id_field(name: str, value: str | None) -> str:
    """Return a field of an id, which may be missing.

    Raises:
        ValueError: it is not hexadecimal.
    """
    return f'"{name}":"{bytes.fromhex(value).hex()}"' if value else ""


def long_field(name: str, value: int) -> str:
    """Return a field of a number of 64 bits without a sign, such as a time.

    Raises:
        ValueError: it is no such number.
    """
    return f'"{name}":"{_bounded(value, 0, 2**64 - 1):d}"' if value else ""


def double_field(name: str, value: float) -> str:
    """Return a field of a fraction that is there whatever it is, as zero may be meant."""
    return f'"{name}":{double(value)}'


def list_field(name: str, values: Iterable[str]) -> str:
    """Return a field of what is JSON already; none where there is nothing."""
    joined = ",".join(values)
    return f'"{name}":[{joined}]' if joined else ""


def attributes_field(given: Attributes) -> str:
    """Return the field `attributes`, in order; what protobuf cannot hold as `encodable` has it."""
    return list_field("attributes", [_attribute(*each) for each in given.items()])


def any_value(value: AttributeValue) -> str:
    """Return the value of an attribute, or what stands in its place.

    Raises:
        ValueError: protobuf could not hold it.
    """
    if isinstance(value, str):
        return f'{{"stringValue":{_text(value)}}}'
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int):
        return f'{{"intValue":"{_bounded(value, -(2**63), 2**63 - 1):d}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{double(value)}}}'
    values = list_field("values", map(any_value, value))
    return f'{{"arrayValue":{{{values}}}}}'


def double(value: float) -> str:
    """Return a fraction; JSON has no numbers for what is none."""
    if math.isfinite(value):
        return repr(float(value))
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def request(
    of_resources: str, of_scopes: str, name: str, items: Iterable[tuple[Resource, str]]
) -> str:
    """Return a request with items, each as JSON already, those of one entity together.

    The names are those of its fields, from the outside in.
    """
    # Resources that are equal share a group, even if they are different objects.
    by_identity: dict[int, list[str]] = {}
    by_content: dict[object, list[str]] = {}
    found: list[tuple[Resource, list[str]]] = []
    for resource, item in items:
        group = by_identity.get(id(resource))
        if group is None:
            content = pairs(resource.attributes)
            if content not in by_content:
                by_content[content] = []
                found.append((resource, by_content[content]))
            group = by_identity[id(resource)] = by_content[content]
        group.append(item)
    made = [
        json_object(
            f'"resource":{json_object(attributes_field(resource.attributes))}',
            list_field(of_scopes, [json_object(_SCOPE, list_field(name, each))]),
        )
        for resource, each in found
    ]
    return json_object(list_field(of_resources, made))


def _attribute(key: str, value: AttributeValue) -> str:
    try:
        written = any_value(value)
    except ValueError:
        written = any_value(nearest(value))
    named = f'"key":{_text(nearest_text(key))},' if key else ""
    return f'{{{named}"value":{written}}}'


def _text(value: str) -> str:
    if not value.isascii():
        value.encode()  # Here, and not in JSON, half a surrogate pair fails.
    return encode_basestring_ascii(value)


def _bounded(value: int, least: int, most: int) -> int:
    if least <= value <= most:
        return value
    raise ValueError("a number is out of range")
