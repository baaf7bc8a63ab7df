"""What is particular to GitHub's GraphQL API: its address, and answers that hold errors.

https://docs.github.com/en/graphql/guides/forming-calls-with-graphql
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flow_telemetry.errors import AccessDeniedError, PayloadError, SourceError, UnavailableError
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.payload import Payload

_ENTERPRISE_REST = "/api/v3"
_SHOWN = 200


def graphql_url(api_url: str) -> str:
    """Return the address of the GraphQL API beside a REST API.

    It is derived and not read from GITHUB_GRAPHQL_URL, so that a token goes to one server only.
    """
    if api_url.endswith(_ENTERPRISE_REST):
        return api_url.removesuffix("/v3") + "/graphql"
    return f"{api_url}/graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlAnswer:
    """The data of an answer, and what the errors beside it say: those left nulls in the data.

    ``denied`` tells that the token may not read a part of it.
    """

    data: Payload
    errors: tuple[str, ...] = ()
    denied: bool = False


class OlderSchemaError(UnavailableError):
    """The server's schema lacks something that the query names: an older Enterprise Server.

    ``names`` are fields (`Issue.parent`), types (`BlockedByAddedEvent`) and arguments
    (`stateReason(enableDuplicate)`).
    """

    def __init__(self, text: str, names: frozenset[str]) -> None:
        super().__init__(text)
        self.names = names


def graphql_answer(payload: Any, what: str) -> GraphqlAnswer:
    """Return what an answer holds, used as far as it goes.

    Raises:
        SourceError: there is no data.
    """
    if not isinstance(payload, dict):
        raise PayloadError(f"GitHub's answer on {what} is no object; it is damaged")
    data = payload.get("data")
    if isinstance(data, dict):
        errors = list(read.children(payload, "errors"))
        return GraphqlAnswer(
            data=data,
            errors=tuple(dict.fromkeys(_message(each) for each in errors)),
            denied=any(_is_denied(each) for each in errors),
        )
    raise _error(payload, what)


def _error(payload: Payload, what: str) -> SourceError:
    first = next(read.children(payload, "errors"), {})
    said = f" ({_message(first)})" if first else ""
    lacking = frozenset(filter(None, map(_lacking, read.children(payload, "errors"))))
    if lacking:
        return OlderSchemaError(f"this GitHub server is too old to give {what}{said}", lacking)
    if _is_denied(first):
        return AccessDeniedError(f"the token may not read {what}{said}: check its permissions")
    return UnavailableError(f"GitHub could not give {what}{said}")


def _is_denied(error: Payload) -> bool:
    return read.text(error, "type") in ("FORBIDDEN", "INSUFFICIENT_SCOPES")


def _lacking(error: Payload) -> str | None:
    """What the schema lacks by an error of GitHub's GraphQL library; None for other errors."""
    said = read.child(error, "extensions")
    code, type_name = read.text(said, "code"), read.text(said, "typeName")
    if code == "undefinedField":
        return f"{type_name}.{read.text(said, 'fieldName')}"
    if code == "argumentNotAccepted":
        return f"{read.text(said, 'name')}({read.text(said, 'argumentName')})"
    return type_name if code == "undefinedType" else None


def _message(error: Payload) -> str:
    message = read.text(error, "message") or "an error without a message"
    return "".join(c if c.isprintable() else " " for c in message)[:_SHOWN]
