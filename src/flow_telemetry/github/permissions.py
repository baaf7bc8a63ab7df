"""Permissions of a token: what each adds to an export, and those that it turned out to lack.

A token without a permission is a choice of the user, and no failure: what it leaves out is one
notice at the end of an export, in place of a warning for each refused request.

https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flow_telemetry.http.payload import Payload

# By the names in `permissions:` of a workflow.
PERMISSIONS = {
    "actions": "runs, jobs and steps",
    "checks": "why jobs failed",
    "contents": "commits of a push or deployment",
    "deployments": "deployments and waits for approval",
    "issues": "stories and features above pull requests",
    "pull-requests": "the pull request of a run, which is the root of its trace",
}
# GraphQL names no permission, but the field that it refused. The last one of a path decides.
_OF_FIELDS = {
    **dict.fromkeys(
        ("closingIssuesReferences", "issue", "issues", "parent", "subIssues"), "issues"
    ),
    **dict.fromkeys(("associatedPullRequests", "pullRequest", "pullRequests"), "pull-requests"),
    **dict.fromkeys(("deployment", "deployments", "environments"), "deployments"),
    **dict.fromkeys(("commits", "defaultBranchRef", "history", "object", "ref"), "contents"),
    **dict.fromkeys(("annotations", "checkSuite"), "checks"),
}


def parse_accepted(header: str) -> list[list[str]]:
    """Return the alternatives in `x-accepted-github-permissions`, each as a list of permissions.

    Semicolons separate alternatives; a list between semicolons is needed as a whole:
    https://github.blog/changelog/2023-08-10-x-accepted-github-permissions-header-for-fine-grained-permission-actors
    """
    alternatives = header.replace("_", "-").replace("=", ": ").split(";")
    sets = ([name.strip() for name in names.split(",")] for names in alternatives)
    return [names for names in sets if names != [""]]


def permission_of_field(error: Payload) -> str:
    """Return the permission that a GraphQL error of the type FORBIDDEN is about, or an empty text.

    The error's path has the keys to the refused field, and numbers of nodes.
    """
    path = error.get("path")
    keys = [key for key in path if isinstance(key, str)] if isinstance(path, list) else []
    known = [_OF_FIELDS[key] for key in keys if key in _OF_FIELDS]
    return f"{known[-1]}: read" if known else ""


@dataclass(slots=True)
class Denials:
    """The messages of refusals for lack of a permission, each with the permissions it lacks."""

    permissions: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def note(self, message: str, permissions: Iterable[str]) -> None:
        """Add a message about permissions such as `checks: read`, if they are known.

        A message stays as it is if it is about something to write, or about `actions: read`, which
        the token has if anything is exported: a setting asked for that, such as `logs`.
        """
        names = tuple(permissions)
        if names and all(name.endswith(": read") and name != "actions: read" for name in names):
            self.permissions[message] = names

    def of_text(self, text: str) -> tuple[str, ...]:
        """Return the permissions that a text is about, which contains one of the messages."""
        # A copy: other threads may be reading.
        noted = list(self.permissions.items())
        return next((names for message, names in noted if message in text), ())


def describe_missing(permissions: Iterable[str], *, of_run: bool) -> str:
    """Return a notice about the permissions, such as `checks: read`, that a token lacks.

    ``of_run`` is whether it is about a run, which can be exported without the others.
    """
    names = sorted(set(permissions))
    listed = [f"`{name}`{_addition(name)}" for name in names]
    text = ", ".join(listed[:-1]) + (" and " if listed[1:] else "") + listed[-1]
    alternative = ", or set `trace-scope: run` if runs alone are enough" if of_run else ""
    return (
        f"the token lacks {text}. Add to the `permissions:` of the job, or to those of its GitHub "
        f"App, what you miss{alternative}"
    )


def _addition(permission: str) -> str:
    addition = PERMISSIONS.get(permission.partition(":")[0])
    return f" ({addition})" if addition else ""
