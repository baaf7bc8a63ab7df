"""As what people leave: by their logins, by hashes of them, or not at all (input `actors`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from flow_telemetry.rules.people import hashed, shown
from flow_telemetry.settings import Actors
from flow_telemetry.signals import event_semconv, flow_semconv, semconv
from flow_telemetry.telemetry import Attributes, AttributeValue, LogRecord, Measurement, Span

# Every attribute that holds a login. Whether somebody is human, bot or agent names nobody.
PEOPLE = (
    semconv.GITHUB_ACTOR,
    semconv.GITHUB_TRIGGERING_ACTOR,
    flow_semconv.CHANGE_AUTHOR,
    flow_semconv.CHANGE_REVIEWERS,
    flow_semconv.ITEM_ASSIGNEES,
    flow_semconv.DEPLOYMENT_CREATOR,
    event_semconv.ACTOR_LOGIN,
    event_semconv.EVENT_ASSIGNEE,
    event_semconv.EVENT_REVIEWER,
)
# The reference of an event without a number, up to what it was about.
_BEFORE_ABOUT = re.compile(r".*?#event:\w+:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ:")

Telemetry = TypeVar("Telemetry", bound="Span | LogRecord | Measurement")


def without_names(stream: Iterable[Telemetry], actors: Actors) -> Iterator[Telemetry]:
    """Return the stream with people as the policy has them; measurements hold none."""
    for each in stream:
        if isinstance(each, Measurement) or actors is Actors.LOGIN:
            yield each
        else:
            yield replace(each, attributes=_without(each.attributes, actors))


def _without(attributes: Attributes, actors: Actors) -> Attributes:
    named = {name: attributes[name] for name in PEOPLE if name in attributes}
    if not named:
        return attributes
    kept = {name: value for name, value in attributes.items() if name not in named}
    values = {name: _shown_value(value, actors) for name, value in named.items()}
    kept.update({name: value for name, value in values.items() if value is not None})
    return _without_in_reference(kept, named)


def _without_in_reference(kept: dict[str, AttributeValue], named: Attributes) -> Attributes:
    """The reference of an event names the person that it is about: hashed there either way.

    Else two people asked for a review in one second would be one event. After the person stands
    the number of an event that happened again in that second; a very long name is cut there.
    """
    uid = kept.get(event_semconv.LOG_RECORD_UID)
    for name in (event_semconv.EVENT_ASSIGNEE, event_semconv.EVENT_REVIEWER):
        about = named.get(name)
        before = _BEFORE_ABOUT.match(uid) if isinstance(uid, str) else None
        if isinstance(uid, str) and isinstance(about, str) and before:
            rest = uid[before.end() :]
            number = rest.removeprefix(about) if rest.startswith(about) else ""
            kept[event_semconv.LOG_RECORD_UID] = before[0] + hashed(about) + number
    return kept


def _shown_value(value: AttributeValue, actors: Actors) -> AttributeValue | None:
    if isinstance(value, (list, tuple)):
        several = (shown(str(each), actors) for each in value)
        return tuple(each for each in several if each is not None) or None
    return shown(str(value), actors)
