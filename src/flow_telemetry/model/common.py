"""What all records share: results, actors and repositories."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flow_telemetry import identity


class Result(Enum):
    """How something ended: the values of the convention's ``cicd.pipeline.result``."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLATION = "cancellation"
    SKIP = "skip"


# https://docs.github.com/en/rest/checks/runs: `neutral` passes a required check, `stale` is set by
# GitHub after 14 days without an end, `action_required` means that nothing was allowed to run.
RESULT_OF_CONCLUSION = {
    "success": Result.SUCCESS,
    "neutral": Result.SUCCESS,
    "failure": Result.FAILURE,
    "startup_failure": Result.ERROR,
    "timed_out": Result.TIMEOUT,
    "cancelled": Result.CANCELLATION,
    "stale": Result.CANCELLATION,
    "skipped": Result.SKIP,
    "action_required": Result.SKIP,
}


def result_of(conclusion: str | None) -> Result | None:
    """Return what a conclusion of GitHub means; None while there is none or it is unknown."""
    return RESULT_OF_CONCLUSION.get(conclusion or "")


class ActorKind(Enum):
    """Who acted."""

    HUMAN = "human"
    BOT = "bot"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who acted on GitHub: the login, and what kind of actor it is."""

    login: str
    kind: ActorKind = ActorKind.HUMAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository by the names that GitHub's API gives it, never as somebody typed them.

    ``known_as`` is the `owner/name` that its ids are made from where it was renamed and the user
    asked to keep the old ones (input `identity-aliases`).
    """

    host: str
    owner: str
    name: str
    url: str
    known_as: str | None = None

    @property
    def full_name(self) -> str:
        """Owner and name, ``acme/shop``."""
        return f"{self.owner}/{self.name}"

    @property
    def reference(self) -> str:
        """The start of the flow reference of everything in this repository."""
        return identity.repository_reference(self.host, self.known_as or self.full_name)
