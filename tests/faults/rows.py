"""What a single fault came to, as a row of the table in docs/reliability.md."""

from __future__ import annotations

import re

from tests.faults.cases import Case, Side
from tests.faults.items import Items
from tests.faults.promise import SIGNALS, Ending
from tools.update_reliability import Row

NOUNS = {"traces": "spans", "logs": "events", "metrics": "points"}
_LONGEST = 110
_ADDRESS = re.compile(r"https?://[\w.]+(:\d+)?")
# Python's versions have different names for some statuses, and OpenSSL's other words.
_PHRASE = re.compile(r"(answered \d{3})(?: [A-Z][\w'-]*| a(?= Teapot))+")


def row_of(case: Case, end: Ending, clean: Items) -> Row:
    """Return the row of a case that ended so."""
    of_endpoint = case.side is Side.OTLP
    return Row(
        side=case.side.value,
        call=case.call,
        fault=case.fault,
        seen=_seen(end, whole=of_endpoint),
        data=_of_endpoint(end, clean) if of_endpoint else _of_source(end, clean),
    )


def _seen(end: Ending, *, whole: bool) -> str:
    """The first annotation, as far as it is the same each time."""
    for kind, texts in (("warning", end.wrong), ("notice", end.result.notices)):
        if texts:
            text = texts[0].removeprefix("flow-telemetry: ")
            return f"{kind}: {_problem(text) if whole else _clause(text)}"
    return "nothing"


def _problem(text: str) -> str:
    """The problem without the advice, the address and the numbers of items."""
    text = text.partition(". ")[0]
    text = _ADDRESS.sub("the endpoint", text, count=1)
    text = _ADDRESS.sub("another address", text)
    text = _PHRASE.sub(r"\1", text)
    text = re.sub(r"; \d+ .*|(?<=not accepted):.*", "", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _clause(text: str) -> str:
    """What is missing; the cause that follows has many words."""
    missing, colon, _ = text.partition(": ")
    known = colon and missing.startswith(
        ("could not ", "not everything ", "what ", "why ", "the merged")
    )
    return f"{missing}, and the cause" if known else "the cause"


def _of_endpoint(end: Ending, clean: Items) -> str:
    by_state: dict[str, list[str]] = {}
    for signal in SIGNALS:
        by_state.setdefault(_state(end, clean, signal), []).append(NOUNS[signal])
    if len(by_state) == 1:
        return next(iter(by_state))
    return ", ".join(f"{' and '.join(nouns)} {state}" for state, nouns in by_state.items())


def _state(end: Ending, clean: Items, signal: str) -> str:
    if end.declined(signal):
        return "not taken there"
    received = end.received.of(signal)
    if not end.spooled.of(signal):
        return "delivered"
    some = 0 < len(received) < len(clean.of(signal))
    return "delivered in part and in the spool" if some else "in the spool"


def _of_source(end: Ending, clean: Items) -> str:
    arrived = end.received
    if not arrived.all_spans:
        return "nothing is sent"
    references = {span.attributes["flow.reference"] for span in arrived.all_spans}
    wanted = {span.attributes["flow.reference"] for span in clean.all_spans}
    counts = {
        "traces": (len(references & wanted), len(wanted)),
        "logs": (len(arrived.logs.keys() & clean.logs.keys()), len(clean.logs)),
        "metrics": (len(arrived.metrics), len(clean.metrics)),
    }
    known = arrived.traces.keys() <= clean.traces.keys()
    if known and all(there == all_of for there, all_of in counts.values()):
        return "delivered"
    parts = [f"{there} of {all_of} {NOUNS[s]}" for s, (there, all_of) in counts.items()]
    return "delivered: " + ", ".join(parts) + ("" if known else ", in another trace")
