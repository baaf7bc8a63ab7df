"""The resources of spans: only what every sender of one entity knows alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flow_telemetry.model import Change, Deployment, Repository, Run, WorkItem
from flow_telemetry.signals import limits, semconv
from flow_telemetry.signals.limits import Maybe
from flow_telemetry.telemetry import Resource

RUN_SERVICE = "github-actions"
CHANGE_SERVICE = "github"
COMMAND_SERVICE = "flow-telemetry"
_ITEM_SERVICES = {"github": "github-issues"}
# Those of GitHub's things, whose names are made of nothing.
FIXED_SERVICES = frozenset({RUN_SERVICE, CHANGE_SERVICE, *_ITEM_SERVICES.values()})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceMaker:
    """Makes the resources of one export, one object for each that is equal.

    ``service_name`` replaces the run's service and may hold `{repository}` and `{workflow}`;
    ``extra`` are the user's own attributes of runs, which never replace ours.
    """

    service_name: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    namespace: str = ""
    _made: dict[tuple[str, ...], Resource] = field(default_factory=dict, repr=False)

    def of_run(self, run: Run) -> Resource:
        """Return the resource of a run's spans."""
        return self.of_workflow(run.repository, run.workflow)

    def of_workflow(self, repository: Repository, workflow: str) -> Resource:
        """Return the resource of the spans of any run of a workflow."""
        name = (self.service_name or RUN_SERVICE).replace("{repository}", repository.full_name)
        name = name.replace("{workflow}", workflow)
        further = tuple((key, str(value)) for key, value in self.extra.items())
        return self._of_repository(name, repository, further)

    def of_nothing(self) -> Resource:
        """Return the resource of what stands in no repository: a command outside of any run."""
        further = tuple((key, str(value)) for key, value in self.extra.items())
        return self._resource(self.service_name or COMMAND_SERVICE, (), further)

    def of_change(self, change: Change) -> Resource:
        """Return the resource of a change's spans, and of what delivers it."""
        return self._of_repository(CHANGE_SERVICE, change.repository, ())

    def of_deployment(self, deployment: Deployment) -> Resource:
        """Return the resource of what is told of a deployment, whatever it delivers."""
        return self._of_repository(CHANGE_SERVICE, deployment.repository, ())

    def of_item(self, item: WorkItem) -> Resource:
        """Return the resource of an item's spans: its tracker's."""
        name = _ITEM_SERVICES.get(item.tracker, item.tracker)
        if item.repository is not None:
            return self._of_repository(name, item.repository, ())
        return self._made.setdefault((name,), self._resource(name, (), ()))

    def _of_repository(
        self, name: str, repository: Repository, further: tuple[tuple[str, Maybe], ...]
    ) -> Resource:
        of_repository = (
            (semconv.VCS_PROVIDER_NAME, "github"),
            (semconv.VCS_OWNER_NAME, repository.owner),
            (semconv.VCS_REPOSITORY_NAME, repository.name),
            (semconv.VCS_REPOSITORY_URL_FULL, repository.url),
        )
        key = (name, repository.reference, *map(str, further))
        if key not in self._made:
            self._made[key] = self._resource(name, of_repository, further)
        return self._made[key]

    def _resource(
        self,
        name: str,
        of_repository: tuple[tuple[str, Maybe], ...],
        further: tuple[tuple[str, Maybe], ...],
    ) -> Resource:
        own = (
            (semconv.SERVICE_NAME, name),
            *of_repository,
            (semconv.FLOW_NAMESPACE, self.namespace),
        )
        return Resource(attributes={**limits.attributes(further), **limits.attributes(own)})
