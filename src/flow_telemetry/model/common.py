"""Results, actors and repositories."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flow_telemetry import identity


class Result(Enum):
    """Results of runs, jobs and steps: the values of the convention ``cicd.pipeline.result``."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLATION = "cancellation"
    SKIP = "skip"


# https://docs.github.com/en/rest/checks/runs: `neutral` passes a required check, `stale` is set by
# GitHub after 14 days without an end, `action_required` means that no job was allowed to run.
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
    """Return the result for a conclusion of GitHub; None for a missing or unknown conclusion."""
    return RESULT_OF_CONCLUSION.get(conclusion or "")


class ActorKind(Enum):
    """Kinds of actors."""

    HUMAN = "human"
    BOT = "bot"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An account on GitHub or in a tracker that caused something."""

    login: str
    kind: ActorKind = ActorKind.HUMAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository, with the names in GitHub's API, not those that a user entered.

    ``known_as`` is the old `owner/name` from which its ids are made, if it was renamed and the user
    wants to keep the ids (setting `identity-aliases`).
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
