"""As what people leave: by their logins, by hashes of them, or not at all (input `actors`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from flow_telemetry.rules.people import People, hashed, shown
from flow_telemetry.settings import Actors
from flow_telemetry.signals import event_semconv, flow_semconv, semconv
from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    LogRecord,
    Measurement,
    Prepared,
    Span,
)

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
            clean = replace(each, attributes=_without(each.attributes, people))
            if isinstance(clean, LogRecord) and clean.body:
                clean = replace(clean, body=people.text(clean.body))
            yield clean


def _span_without(span: Span, people: People) -> Span:
    events = tuple(replace(e, attributes=_without(e.attributes, people)) for e in span.events)
    return replace(
        span,
        attributes=_without(span.attributes, people),
        events=events,
        error=None if span.error is None else people.text(span.error),
    )


def _without(attributes: Attributes, people: People) -> Attributes:
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
