"""What may be shown of an address and of a server's words: nothing that could be a credential."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from flow_telemetry.telemetry import SignalTarget

_SHOWN_IN_PLACE = "***"
_LONGEST_SHOWN = 200
# A scheme word such as Bearer is no secret; parts of a value that are longer may be.
_SHORTEST_PART = 8


@dataclass(frozen=True, slots=True)
class Redactor:
    """Makes a server's text fit to be shown. The pattern holds secrets: it is in no repr."""

    _secrets: re.Pattern[str] | None = field(repr=False)

    @classmethod
    def of(cls, target: SignalTarget) -> Redactor:
        """Return one that takes away the target's header values and what its URL may hide."""
        found = {one_line(text) for text in _secrets(target)} - {""}
        if not found:
            return cls(None)
        longest_first = sorted(found, key=len, reverse=True)
        return cls(re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE))

    def shown(self, text: str, at_most: int = _LONGEST_SHOWN) -> str:
        """Return the text on one line, without secrets, cut to ``at_most`` characters."""
        clean = one_line(text)
        if self._secrets is not None:
            clean = self._secrets.sub(_SHOWN_IN_PLACE, clean)
        return clean if len(clean) <= at_most else clean[: at_most - 1] + "…"


def one_line(text: str) -> str:
    """Return the text with everything that is no printable character taken for a space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def origin(url: str) -> str:
    """Return scheme, host and port of an address: all of it that may be shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an address that cannot be read"
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def _secrets(target: SignalTarget) -> Iterator[str]:
    for value in target.headers.values():
        yield from _forms([value, *_long(value.split()), *_basic_credentials(value)])
    parts = urlsplit(target.url)
    userinfo = unquote(parts.netloc.rpartition("@")[0])
    encoded = base64.b64encode(userinfo.encode()).decode() if userinfo else ""
    yield from _forms([userinfo, encoded, *_long(userinfo.split(":")), parts.query])
    yield from _forms(_long(re.split("[&=]", parts.query)))
    # The path before /v1/traces may hold a key; the path of the signal itself helps to see why.
    base = parts.path.partition("/v1/")[0]
    yield from _forms([base.strip("/"), *_long(base.split("/"))])


def _long(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if len(text) >= _SHORTEST_PART]


def _forms(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield text
        yield quote(text)
        yield quote(text, safe="")
        yield unquote(text)


def _basic_credentials(value: str) -> list[str]:
    """User and password of a `Basic` header: a server may well name them."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    return [text, *text.split(":", 1)]
