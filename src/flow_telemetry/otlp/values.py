"""The name of the instrumentation scope, and attribute values that OTLP can represent."""

from __future__ import annotations

from flow_telemetry.telemetry import Attributes, AttributeValue

# Without the version: to Jaeger, a span that a newer version sends again would be another span.
SCOPE_NAME = "flow-telemetry"
_INTEGERS = range(-(2**63), 2**63)


def encodable(attributes: Attributes) -> Attributes:
    """Return the attributes with texts in place of values that OTLP cannot represent.

    The SDK would drop such an attribute, and only log it.
    """
    if all(map(_fits, attributes.values())) and "".join(attributes).isascii():
        return attributes
    return {
        nearest_text(name): value if _fits(value) else nearest(value)
        for name, value in attributes.items()
    }


def nearest(value: AttributeValue) -> AttributeValue:
    """Return the text, or list of texts, that is nearest to a value.

    OTLP's numbers have 64 bits, and its texts are UTF-8, without lone surrogates.
    """
    if isinstance(value, (str, bool, int, float)):
        return nearest_text(str(value))
    return [str(nearest(item)) for item in value]


def nearest_text(text: str) -> str:
    """Return the text with a question mark in place of each half of a surrogate pair."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _fits(value: AttributeValue) -> bool:
    # Fast, because it runs for every attribute of every span.
    if isinstance(value, str):
        return value.isascii() or _is_unicode(value)
    if isinstance(value, int):
        return value in _INTEGERS
    return isinstance(value, float) or all(map(_fits, value))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
