"""The texts in a message that somebody else made: found, and replaced where they must be. Pure.

Names of attributes stay as they are, and so do ids and numbers, whatever a pattern fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from flow_telemetry.redaction import Redactor

# Names, not values: the key of an attribute.
_NAMES = {"key"}
# The one field of bytes that is no id.
_BYTES = "bytes_value"


def redact_texts(message: Message, redact: Redactor) -> None:
    """Replace every text of the message by what ``redact`` makes of it."""
    if redact.finds_nothing(text for *_, text in _texts(message)):
        return
    for owner, field, place, text in list(_texts(message)):
        clean = redact(text)
        if clean != text:
            _write(owner, field, place, clean)


def _texts(message: Message) -> Iterator[tuple[Message, Any, int | None, str]]:
    """Yield texts with where they stand: message, field, and the place in a list of them.

    A stack of its own: an attribute's value may be nested as deep as the format allows.
    """
    waiting: list[Message] = [message]
    while waiting:
        owner = waiting.pop()
        for field, value in owner.ListFields():
            if field.type == field.TYPE_MESSAGE:
                waiting.extend(value if _is_list(value) else (value,))
            elif field.type == field.TYPE_STRING and field.name not in _NAMES:
                texts = enumerate(value) if _is_list(value) else ((None, value),)
                for place, text in texts:
                    yield owner, field, place, text
            elif field.type == field.TYPE_BYTES and field.name == _BYTES:
                yield owner, field, None, value.decode("utf-8", errors="surrogateescape")


def _is_list(value: Any) -> bool:
    return hasattr(value, "append")


def _write(owner: Message, field: Any, place: int | None, text: str) -> None:
    if place is not None:
        getattr(owner, field.name)[place] = text
    elif field.type == field.TYPE_BYTES:
        setattr(owner, field.name, text.encode("utf-8", errors="surrogateescape"))
    else:
        setattr(owner, field.name, text)
