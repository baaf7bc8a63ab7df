"""The form of a signal's encoding: from our records to the SDK's, and to the protocol's message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How one signal is encoded.

    ``readable`` makes the objects that the SDK's exporter takes, ``request`` the message of those.
    ``levels`` are the fields of the request's JSON that lead to the records with ids.
    """

    readable: Callable[[Sequence[Any]], Any]
    request: Callable[[Any], Any]
    new_response: Callable[[], Any]
    levels: tuple[str, ...]
