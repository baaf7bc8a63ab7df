"""OTLP requests as text in which two exports can be compared: one line an item, fields sorted."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from tests.fakes.receiver import Received
from tests.fakes.spans import HEX_FIELDS

# The names of each signal's lists on the way down to an item.
_LAYERS = (
    ("resourceSpans", "scopeSpans", "spans"),
    ("resourceLogs", "scopeLogs", "logRecords"),
    ("resourceMetrics", "scopeMetrics", "metrics"),
)
_SENDING = "<time of sending>"
_LEFT = "flow.github.rate_limit.remaining"


def golden_text(requests: Iterable[Received], began: int, ended: int) -> str:
    """Return the decoded requests as a JSON list, one line for each resource and item.

    The items of a resource and scope stand below it. ``began`` and ``ended`` bound the export in
    Unix nanoseconds: an instant between them differs at each export, so it is written as a word.
    """
    groups: dict[str, list[str]] = {}
    for request in requests:
        decoded = json_format.MessageToDict(request.message, use_integers_for_enums=True)
        for entity, item in items_of(decoded):
            lines = groups.setdefault(_line(entity, range(0)), [])
            lines.append(_line(item, range(began, ended)))
    ordered = (line for entity in sorted(groups) for line in (entity, *sorted(groups[entity])))
    return "[\n" + ",\n".join(ordered) + "\n]\n"


def items_of(request: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the resource and scope of each item, and the item."""
    for resources, scopes, items in _LAYERS:
        for resource in request.get(resources, ()):
            for scope in resource.get(scopes, ()):
                outer = {key: value for key, value in resource.items() if key != scopes}
                inner = {key: value for key, value in scope.items() if key != items}
                for item in scope[items]:
                    yield {resources: outer, scopes: inner}, item


def _line(value: Mapping[str, Any], now: range) -> str:
    return json.dumps(_plain(value, now), sort_keys=True, ensure_ascii=False)


def _plain(value: Any, now: range, is_left: bool = False) -> Any:
    """Ids in hexadecimal, attributes as an object, and times of the export as a word.

    So is what a rate limit leaves.
    """
    # A request whose result is not needed may be under way when the points are made.
    is_left = is_left or (isinstance(value, Mapping) and value.get("name") == _LEFT)
    if isinstance(value, list):
        return [_plain(each, now, is_left) for each in value]
    if not isinstance(value, Mapping):
        return value
    plain: dict[str, Any] = {}
    for key, each in value.items():
        if key in HEX_FIELDS:
            plain[key] = b64decode(each).hex()
        elif key == "attributes":
            plain[key] = {pair["key"]: _plain(pair["value"], now) for pair in each}
        elif key.endswith("UnixNano") and int(each) in now:
            plain[key] = _SENDING
        elif key == "asDouble" and is_left:
            plain[key] = "<left>"
        else:
            plain[key] = _plain(each, now, is_left)
    return plain
