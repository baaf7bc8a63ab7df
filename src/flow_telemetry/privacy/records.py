"""One walk over the texts of any record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from operator import is_
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flow_telemetry.mapping import attributes as event_semconv
from flow_telemetry.mapping import attributes as flow_semconv
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.outcome import Outcome
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.rules.people import People, hashed, shown, texts_without
from flow_telemetry.settings import Actors
from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    LogRecord,
    Measurement,
    Prepared,
    Resource,
    Span,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Every text of what is sent, without credentials: names, values, descriptions and resources.

_MOST_RESOURCES = 1_000
# How many are looked at together: a look costs as much as dozens of short texts.
_AT_ONCE = 128

AnyTelemetry = TypeVar("AnyTelemetry", bound="Span | LogRecord | Measurement | Prepared")
Ours = TypeVar("Ours", bound="Span | LogRecord | Measurement")


def redacted(stream: Iterable[AnyTelemetry], redact: Redactor) -> Iterator[AnyTelemetry]:
    """Return the stream with its texts as ``redact`` has them.

    Ids and names of attributes stay, and so do requests that tools in the job made, which are
    bytes. What holds nothing, as nearly all, is handed on as it is after one look at the texts of
    many.
    """
    resources = _Resources(redact)
    rest = iter(stream)
    while some := list(islice(rest, _AT_ONCE)):
        texts: list[str] = []
        for each in some:
            if not isinstance(each, Prepared):
                texts += _texts(each)
        nothing = redact.finds_nothing(texts)
        for each in some:
            yield each if isinstance(each, Prepared) else _clean(each, resources, nothing=nothing)


def _clean(each: Ours, resources: _Resources, *, nothing: bool) -> Ours:
    clean = each if nothing else _without(each, resources.redact)
    resource = resources.of(each.resource)
    return clean if resource is each.resource else replace(clean, resource=resource)


@dataclass(slots=True)
class _Resources:
    """Few resources stand behind many spans, and stay one object each: encoding relies on it."""

    redact: Redactor
    _made: dict[int, tuple[Resource, Resource]] = field(default_factory=dict)

    def of(self, resource: Resource) -> Resource:
        # The original is kept beside: its id must not become another's.
        known = self._made.get(id(resource))
        if known is None:
            clean = _attributes(resource.attributes, self.redact)
            same = clean == resource.attributes
            known = (resource, resource if same else Resource(attributes=clean))
            if len(self._made) >= _MOST_RESOURCES:
                self._made.clear()
            self._made[id(resource)] = known
        return known[1]


def _texts(each: Span | LogRecord | Measurement) -> list[str]:
    texts = _values(each.attributes)
    if isinstance(each, Span):
        texts += [each.name, each.error or ""]
        for event in each.events:
            texts += [event.name, *_values(event.attributes)]
        for link in each.links:
            texts += _values(link.attributes)
    elif isinstance(each, LogRecord) and each.body:
        texts.append(each.body)
    return texts


def _values(attributes: Attributes) -> list[str]:
    texts: list[str] = []
    for value in attributes.values():
        if type(value) is str:  # It is hot.
            texts.append(value)
        elif type(value) is tuple or type(value) is list:
            texts += value
    return texts


def _without(each: Ours, redact: Redactor) -> Ours:
    if isinstance(each, Span):
        return replace(
            each,
            name=redact(each.name),
            error=None if each.error is None else redact(each.error),
            attributes=_attributes(each.attributes, redact),
            events=tuple(
                replace(e, name=redact(e.name), attributes=_attributes(e.attributes, redact))
                for e in each.events
            ),
            links=tuple(
                replace(e, attributes=_attributes(e.attributes, redact)) for e in each.links
            ),
        )
    clean = replace(each, attributes=_attributes(each.attributes, redact))
    if isinstance(clean, LogRecord) and clean.body:
        return replace(clean, body=redact(clean.body))
    return clean


def _attributes(attributes: Attributes, redact: Redactor) -> Attributes:
    return {name: _value(value, redact) for name, value in attributes.items()}


def _value(value: AttributeValue, redact: Redactor) -> AttributeValue:
    if isinstance(value, str):
        return redact(value)
    return tuple(map(redact, value)) if isinstance(value, (list, tuple)) else value


# As what people leave: by their logins, by hashes of them, or not at all (input `actors`).

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
# What people write, in which others may be named; labels and names of jobs name nobody.
WRITTEN = (
    semconv.VCS_CHANGE_TITLE,
    semconv.GITHUB_RUN_TITLE,
    semconv.GITHUB_ANNOTATION_MESSAGE,
    semconv.GITHUB_ANNOTATION_TITLE,
    flow_semconv.ITEM_TITLE,
)
BRANCHES = (semconv.VCS_REF_HEAD_NAME, flow_semconv.VCS_REF_BASE_NAME)
# The reference of an event without a number, up to what it was about.
_BEFORE_ABOUT = re.compile(r".*?#event:\w+:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ:")

Telemetry: TypeAlias = Span | LogRecord | Measurement | Prepared


def without_names(stream: Iterable[Telemetry], people: People) -> Iterator[Telemetry]:
    """Return the stream with people as the user wants them, in texts that somebody wrote too.

    Requests that tools in the job made are handed on as they are.
    """
    for each in stream:
        if isinstance(each, Prepared) or people.actors is Actors.LOGIN:
            yield each
        elif isinstance(each, Span):
            yield _span_without(each, people)
        else:
            clean = replace(each, attributes=_without_people(each.attributes, people))
            if isinstance(clean, LogRecord) and clean.body:
                clean = replace(clean, body=people.text(clean.body))
            yield clean


def _span_without(span: Span, people: People) -> Span:
    events = tuple(
        replace(e, attributes=_without_people(e.attributes, people)) for e in span.events
    )
    return replace(
        span,
        attributes=_without_people(span.attributes, people),
        events=events,
        error=None if span.error is None else people.text(span.error),
    )


def _without_people(attributes: Attributes, people: People) -> Attributes:
    named = {name: attributes[name] for name in PEOPLE if name in attributes}
    written = [name for name in WRITTEN if name in attributes]
    branches = [name for name in BRANCHES if name in attributes]
    if not named and not written and not branches:
        return attributes
    kept = {name: value for name, value in attributes.items() if name not in named}
    kept.update({name: people.text(str(kept[name])) for name in written})
    kept.update({name: people.branch(str(kept[name])) for name in branches})
    values = {name: _shown_value(value, people.actors) for name, value in named.items()}
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


# Records with other texts in them: all that views show, without credentials and hidden people.

Record = TypeVar("Record")

# A reference is what things are matched by, and made of nothing but names of places and keys.
_KEPT = ("reference", "trace")
_TEXTLESS = frozenset({type(None), bool, int, float, datetime, timedelta})
# What people write, and what is told of an export in sentences.
_WRITTEN = ("title", "message", "oldest_commit_message")
_BRANCHES = ("head_branch", "base_branch")
_TOLD = ("problems", "notices", "left_out", "unread")


def without_credentials(record: Record, redact: Redactor) -> Record:
    """Return a record, such as an outcome, with each text in it as ``redact`` has it.

    The very same record where there is nothing to take out, as nearly always.
    """
    if redact.finds_nothing(_outcome_texts(record)):
        return record
    found: Record = _clean_outcome(record, redact)
    return found


def without_people(outcome: Outcome, people: People) -> Outcome:
    """Return the outcome with no more of people in what somebody wrote than the user wants."""
    if people.actors is Actors.LOGIN:
        return outcome
    written: Outcome = _rewritten(outcome, people)
    return written


def _rewritten(value: Any, people: People) -> Any:
    if isinstance(value, tuple):
        several = [_rewritten(each, people) for each in value]
        return value if all(map(is_, several, value)) else tuple(several)
    changed: dict[str, Any] = {}
    for name in _fields_of(value):
        held = getattr(value, name)
        if name in _WRITTEN and isinstance(held, str):
            changed[name] = people.text(held)
        elif name in _BRANCHES and isinstance(held, str):
            changed[name] = people.branch(held)
        elif name in _TOLD and isinstance(held, tuple):
            changed[name] = texts_without(people, held)
        elif (clean := _rewritten(held, people)) is not held:
            changed[name] = clean
    return replace(value, **changed) if changed else value


def _outcome_texts(record: object) -> list[str]:
    """All texts in a record; a large run holds tens of thousands of records, so no recursion."""
    texts: list[str] = []
    left: list[Any] = [record]
    while left:
        value = left.pop()
        if type(value) is str:
            texts.append(value)
        elif type(value) is tuple:
            left += value
        elif type(value) not in _TEXTLESS:
            left += [getattr(value, name) for name in _fields_of(value)]
    return texts


def _fields_of(value: object) -> tuple[str, ...]:
    """The fields of a record in which there may be texts; what is no record has none."""
    kind: Any = type(value)  # A class is hashable, which its type does not say.
    return _fields_of_kind(kind)


@cache
def _fields_of_kind(kind: Any) -> tuple[str, ...]:
    """The same by its class: of some there are tens of thousands."""
    fields = getattr(kind, "__dataclass_fields__", ())
    return tuple(name for name in fields if name not in _KEPT)


def _clean_outcome(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, tuple):
        several = [_clean_outcome(each, redact) for each in value]
        return value if all(map(is_, several, value)) else tuple(several)
    changed = {
        name: clean
        for name in _fields_of(value)
        if (clean := _clean_outcome(held := getattr(value, name), redact)) is not held
    }
    return replace(value, **changed) if changed else value


# The texts in a message that somebody else made: found, and replaced where they must be. Pure.
#
# Names of attributes stay as they are, and so do ids and numbers, whatever a pattern fits.


# Names, not values: the key of an attribute.
_NAMES = {"key"}
# The one field of bytes that is no id.
_BYTES = "bytes_value"


def redact_texts(message: Message, redact: Redactor) -> None:
    """Replace every text of the message by what ``redact`` makes of it."""
    if redact.finds_nothing(text for *_, text in _message_texts(message)):
        return
    for owner, descriptor, place, text in list(_message_texts(message)):
        clean = redact(text)
        if clean != text:
            _write(owner, descriptor, place, clean)


def _message_texts(message: Message) -> Iterator[tuple[Message, Any, int | None, str]]:
    """Yield texts with where they stand: message, descriptor, and the place in a list of them.

    A stack of its own: an attribute's value may be nested as deep as the format allows.
    """
    waiting: list[Message] = [message]
    while waiting:
        owner = waiting.pop()
        for descriptor, value in owner.ListFields():
            if descriptor.type == descriptor.TYPE_MESSAGE:
                waiting.extend(value if _is_list(value) else (value,))
            elif descriptor.type == descriptor.TYPE_STRING and descriptor.name not in _NAMES:
                texts = enumerate(value) if _is_list(value) else ((None, value),)
                for place, text in texts:
                    yield owner, descriptor, place, text
            elif descriptor.type == descriptor.TYPE_BYTES and descriptor.name == _BYTES:
                yield owner, descriptor, None, value.decode("utf-8", errors="surrogateescape")


def _is_list(value: Any) -> bool:
    return hasattr(value, "append")


def _write(owner: Message, descriptor: Any, place: int | None, text: str) -> None:
    if place is not None:
        getattr(owner, descriptor.name)[place] = text
    elif descriptor.type == descriptor.TYPE_BYTES:
        setattr(owner, descriptor.name, text.encode("utf-8", errors="surrogateescape"))
    else:
        setattr(owner, descriptor.name, text)
