"""Who reads what is shown, and what is none of theirs.

In a public repository anybody reads summaries, annotations and logs. What another tracker or
another repository holds may be private, so nothing of it is shown there but its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flow_telemetry.identity import fold
from flow_telemetry.model import Change, Lineage, Parentage, Repository, WorkItem
from flow_telemetry.outcome import Exported, Outcome
from flow_telemetry.settings import RunnerContext
from flow_telemetry.telemetry import Span

_OWNER, _REPOSITORY = "vcs.owner.name", "vcs.repository.name"
_KEYS = ("flow.work_item.key", "flow.feature.key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Those who can read what is shown: ``everybody``, or those who may read ``home``.

    ``home`` is the repository whose workflow it is, as owner/name; what it holds is theirs to read.
    """

    home: str = ""
    everybody: bool = False

    def may_read(self, repository: Repository | None) -> bool:
        """Return whether they may read what the repository holds; None stands for a tracker."""
        if not self.everybody:
            return True
        return repository is not None and fold(repository.full_name) == fold(self.home)


def audience_of(runner: RunnerContext, event: Mapping[str, object]) -> Audience:
    """Return who reads what is shown, by the payload of the event that started the workflow.

    Outside of a run that is who started the program. A repository of which the payload does not say
    that it is private, or internal to an enterprise, counts as public.
    https://docs.github.com/en/webhooks/webhook-events-and-payloads
    """
    home = runner.repository or ""
    if runner.run_id is None:
        return Audience(home=home)
    told = event.get("repository")
    repository = told if isinstance(told, Mapping) else {}
    closed = repository.get("private") is True or repository.get("visibility") in (
        "private",
        "internal",
    )
    return Audience(home=home, everybody=not closed)


def fit_for(audience: Audience, outcome: Outcome) -> Outcome:
    """Return the outcome with no more of others than their keys, where everybody reads it."""
    if not audience.everybody:
        return outcome
    exported = outcome.exported
    return replace(
        outcome,
        exported=None if exported is None else _exported(audience, exported),
        further=tuple(_exported(audience, each) for each in outcome.further),
    )


def _exported(audience: Audience, exported: Exported) -> Exported:
    above = exported.parentage
    shown = replace(
        exported,
        lineage=lineage_for(audience, exported.lineage),
        parentage=None if above is None else _parentage(audience, above),
    )
    return shown if _is_home(audience, exported) else _by_key_alone(shown)


def _is_home(audience: Audience, exported: Exported) -> bool:
    about = exported.run or exported.change or exported.item
    return about is None or audience.may_read(about.repository)


def _by_key_alone(exported: Exported) -> Exported:
    item = exported.item
    name = item.key if item is not None else exported.reference
    return replace(exported, title=name, run=None, change=None, item=None, parentage=None)


def _parentage(audience: Audience, above: Parentage) -> Parentage:
    change = above.change
    return replace(
        above,
        change=None if change is None else _change(audience, change),
        others=tuple(_change(audience, each) for each in above.others),
    )


def _change(audience: Audience, change: Change) -> Change:
    if audience.may_read(change.repository):
        return change
    return Change(repository=change.repository, number=change.number)


def lineage_for(audience: Audience, lineage: Lineage) -> Lineage:
    """Return a lineage in which others' items have nothing but their keys."""
    return replace(
        lineage,
        items=_items(audience, lineage.items),
        above=_items(audience, lineage.above),
        others=_items(audience, lineage.others),
    )


def _items(audience: Audience, items: Iterable[WorkItem]) -> tuple[WorkItem, ...]:
    return tuple(
        each
        if audience.may_read(each.repository)
        else WorkItem(tracker=each.tracker, key=each.key, reference=each.reference, read=each.read)
        for each in items
    )


def spans_for(audience: Audience, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans to be drawn, others' under their keys alone."""
    return tuple(_span(audience, each) for each in spans)


def _span(audience: Audience, span: Span) -> Span:
    of = span.resource.attributes
    place = f"{of.get(_OWNER, '')}/{of.get(_REPOSITORY, '')}"
    if not audience.everybody or fold(place) == fold(audience.home):
        return span
    keys = (span.attributes.get(name) for name in _KEYS)
    name = next((key for key in keys if isinstance(key, str)), "(not shown)")
    return replace(span, name=name, error=None if span.error is None else "failed", attributes={})
