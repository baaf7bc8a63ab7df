"""Requests for a public spool: their public data only, by the tables of `privacy.audience`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.bodies import format_body
from flow_telemetry.otlp.lines import LAYERS, OtlpRequest, encode_request
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.privacy.audience import (
    FAILED,
    NOT_SHOWN,
    Audience,
    is_public_in_points,
    public_attributes,
    public_resource_attributes,
)
from flow_telemetry.telemetry import OPENING, EncodedRequest, Resource, Signal


class PublicRedactor:
    """Reduces requests for their audience, as the spool needs it."""

    def __init__(self, audience: Audience) -> None:
        """Take the audience; requests are reduced only for the public."""
        self._audience = audience
        self._placeholders: dict[str, str] = {}

    def may_keep(self, request: EncodedRequest) -> bool:
        """Return whether a request of tools can be written into the spool."""
        return self._audience.may_read_request(request)

    def reduce(self, request: EncodedRequest) -> EncodedRequest:
        """Return a request of this program with its public data only.

        Raises:
            ValueError: it is not a request of its signal.
        """
        decoded = OtlpRequest(signal=request.signal, message=decode_request(request))
        for group in getattr(decoded.message, LAYERS[request.signal][0]):
            resource = Resource(attributes=_texts(group.resource.attributes))
            if not self._audience.may_read_resource(resource):
                self._reduce_group(request.signal, group)
        return encode_request(decoded, request.repository)

    def _reduce_group(self, signal: Signal, group: Any) -> None:
        # A field that this version does not know may hold anything.
        group.DiscardUnknownFields()
        public = public_resource_attributes(_texts(group.resource.attributes))
        _keep_attributes(group.resource.attributes, public)
        _, scopes, items = LAYERS[signal]
        for scope in getattr(group, scopes):
            del scope.scope.attributes[:]
            for item in getattr(scope, items):
                if signal is Signal.TRACES:
                    _reduce_span(item)
                elif signal is Signal.LOGS:
                    _reduce_record(item)
                else:
                    self._reduce_metric(item)

    def _reduce_metric(self, metric: Any) -> None:
        """Number the values that are hidden, so that series that differed still differ."""
        del metric.metadata[:]
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points if kind else ():
            for pair in point.attributes:
                if not is_public_in_points(pair.key):
                    placeholder = self._find_placeholder(pair.value.SerializeToString().hex())
                    pair.value.Clear()
                    pair.value.string_value = placeholder
            # Summaries have no exemplars.
            for exemplar in getattr(point, "exemplars", ()):
                del exemplar.filtered_attributes[:]

    def _find_placeholder(self, key: str) -> str:
        number = len(self._placeholders) + 1
        placeholder = NOT_SHOWN if number == 1 else f"{NOT_SHOWN} {number}"
        return self._placeholders.setdefault(key, placeholder)


def _reduce_span(span: Any) -> None:
    public = _select_public(span.attributes)
    # The name of an opening span has its reference only, and has to be the same in every export.
    if public.get(OPENING[0]) != OPENING[1]:
        span.name = public.get(semconv.FLOW_REFERENCE, NOT_SHOWN)
    _keep_attributes(span.attributes, public)
    del span.events[:]
    span.trace_state = ""
    for link in span.links:
        link.trace_state = ""
        _keep_attributes(link.attributes, _select_public(link.attributes))
    if span.status.message:
        span.status.message = FAILED


def _reduce_record(record: Any) -> None:
    public = _select_public(record.attributes)
    _keep_attributes(record.attributes, public)
    # The body of an event is made again of what is left; a line of a log has no public part.
    record.ClearField("body")
    if body := format_body(record.event_name, public):
        record.body.string_value = body


def _texts(attributes: Any) -> dict[str, str]:
    """Return the attributes that are texts."""
    return {
        pair.key: pair.value.string_value
        for pair in attributes
        if pair.value.WhichOneof("value") == "string_value"
    }


def _select_public(attributes: Any) -> dict[str, str]:
    """Return the public attributes, with an empty text for values of other types."""
    return public_attributes({pair.key: pair.value.string_value for pair in attributes})


def _keep_attributes(attributes: Any, public: Mapping[str, str]) -> None:
    """Remove all attributes that are not public, in place, and set the texts of the others."""
    for number in reversed(range(len(attributes))):
        pair = attributes[number]
        if pair.key not in public:
            del attributes[number]
        elif pair.value.WhichOneof("value") == "string_value":
            pair.value.string_value = public[pair.key]
