"""The form of a signal's encoding: from our records to the protocol's message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How one signal is encoded.

    ``request`` makes the message that carries some items; the others make an empty request and an
    empty response, to be read into.
    """

    request: Callable[[Sequence[Any]], Any]
    new_request: Callable[[], Any]
    new_response: Callable[[], Any]
