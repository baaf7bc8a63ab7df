"""How much of each log leaves, where all together are larger than may be."""

from __future__ import annotations

from collections.abc import Sequence


def shares(failed: Sequence[int], others: Sequence[int], limit: int) -> tuple[int, ...]:
    """Return how many bytes of each log leave, those of failed steps before the others.

    Failed steps come first: whole where they fit together, else the small ones whole and of the
    large ones equally much. The others then leave in order until the limit is used up.
    """
    given = _equally(failed, limit)
    left = limit - sum(given)
    for size in others:
        given.append(min(size, left))
        left -= given[-1]
    return tuple(given)


def _equally(sizes: Sequence[int], limit: int) -> list[int]:
    given = [0] * len(sizes)
    left = limit
    in_order = sorted(range(len(sizes)), key=sizes.__getitem__)
    for count, position in zip(range(len(sizes), 0, -1), in_order, strict=True):
        given[position] = min(sizes[position], left // count)
        left -= given[position]
    return given
