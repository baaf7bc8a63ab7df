"""The work items above a change, and which of them is the feature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flow_telemetry.model import MOST_ANCESTORS, ItemChain, Lineage, WorkItem

DEFAULT_FEATURE_TYPES = frozenset({"Epic"})
# Jira calls the types of this level as the site likes; the type `Epic` stands for all of them.
_EPIC, _EPIC_LEVEL = "epic", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChain:
    """An item that a change may belong to, with its ancestors, and where it was found."""

    chain: ItemChain
    reason: str


def lineage_of(
    candidates: Sequence[FoundChain],
    *,
    feature_types: frozenset[str] = DEFAULT_FEATURE_TYPES,
    feature: ItemChain | None = None,
) -> Lineage:
    """Return the chain from the nearest item up to the feature, and what becomes a link.

    The first candidate that has an item is the nearest one: their order decides. ``feature`` is
    the chain of the feature that the user named: where the nearest item's chain does not reach it,
    that chain hangs directly under it. Without it the feature is the highest ancestor of a type in
    ``feature_types``, else the topmost.
    """
    straight = [(_straight(each.chain), each.reason) for each in candidates]
    named = _straight(feature) if feature is not None and feature.items else None
    chain, reason = next(((c, r) for c, r in straight if c.items), (ItemChain(), ""))
    if named is not None:
        items, above = _under(named, chain)
        reason = reason or "the feature was named"
    else:
        items, above = _up_to_feature(chain, feature_types)
    nearest = (each.items[0] for each, _ in straight if each.items)
    # What is unread above a further candidate's item is missing from no trace.
    lost = [each for each, _ in straight if not each.items]
    counting = [*lost, chain, *((feature,) if feature and not feature.items else ())]
    return Lineage(
        items=items,
        above=above,
        others=_without(nearest, (*items, *above)),
        unread=_once(note for each in (*counting, named or ItemChain()) for note in each.unread),
        reason=reason,
    )


def _under(feature: ItemChain, chain: ItemChain) -> tuple[tuple[WorkItem, ...], ...]:
    """The chain up to the named feature, and what stands above that.

    A chain that does not reach it may hold items that stand above it: they stay there, or the
    feature would be its own ancestor.
    """
    top, *higher = feature.items
    references = [item.reference for item in chain.items]
    if top.reference in references:
        at = references.index(top.reference)
        below, higher = chain.items[:at], [*chain.items[at + 1 :], *higher]
    else:
        below = _without(chain.items, higher)
    items = (*below, top)
    return items, _without(higher, items)


def _up_to_feature(
    chain: ItemChain, feature_types: Iterable[str]
) -> tuple[tuple[WorkItem, ...], ...]:
    types = frozenset(name.strip().casefold() for name in feature_types)
    features = [at for at, item in enumerate(chain.items) if _is_feature(item, types)]
    end = features[-1] + 1 if features else len(chain.items)
    return chain.items[:end], chain.items[end:]


def _is_feature(item: WorkItem, types: frozenset[str]) -> bool:
    return item.type.casefold() in types or (_EPIC in types and item.level == _EPIC_LEVEL)


def _straight(chain: ItemChain) -> ItemChain:
    """The chain without a circle and not too long; what was cut is told."""
    items, unread = chain.items, list(chain.unread)
    references = [item.reference for item in items]
    again = next((at for at, each in enumerate(references) if each in references[:at]), None)
    if again is not None:
        items = _out_of_circle(items, references.index(references[again]), again)
        unread.append(f"the parents of {items[-1].key} run in a circle, which was cut there")
    if len(items) > MOST_ANCESTORS + 1:
        items = items[: MOST_ANCESTORS + 1]
        unread.append(
            f"{items[0].key} has more than {MOST_ANCESTORS} ancestors: those above "
            f"{items[-1].key} were left out"
        )
    return ItemChain(items=items, unread=tuple(unread))


def _out_of_circle(items: tuple[WorkItem, ...], start: int, end: int) -> tuple[WorkItem, ...]:
    """The chain up to the circle's item of the lowest reference.

    Whichever item one starts from, the top is the same: so all that hangs there has one root.
    """
    top = min(range(start, end), key=lambda at: items[at].reference)
    return items[: top + 1]


def _without(items: Iterable[WorkItem], others: Iterable[WorkItem]) -> tuple[WorkItem, ...]:
    """The items that are not among the others, each once."""
    known = {item.reference for item in others}
    kept: dict[str, WorkItem] = {}
    for item in items:
        if item.reference not in known:
            kept.setdefault(item.reference, item)
    return tuple(kept.values())


def _once(notes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))
