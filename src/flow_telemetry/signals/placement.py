"""Where a run stands: which trace its spans are in, below which span, and what they link to."""

from __future__ import annotations

from dataclasses import dataclass

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.model import Change, Parentage, Run
from flow_telemetry.settings import TraceScope
from flow_telemetry.signals import semconv
from flow_telemetry.telemetry import SpanLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """The feature that a run belongs to: its flow reference, and its key as people read it."""

    reference: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The trace of a run. ``parent`` is the reference of the span above the run's, or None.

    ``trace_id`` repeats the trace's id, so that it is hashed once and not for every span.
    """

    trace: TraceIdentity
    trace_id: str
    parent: str | None
    parentage: Parentage
    feature_key: str | None = None
    links: tuple[SpanLink, ...] = ()


def place(
    run: Run, parentage: Parentage, *, scope: TraceScope, namespace: str, feature: Feature | None
) -> Placement:
    """Return where a run stands under a trace scope.

    Links lead to other traces only: some backends draw one inside a trace as if it were a parent.
    A run without a pull request is a root of its own, unless the scope is the feature.
    """
    root, parent = _root_and_parent(run, parentage, scope, feature)
    trace = TraceIdentity(root=root, namespace=namespace)
    links = [
        _link(_change_trace(change, namespace), change.reference, "change")
        for change in parentage.others
    ]
    if feature is not None:
        feature_trace = TraceIdentity(root=feature.reference, namespace=namespace)
        links.insert(0, _link(feature_trace, run.reference, "feature"))
    return Placement(
        trace=trace,
        trace_id=trace.trace_id,
        parent=parent,
        parentage=parentage,
        feature_key=feature.key if feature else None,
        links=tuple(link for link in links if link.trace_id != trace.trace_id),
    )


def _root_and_parent(
    run: Run, parentage: Parentage, scope: TraceScope, feature: Feature | None
) -> tuple[str, str | None]:
    change = parentage.change
    if scope is TraceScope.FEATURE and feature is not None:
        # A run after the merge stands beside the pull request, under what that belongs to.
        beside = change is None or parentage.after_merge
        return (
            feature.reference,
            feature.reference if beside or change is None else change.reference,
        )
    if scope is TraceScope.RUN or change is None:
        return run.reference, None
    return change.reference, change.reference


def _change_trace(change: Change, namespace: str) -> TraceIdentity:
    return TraceIdentity(root=change.reference, namespace=namespace)


def _link(trace: TraceIdentity, reference: str, why: str) -> SpanLink:
    return SpanLink(
        trace_id=trace.trace_id,
        span_id=trace.span_id(reference),
        attributes={semconv.FLOW_LINK: why},
    )
