"""Measurements of an export's requests to GitHub, and of what the token's rate limits leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping.metrics import build_points
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Change, Repository
from flow_telemetry.model.api_usage import ApiUsage
from flow_telemetry.telemetry import Measurement


def usage_measurements(
    usage: Iterable[ApiUsage],
    repository: Repository,
    resources: ResourceMaker,
    at: datetime,
    *,
    subject: str,
    before: Iterable[ApiUsage] = (),
) -> Iterator[Measurement]:
    """Yield the requests to each API since ``before``, and what was left of its limit ``at`` then.

    ``subject`` is the kind of what was exported.
    """
    sent_before = {each.api: each.requests for each in before}
    resource = resources.of_change(Change(repository=repository, number=0))
    time = limits.nanoseconds(at)
    for each in usage:
        attributes = (
            (names.REPOSITORY, repository.full_name),
            (names.API, each.api.value),
            (names.EXPORT_SUBJECT, subject),
        )
        points = build_points(resource, attributes, ())
        requests = each.requests - sent_before.get(each.api, 0)
        yield from points.of(table.API_REQUESTS, requests or None)
        left = each.rate_limit.left if each.rate_limit is not None else None
        for measurement in points.of(table.RATE_LIMIT_REMAINING, left):
            # A sample: it was true at this time, whenever the point is delivered.
            yield replace(measurement, period=(time, time))
