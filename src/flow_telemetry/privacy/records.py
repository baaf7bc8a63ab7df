"""Texts of telemetry, of other records and of protobuf messages: found and redacted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice
from operator import is_
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.outcome import Outcome
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.rules.people import People, format_login, hash_login
from flow_telemetry.settings import Actors
from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    EncodedRequest,
    LogRecord,
    Measurement,
    Resource,
    Span,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Encoding groups spans by their resource object, so a resource is replaced by one object.
_MOST_RESOURCES = 1_000
# A search in the joined texts of many records costs as much as one in some dozens of short texts.
_RECORDS_AT_ONCE = 128

# All attributes with logins. The kind of an account (person, bot or agent) does not identify it.
PEOPLE = (
    semconv.GITHUB_ACTOR,
    semconv.GITHUB_TRIGGERING_ACTOR,
    work_semconv.CHANGE_AUTHOR,
    work_semconv.CHANGE_REVIEWERS,
    work_semconv.PHASE_REVIEWERS,
    work_semconv.ITEM_ASSIGNEES,
    work_semconv.DEPLOYMENT_CREATOR,
    event_semconv.ACTOR_LOGIN,
    event_semconv.EVENT_ASSIGNEE,
    event_semconv.EVENT_REVIEWER,
)
# Texts that people write and that can name others; labels and names of jobs do not name people.
WRITTEN = (
    work_semconv.VCS_CHANGE_TITLE,
    semconv.GITHUB_RUN_TITLE,
    semconv.GITHUB_ANNOTATION_MESSAGE,
    semconv.GITHUB_ANNOTATION_TITLE,
    work_semconv.ITEM_TITLE,
)
BRANCHES = (semconv.VCS_REF_HEAD_NAME, semconv.VCS_REF_BASE_NAME)
# The reference of an event without a number, up to the label or person at its end.
_EVENT_REFERENCE_PREFIX = re.compile(r".*?#event:\w+:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ:")

# The fields of records with texts that people write, and with messages about an export.
_WRITTEN_FIELDS = frozenset(
    {
        "title",
        "message",
        "oldest_commit_message",
        "errors",
        "problems",
        "notices",
        "left_out",
        "unread",
    }
)
_BRANCH_FIELDS = frozenset({"head_branch", "base_branch"})
# Records are matched by references, which do not contain texts that people write.
_UNCHANGED_FIELDS = ("reference", "trace")
_TYPES_WITHOUT_TEXTS = frozenset({type(None), bool, int, float, datetime, timedelta})

# In a message, the keys of attributes are not redacted. Fields of bytes are ids, except this one.
_KEY_FIELD = "key"
_BYTES_FIELD = "bytes_value"

Telemetry: TypeAlias = Span | LogRecord | Measurement | EncodedRequest
AnyTelemetry = TypeVar("AnyTelemetry", bound=Telemetry)
Record = TypeVar("Record")


class HasResource(Protocol):
    """A span, a log record, a measurement or a point: a dataclass with these fields."""

    @property
    def resource(self) -> Resource:
        """Return the entity that it comes from."""
        ...

    @property
    def attributes(self) -> Attributes:
        """Return its attributes."""
        ...


Item = TypeVar("Item", bound=HasResource)


# The walk over the texts of telemetry.


def map_texts(
    item: Item,
    *,
    attributes: Callable[[Attributes], Attributes],
    text: Callable[[str], str],
    name: Callable[[str], str] | None = None,
    resource: Resource | None = None,
) -> Item:
    """Return a span, log record, measurement or point with its texts replaced.

    Ids, times and names of events that are log records stay.

    Args:
        item: what has the texts.
        attributes: replaces attributes, also those of a span's events and links.
        text: replaces the description of an error, and the body of a log record.
        name: replaces the names of a span and of its events; None leaves them.
        resource: the new resource; None leaves it.
    """
    changes: dict[str, Any] = {"attributes": attributes(item.attributes)}
    if resource is not None:
        changes["resource"] = resource
    if isinstance(item, Span):
        if name is not None:
            changes["name"] = name(item.name)
        if item.error is not None:
            changes["error"] = text(item.error)
        if item.events:
            changes["events"] = tuple(
                replace(
                    event,
                    name=event.name if name is None else name(event.name),
                    attributes=attributes(event.attributes),
                )
                for event in item.events
            )
        if item.links:
            changes["links"] = tuple(
                replace(link, attributes=attributes(link.attributes)) for link in item.links
            )
    elif isinstance(item, LogRecord) and item.body:
        changes["body"] = text(item.body)
    return replace(item, **changes)  # type: ignore[type-var]


def _list_texts(item: Span | LogRecord | Measurement) -> list[str]:
    """List the texts that `map_texts` replaces, but for those of the resource."""
    texts = _list_values(item.attributes)
    if isinstance(item, Span):
        texts += [item.name, item.error or ""]
        for event in item.events:
            texts += [event.name, *_list_values(event.attributes)]
        for link in item.links:
            texts += _list_values(link.attributes)
    elif isinstance(item, LogRecord) and item.body:
        texts.append(item.body)
    return texts


def _list_values(attributes: Attributes) -> list[str]:
    texts: list[str] = []
    for value in attributes.values():
        if type(value) is str:  # Faster than isinstance(), and called for each span.
            texts.append(value)
        elif type(value) is tuple or type(value) is list:
            texts += value
    return texts


def cache_resources(redact: Callable[[Resource], Resource]) -> Callable[[Resource], Resource]:
    """Return a function that redacts each resource once, because many spans share few resources."""
    redacted: dict[int, tuple[Resource, Resource]] = {}

    def redact_once(resource: Resource) -> Resource:
        pair = redacted.get(id(resource))
        if pair is None:
            if len(redacted) >= _MOST_RESOURCES:
                redacted.clear()
            # The original is stored too, so that no other resource gets its id.
            pair = redacted[id(resource)] = (resource, redact(resource))
        return pair[1]

    return redact_once


# Credentials in telemetry.


def redact_telemetry(stream: Iterable[AnyTelemetry], redact: Redactor) -> Iterator[AnyTelemetry]:
    """Yield the telemetry with credentials redacted in every text.

    Ids and keys of attributes stay, and so do requests that tools made, which are bytes. Nearly
    all items are without credentials, so the texts of many items are searched at once.
    """
    change = redact.redact_exported

    def redact_value(value: AttributeValue) -> AttributeValue:
        if isinstance(value, str):
            return change(value)
        return tuple(map(change, value)) if isinstance(value, (list, tuple)) else value

    def redact_attributes(attributes: Attributes) -> Attributes:
        return {key: redact_value(value) for key, value in attributes.items()}

    def redact_resource(resource: Resource) -> Resource:
        attributes = redact_attributes(resource.attributes)
        return resource if attributes == resource.attributes else Resource(attributes=attributes)

    redact_once = cache_resources(redact_resource)
    rest = iter(stream)
    while items := list(islice(rest, _RECORDS_AT_ONCE)):
        clean = redact.finds_nothing(
            [
                text
                for item in items
                if not isinstance(item, EncodedRequest)
                for text in _list_texts(item)
            ]
        )
        for item in items:
            if isinstance(item, EncodedRequest):
                yield item
                continue
            resource = redact_once(item.resource)
            if not clean:
                yield map_texts(
                    item,
                    attributes=redact_attributes,
                    text=change,
                    name=change,
                    resource=resource,
                )
            else:
                yield item if resource is item.resource else replace(item, resource=resource)


# People in telemetry: login, hash or nothing, by the setting `actors`


def hide_people_in_telemetry(stream: Iterable[Telemetry], people: People) -> Iterator[Telemetry]:
    """Yield the telemetry with people by the setting `actors`, also in texts that people wrote.

    Requests of tools are not changed.
    """
    hide = partial(_hide_people, people=people)
    for item in stream:
        if isinstance(item, EncodedRequest) or people.actors is Actors.LOGIN:
            yield item
        else:
            yield map_texts(item, attributes=hide, text=people.text)


def _hide_people(attributes: Attributes, people: People) -> Attributes:
    named = {name: attributes[name] for name in PEOPLE if name in attributes}
    written = [name for name in WRITTEN if name in attributes]
    branches = [name for name in BRANCHES if name in attributes]
    if not named and not written and not branches:
        return attributes
    hidden = {name: value for name, value in attributes.items() if name not in named}
    hidden.update({name: people.text(str(hidden[name])) for name in written})
    hidden.update({name: people.branch(str(hidden[name])) for name in branches})
    for name, value in named.items():
        formatted = _format_people(value, people.actors)
        if formatted is not None:
            hidden[name] = formatted
    _hash_person_in_uid(hidden, named)
    return hidden


def _format_people(value: AttributeValue, actors: Actors) -> AttributeValue | None:
    if isinstance(value, (list, tuple)):
        people = (format_login(str(login), actors) for login in value)
        return tuple(person for person in people if person is not None) or None
    return format_login(str(value), actors)


def _hash_person_in_uid(attributes: dict[str, AttributeValue], named: Attributes) -> None:
    """Hash the subject of an event in its reference, also if people are not exported.

    Otherwise two review requests to different people in one second would be one event. The number
    of a repeated event in the same second can follow the name; a very long name is truncated.
    """
    for name in (event_semconv.EVENT_ASSIGNEE, event_semconv.EVENT_REVIEWER):
        uid, person = attributes.get(event_semconv.LOG_RECORD_UID), named.get(name)
        if not isinstance(uid, str) or not isinstance(person, str):
            continue
        if prefix := _EVENT_REFERENCE_PREFIX.match(uid):
            rest = uid[prefix.end() :]
            number = rest.removeprefix(person) if rest.startswith(person) else ""
            attributes[event_semconv.LOG_RECORD_UID] = prefix[0] + hash_login(person) + number


# The walk over the texts of other records, such as the outcome that the views show.


def _map_record(value: Any, change: Callable[[str, str], str], field_name: str = "") -> Any:
    """Return a value with each text in it changed by the name of its field; itself if none is."""
    if isinstance(value, str):
        return change(field_name, value)
    if isinstance(value, tuple):
        values = [_map_record(item, change, field_name) for item in value]
        return value if all(map(is_, values, value)) else tuple(values)
    changed: dict[str, Any] = {}
    kind: Any = type(value)  # mypy does not know that a class is hashable.
    for name in _list_fields(kind):
        old = getattr(value, name)
        new = _map_record(old, change, name)
        if new is not old:
            changed[name] = new
    return replace(value, **changed) if changed else value


@cache
def _list_fields(kind: Any) -> tuple[str, ...]:
    """List the fields of a class that may hold texts; a class that is not a record has none."""
    fields = getattr(kind, "__dataclass_fields__", ())
    return tuple(name for name in fields if name not in _UNCHANGED_FIELDS)


def redact_record(record: Record, redact: Redactor) -> Record:
    """Return a record, such as an outcome, with credentials redacted in every text.

    It is the same object if nothing is redacted, as nearly always.
    """
    # A large run holds tens of thousands of records, so this is a loop without recursion.
    texts: list[str] = []
    rest: list[Any] = [record]
    while rest:
        value = rest.pop()
        if type(value) is str:
            texts.append(value)
        elif type(value) is tuple:
            rest += value
        elif type(value) not in _TYPES_WITHOUT_TEXTS:
            kind: Any = type(value)
            rest += [getattr(value, name) for name in _list_fields(kind)]
    if redact.finds_nothing(texts):
        return record
    clean: Record = _map_record(record, lambda _, text: redact(text))
    return clean


def hide_people_in_outcome(outcome: Outcome, people: People) -> Outcome:
    """Return the outcome with people by the setting `actors` in the texts that people wrote."""
    if people.actors is Actors.LOGIN:
        return outcome

    def hide(field_name: str, text: str) -> str:
        if field_name in _WRITTEN_FIELDS:
            return people.text(text)
        return people.branch(text) if field_name in _BRANCH_FIELDS else text

    hidden: Outcome = _map_record(outcome, hide)
    return hidden


# The walk over the texts of protobuf messages, which tools made.


def redact_message(message: Message, redact: Redactor) -> None:
    """Redact credentials in every text of a message, in place."""
    if redact.finds_nothing(text for text, _ in _walk_message(message)):
        return
    for text, write in list(_walk_message(message)):
        clean = redact.redact_exported(text)
        if clean != text:
            write(clean)


def _walk_message(message: Message) -> Iterator[tuple[str, Callable[[str], None]]]:
    """Yield each text of a message with a function that replaces it.

    It uses a stack instead of recursion, because values can be nested as deeply as OTLP allows.
    """
    rest: list[Message] = [message]
    while rest:
        owner = rest.pop()
        for descriptor, value in owner.ListFields():
            several = hasattr(value, "append")
            if descriptor.type == descriptor.TYPE_MESSAGE:
                rest.extend(value if several else (value,))
            elif descriptor.type == descriptor.TYPE_STRING and descriptor.name != _KEY_FIELD:
                if several:
                    yield from (
                        (text, partial(value.__setitem__, i)) for i, text in enumerate(value)
                    )
                else:
                    yield value, partial(setattr, owner, descriptor.name)
            elif descriptor.type == descriptor.TYPE_BYTES and descriptor.name == _BYTES_FIELD:
                text = value.decode("utf-8", errors="surrogateescape")
                yield text, partial(_write_bytes, owner, descriptor.name)


def _write_bytes(owner: Message, name: str, text: str) -> None:
    setattr(owner, name, text.encode("utf-8", errors="surrogateescape"))
