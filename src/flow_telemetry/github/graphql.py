"""Responses of GitHub's GraphQL API, which may contain data and errors.

https://docs.github.com/en/graphql/guides/forming-calls-with-graphql
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flow_telemetry.errors import AccessDeniedError, PayloadError, UnavailableError
from flow_telemetry.github.errors import PERMISSIONS_HINT
from flow_telemetry.github.permissions import permission_of_field
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload

_ENTERPRISE_REST = "/api/v3"
_SHOWN = 200


def graphql_url(api_url: str) -> str:
    """Return the address of the GraphQL API beside a REST API.

    It is not read from GITHUB_GRAPHQL_URL, so that the token goes to one server only.
    """
    if api_url.endswith(_ENTERPRISE_REST):
        return api_url.removesuffix("/v3") + "/graphql"
    return f"{api_url}/graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlResponse:
    """The data of a response, and the messages of its errors, for which the data has nulls.

    ``denied`` is whether the token may not read a part of the data, ``permissions`` what it lacks
    if that is the only error, ``is_lasting`` whether another try would give the same.
    ``error_paths`` say where the nulls are; an empty path is anywhere.
    """

    data: Payload
    errors: tuple[str, ...] = ()
    denied: bool = False
    permissions: tuple[str, ...] = ()
    is_lasting: bool = True
    error_paths: tuple[tuple[str | int, ...], ...] = ()


class OlderSchemaError(UnavailableError):
    """The schema of the server, an older Enterprise Server, lacks something in the query.

    ``names`` are fields (`Issue.parent`), types (`BlockedByAddedEvent`) and arguments
    (`stateReason(enableDuplicate)`).
    """

    def __init__(self, text: str, names: frozenset[str]) -> None:
        super().__init__(text)
        self.names = names


def parse_graphql_response(payload: Any, what: str) -> GraphqlResponse:
    """Return the data of a response, which may be incomplete.

    Raises:
        SourceError: there is no data.
    """
    if not isinstance(payload, dict):
        raise PayloadError(f"GitHub returned something other than a JSON object for {what}")
    data, errors = payload.get("data"), list(read.children(payload, "errors"))
    if isinstance(data, dict):
        return GraphqlResponse(
            data=data,
            errors=tuple(dict.fromkeys(map(_message, errors))),
            denied=any(map(_is_denied, errors)),
            permissions=_missing(errors),
            is_lasting=all(_is_denied(each) or _is_unknown(each) for each in errors),
            error_paths=tuple(map(_path_of, errors)),
        )
    first: Payload = errors[0] if errors else {}
    message = f" ({_message(first)})" if first else ""
    unsupported = frozenset(filter(None, map(_unsupported_name, errors)))
    if unsupported:
        text = f"this GitHub server is too old for {what}{message}"
        raise OlderSchemaError(text, unsupported)
    if _is_denied(first):
        text = f"the token may not read {what}{message}. {PERMISSIONS_HINT}"
        raise AccessDeniedError(text, _missing(errors))
    raise UnavailableError(f"GitHub could not give {what}{message}")


def _is_denied(error: Payload) -> bool:
    return read.text(error, "type") in ("FORBIDDEN", "INSUFFICIENT_SCOPES")


def _missing(errors: list[Payload]) -> tuple[str, ...]:
    """The permissions that the token lacks; empty if one is unknown or an error is another."""
    names = [permission_of_field(error) if _is_denied(error) else "" for error in errors]
    return tuple(dict.fromkeys(names)) if all(names) else ()


def _path_of(error: Payload) -> tuple[str | int, ...]:
    path = error.get("path")
    return tuple(path) if isinstance(path, list) else ()


def _is_unknown(error: Payload) -> bool:
    return read.text(error, "type") == "NOT_FOUND"


def _unsupported_name(error: Payload) -> str | None:
    """The name that the schema lacks, by an error of GitHub's GraphQL library; else None."""
    extensions = read.child(error, "extensions")
    code, type_name = read.text(extensions, "code"), read.text(extensions, "typeName")
    if code == "undefinedField":
        return f"{type_name}.{read.text(extensions, 'fieldName')}"
    if code == "argumentNotAccepted":
        return f"{read.text(extensions, 'name')}({read.text(extensions, 'argumentName')})"
    return type_name if code == "undefinedType" else None


def _message(error: Payload) -> str:
    message = read.text(error, "message") or "an error without a message"
    return "".join(c if c.isprintable() else " " for c in message)[:_SHOWN]
