"""As what people leave: by their logins, by hashes of them, or not at all (input `actors`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

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
_HASH_DIGITS = 16

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
    if actors is Actors.HASH:
        kept.update({name: _hashed_value(value) for name, value in named.items()})
    return _without_in_reference(kept, named)


def _without_in_reference(kept: dict[str, AttributeValue], named: Attributes) -> Attributes:
    """The reference of an event ends in the person that it is about: hashed there either way.

    Else two people asked for a review in one second would be one event.
    """
    uid = kept.get(event_semconv.LOG_RECORD_UID)
    for name in (event_semconv.EVENT_ASSIGNEE, event_semconv.EVENT_REVIEWER):
        about = named.get(name)
        if isinstance(uid, str) and isinstance(about, str) and uid.endswith(f":{about}"):
            kept[event_semconv.LOG_RECORD_UID] = uid.removesuffix(about) + _hashed(about)
    return kept


def _hashed_value(value: AttributeValue) -> AttributeValue:
    if isinstance(value, (list, tuple)):
        return tuple(_hashed(each) for each in value)
    return _hashed(str(value))


def _hashed(login: str) -> str:
    """A login as 16 hexadecimal digits: the same each time, and of no meaning."""
    return sha256(login.encode(errors="replace")).hexdigest()[:_HASH_DIGITS]
