"""Reading several subjects at once while what was read before them is sent, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.interruption import threads

Item = TypeVar("Item")
Part = TypeVar("Part")

# Each makes two requests at a time at most, and the client eight. More would only be held, and be
# half read when a budget ends.
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Read(Generic[Item, Part]):
    """What reading an item gave; ``error`` is why there is not more of it, None if that is all."""

    item: Item
    parts: tuple[Part, ...]
    error: FlowTelemetryError | None = None


def read_ahead(
    read: Callable[[Item], Iterable[Part]], items: Iterable[Item], *, stop: Callable[[], bool]
) -> Iterator[Read[Item, Part]]:
    """Yield what was read of every item, in order, a few being read at once.

    No further one is begun once ``stop`` is true; what was begun before is yielded still.
    """

    def read_one(item: Item) -> Read[Item, Part]:
        parts: list[Part] = []
        try:
            parts.extend(read(item))
        except FlowTelemetryError as error:
            return Read(item, tuple(parts), error)
        return Read(item, tuple(parts))

    to_begin = iter(items)
    under_way: deque[Future[Read[Item, Part]]] = deque()
    with threads(AT_ONCE, "read-ahead") as pool:
        while True:
            if not stop():
                wanted = AT_ONCE - len(under_way)
                under_way.extend(pool.submit(read_one, e) for e in islice(to_begin, wanted))
            if not under_way:
                return
            yield under_way.popleft().result()
