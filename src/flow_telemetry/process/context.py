"""Trace context and baggage in the environment of a process, for its children.

https://opentelemetry.io/docs/specs/otel/context/env-carriers/ names the variables; their values
are W3C's: https://www.w3.org/TR/trace-context/ and https://www.w3.org/TR/baggage/. If a list is
too long, both require that whole entries are removed, from the end.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

TRACEPARENT, TRACESTATE, BAGGAGE = "TRACEPARENT", "TRACESTATE", "BAGGAGE"

# Bytes of a command's span id: random ones, and those that mark it as the id of a command.
RANDOM_BYTES, _MARK_BYTES = 5, 3

_SAMPLED = 0b01
_KNOWN_FLAGS = 0b11  # sampled, and since level 2 random; others are passed on as zero
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_FIRST_VERSION, _NO_VERSION = "00", "ff"

_STATE_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_STATE_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_STATE_ENTRY = re.compile(f"({_STATE_KEY})={_STATE_VALUE}")
_MOST_STATE_ENTRIES, _LONGEST_STATE = 32, 512

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAGGAGE_MEMBER = re.compile(r"[\x20-\x7e\t]+")
# Characters of a value that are not encoded, besides letters and digits; W3C excludes , ; \ "
# and blanks.
_PLAIN_IN_BAGGAGE = "!#$&'()*+-./:<=>?@[]^_`{|}~"
_MOST_BAGGAGE_ENTRIES, _LONGEST_BAGGAGE = 64, 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """The context of a span, as its children get it; ids are lower-case hexadecimal.

    ``state`` is empty or a valid `tracestate`, which tracing systems forward.
    """

    trace_id: str
    span_id: str
    flags: int = _SAMPLED
    state: str = ""

    @property
    def sampled(self) -> bool:
        """Whether the span is sent, so that its children have a parent."""
        return bool(self.flags & _SAMPLED)

    @property
    def traceparent(self) -> str:
        """The value of `TRACEPARENT`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags & _KNOWN_FLAGS:02x}"

    def child(self, span_id: str) -> TraceContext:
        """Return the context of another span of the same trace."""
        return replace(self, span_id=span_id)


def command_span_id(trace_id: str, random: bytes) -> str:
    """Return the id of a command's span in a trace, from `RANDOM_BYTES` random bytes.

    `flow-telemetry run` sends that span by itself, so that the job's export does not know it. The
    id ends with a checksum, by which `is_command_span_id` recognizes it. The id of any other span
    has that form by chance only: once in 16 million.
    """
    return (random + _mark(trace_id, random)).hex()


def is_command_span_id(trace_id: str, span_id: str) -> bool:
    """Return whether a span id has the form of `command_span_id`; both ids are hexadecimal."""
    span = bytes.fromhex(span_id)
    return span[RANDOM_BYTES:] == _mark(trace_id, span[:RANDOM_BYTES])


def _mark(trace_id: str, random: bytes) -> bytes:
    # Not hashlib: the command waits while this module's imports are loaded.
    return zlib.crc32(bytes.fromhex(trace_id) + random).to_bytes(4, "big")[-_MARK_BYTES:]


def context_in(environ: Mapping[str, str]) -> TraceContext | None:
    """Return the context in an environment; None if it has none, or an invalid one."""
    context = parse_traceparent(environ.get(TRACEPARENT, ""))
    if context is None:
        return None
    return replace(context, state=parse_tracestate(environ.get(TRACESTATE, "")))


def with_context(environ: Mapping[str, str], context: TraceContext) -> dict[str, str]:
    """Return the environment of a child of a span, with the same baggage."""
    child_environ = {**environ, TRACEPARENT: context.traceparent, TRACESTATE: context.state}
    if not context.state:
        del child_environ[TRACESTATE]  # It belonged to the context that is replaced.
    return child_environ


def parse_traceparent(text: str) -> TraceContext | None:
    """Return the context of a `traceparent`; None if it is empty or invalid.

    A version after the first may append fields, which are left out.
    """
    match = _PARENT.fullmatch(text.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == _NO_VERSION or (version == _FIRST_VERSION and more is not None):
        return None
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(trace_id=trace_id, span_id=span_id, flags=int(flags, 16) & _KNOWN_FLAGS)


def parse_tracestate(text: str) -> str:
    """Return a `tracestate` without blanks around its entries, cut to its limits.

    The result is empty if it is invalid, or names a system twice.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    matches = [_STATE_ENTRY.fullmatch(entry) for entry in entries]
    keys = [match[1] for match in matches if match is not None]
    if len(set(keys)) < len(entries):
        return ""
    return _join(entries[:_MOST_STATE_ENTRIES], _LONGEST_STATE)


def parse_baggage(text: str) -> dict[str, str]:
    """Return the valid entries of a `baggage`, with decoded values and without properties."""
    entries: dict[str, str] = {}
    for member in _split_members(text):
        key, equals, value = member.partition(";")[0].partition("=")
        if equals and _TOKEN.fullmatch(key.strip()):
            entries[key.strip()] = unquote(value.strip(), errors="replace")
    return entries


def format_baggage(entries: Mapping[str, str], present: str = "") -> str:
    """Return a `baggage` with these entries, values percent-encoded, before those of ``present``.

    Empty values, and names that are not a token of HTTP, are left out. An entry of ``present`` with
    one of these names is replaced; the others stay as they are, their properties included.
    """
    own = {key: value for key, value in entries.items() if value and _TOKEN.fullmatch(key)}
    members = [
        f"{key}={quote(value, safe=_PLAIN_IN_BAGGAGE, errors='replace')}"
        for key, value in own.items()
    ]
    others = [
        member for member in _split_members(present) if member.partition("=")[0].strip() not in own
    ]
    return _join([*members, *others][:_MOST_BAGGAGE_ENTRIES], _LONGEST_BAGGAGE)


def _split_members(baggage: str) -> list[str]:
    return [m.strip() for m in baggage.split(",") if m.strip() and _BAGGAGE_MEMBER.fullmatch(m)]


def _join(entries: Iterable[str], longest: int) -> str:
    """Return the first entries, as many as fit."""
    text = ""
    for entry in entries:
        longer = f"{text},{entry}" if text else entry
        if len(longer) > longest:
            break
        text = longer
    return text
