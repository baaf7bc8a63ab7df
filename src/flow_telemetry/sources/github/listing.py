"""GitHub's lists, out of the pages they come in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flow_telemetry.errors import PayloadError

PAGE_SIZE = 100
# GitHub ends its longest lists far before; a server that never ends one is not to be followed.
MOST_PAGES = 300
_LAST_PAGE = re.compile(r'[?&]page=([0-9]{1,6})[^>]*>; *rel="last"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All the items of a list. ``total`` is what GitHub said there are, None if it did not.

    ``cut`` tells that the list went on where it was no longer followed.
    """

    items: tuple[Any, ...]
    total: int | None
    cut: bool = False

    @property
    def complete(self) -> bool:
        """Whether as many items came as GitHub named."""
        return not self.cut and (self.total is None or len(self.items) >= self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a list: ``more`` tells that another follows, ``last`` the number of pages."""

    items: list[Any]
    total: int | None
    more: bool
    last: int


def parse_page(payload: Any, link: str, key: str | None, what: str) -> Page:
    """Return what an answer holds of a list.

    ``link`` is its header with the pages around it; ``key`` names the list in an answer that wraps
    it, None where the answer is the list.

    Raises:
        PayloadError: it holds no list.
    """
    items = payload.get(key) if key and isinstance(payload, dict) else payload
    if not isinstance(items, list):
        raise PayloadError(f"GitHub's answer on {what} holds no list; it is damaged")
    total = payload.get("total_count") if isinstance(payload, dict) else None
    total = total if isinstance(total, int) else None
    more = 'rel="next"' in link and bool(items)
    return Page(items=items, total=total, more=more, last=_last_page(link, total))


def joined(pages: Sequence[Page]) -> Listing:
    """Return the list whose pages, at least one, these are in order."""
    totals = [page.total for page in pages if page.total is not None]
    return Listing(
        items=tuple(item for page in pages for item in page.items),
        total=max(totals, default=None),
        cut=pages[-1].more,
    )


def _last_page(link: str, total: int | None) -> int:
    """The number of pages by the list's total, else by the link to the last page; 1 if unknown."""
    if total is not None:
        return -(-total // PAGE_SIZE)
    found = _LAST_PAGE.search(link)
    return int(found[1]) if found else 1
