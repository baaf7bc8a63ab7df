"""What a single fault came to, as a row of the table in docs/contributing/faults.md."""

from __future__ import annotations

import re
from collections import Counter

from tests.faults.cases import Case, Side
from tests.faults.items import RELAYED, Items
from tests.faults.promise import SIGNALS, Ending, is_relayed
from tools.update_reliability import Row

NOUNS = {"traces": "spans", "logs": "events", "metrics": "points"}
_NOUNS_OF_MESSAGES = {"traces": "spans", "logs": "events", "metrics": "metric points"}
_LONGEST = 110
_ADDRESS = re.compile(r"https?://[\w.]+(:\d+)?")
# Python's versions have different names for some statuses, and OpenSSL's other words.
_PHRASE = re.compile(r"(answered \d{3})(?: [A-Z][\w'-]*| a(?= Teapot))+")


def row_of(case: Case, end: Ending, clean: Items) -> Row:
    """Return the row of a case that ended so."""
    data_of = {Side.OTLP: _of_endpoint, Side.TOOLS: _of_tools}.get(case.side, _of_source)
    return Row(
        side=case.side.value,
        call=case.call,
        fault=case.fault,
        seen=_seen(end, clean, whole=case.side in (Side.OTLP, Side.TOOLS)),
        data=data_of(end, clean),
    )


def _seen(end: Ending, clean: Items, *, whole: bool) -> str:
    """The first annotation, as far as it is the same each time."""
    for kind, texts in (("warning", end.wrong), ("notice", end.result.notices)):
        if texts:
            text = texts[0].removeprefix("flow-telemetry: ")
            return f"{kind}: {_problem(text, clean) if whole else _clause(text)}"
    return "nothing"


def _problem(text: str, clean: Items) -> str:
    """The problem without the advice and the address; the number of all items as a word."""
    text = text.partition(". ")[0]
    for signal, noun in _NOUNS_OF_MESSAGES.items():
        text = re.sub(rf"\b{len(clean.of(signal))} (?={noun}\b)", "all ", text)
    text = re.sub(r"(?<=artifact )\d+ ", "", text)
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
    """What arrived: all, or all but what is named here, so that nothing else changes the row."""
    arrived = end.received
    if not arrived.all_spans:
        return "nothing is sent"
    missing = {
        "spans": _kinds_of_spans(clean) - _kinds_of_spans(arrived),
        "events": Counter(clean.event_names.values()) - Counter(arrived.event_names.values()),
        "points of": _names_of_points(clean) - _names_of_points(arrived),
    }
    lists = [f"{noun} {_listed(names)}" for noun, names in missing.items() if names]
    text = "delivered" + (f", but for {'; '.join(lists)}" if lists else "")
    known = arrived.traces.keys() <= clean.traces.keys()
    return text if known else f"{text}, in another trace"


def _of_tools(end: Ending, _: Items) -> str:
    """Nothing of ours is missing; see `promise.check_only_tools_added`."""
    spans, events = end.received.all_spans, end.received.logs
    relayed = any(map(is_relayed, spans)) or any(key.startswith(RELAYED) for key in events)
    return "delivered, and of the file what is left, marked" if relayed else "delivered"


def _kinds_of_spans(items: Items) -> Counter[str]:
    """Kinds, as references are of other spans in another trace."""
    references = {str(s.attributes["flow.reference"]): s for s in items.all_spans}
    return Counter(str(s.attributes["flow.entity.type"]) for s in references.values())


def _names_of_points(items: Items) -> Counter[str]:
    return Counter(key.partition(" ")[0] for key in items.metrics)


def _listed(names: Counter[str]) -> str:
    return ", ".join(f"`{n}`" + (f" ({k})" if k > 1 else "") for n, k in sorted(names.items()))
