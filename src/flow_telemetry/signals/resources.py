"""The resources of spans: only what every sender of one entity knows alike."""

from __future__ import annotations

from collections.abc import Mapping

from flow_telemetry.model import Run
from flow_telemetry.signals import limits, semconv
from flow_telemetry.telemetry import Resource

RUN_SERVICE = "github-actions"


def run_resource(
    run: Run, *, service_name: str | None, extra: Mapping[str, object], namespace: str
) -> Resource:
    """Return the resource of a run's spans.

    ``service_name`` may hold `{repository}` and `{workflow}`; ``extra`` are the user's own
    attributes, which never replace ours.
    """
    name = (service_name or RUN_SERVICE).replace("{repository}", run.repository.full_name)
    own = (
        (semconv.SERVICE_NAME, name.replace("{workflow}", run.workflow)),
        (semconv.VCS_PROVIDER_NAME, "github"),
        (semconv.VCS_OWNER_NAME, run.repository.owner),
        (semconv.VCS_REPOSITORY_NAME, run.repository.name),
        (semconv.VCS_REPOSITORY_URL_FULL, run.repository.url),
        (semconv.FLOW_NAMESPACE, namespace),
    )
    further = tuple((key, str(value)) for key, value in extra.items())
    return Resource(attributes={**limits.attributes(further), **limits.attributes(own)})
