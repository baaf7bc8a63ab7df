"""How the fake GitHub pages its lists: sizes, totals and links to the neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.fakes.accounts import Json

DEFAULT_PER_PAGE = 30
LARGEST_PAGE = 100

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list that is paged: its length and how to make the items of a stretch of it.

    `key` is the property that holds the items beside `total_count`; None: the list is the answer.
    `most` is how many of the items GitHub gives at all, however many it counts. `encoded` makes
    the same items as JSON texts, for lists that would take long to make and to encode.
    """

    length: int
    items: Callable[[slice], list[Json]]
    key: str | None = None
    most: int | None = None
    encoded: Callable[[slice], list[str]] | None = None


# A list that GitHub gives as a whole, a list in pages, or one thing.
Found = Json | list[Json] | Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing (or a whole single answer: page 1 of 1).

    `text` is the payload as JSON if only that was made.
    """

    payload: Any
    text: str | None = None
    number: int = 1
    last: int = 1


def page_of(found: Found, query: Mapping[str, str], *, as_text: bool = False) -> Page:
    """Return the page that `per_page` and `page` ask for; nonsense counts as not asked.

    With `as_text` a list that is encoded anyway has a text and no payload.
    """
    if not isinstance(found, Listing):
        return Page(payload=found)
    size = min(_positive(query.get("per_page"), DEFAULT_PER_PAGE), LARGEST_PAGE)
    number = _positive(query.get("page"), 1)
    given = found.length if found.most is None else min(found.length, found.most)
    part = slice(min((number - 1) * size, given), min(number * size, given))
    last = max(1, -(-given // size))
    if as_text and found.encoded is not None:
        text = f"[{','.join(found.encoded(part))}]"
        if found.key is not None:
            text = f'{{"total_count":{found.length},"{found.key}":{text}}}'
        return Page(payload=None, text=text, number=number, last=last)
    items = found.items(part)
    payload = items if found.key is None else {"total_count": found.length, found.key: items}
    return Page(payload=payload, number=number, last=last)


def link_header(url: str, query: Mapping[str, str], page: Page) -> str:
    """Return the value of `Link`, its parts in GitHub's order; empty where there is one page."""
    targets = {}
    if page.number > 1:
        targets["prev"] = min(page.number - 1, page.last)
    if page.number < page.last:
        targets.update(next=page.number + 1, last=page.last)
    if page.number > 1:
        targets["first"] = 1
    links = (
        f'<{url}?{urlencode({**query, "page": number})}>; rel="{name}"'
        for name, number in targets.items()
    )
    return ", ".join(links)


def _positive(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) > 0 else otherwise
