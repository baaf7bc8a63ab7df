"""GitHub's own description of its answers, as a check that any test can use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from tests.contracts import graphql_schema
from tests.contracts.errors import ContractError

EXTRACT = Path(__file__).with_name("github-openapi.json")

Json = dict[str, Any]


def validate(method: str, path: str, payload: Any) -> None:
    """Raise ContractError unless `payload` is what GitHub answers to this method and path.

    `path` is the one of a request, without query, below the API's base URL; a path that the
    extract does not hold is an error too. A query of GraphQL is checked with its answer.
    """
    if (method, path) == ("POST", "/graphql"):
        graphql_schema.validate(payload)
        return
    template = template_of(method, path)
    problems = [
        f"{error.json_path}: {error.message[:300]}"
        for error in _validator(method, template).iter_errors(payload)
    ]
    if problems:
        shown = "\n  ".join(problems[:10])
        raise ContractError(f"{method} {path} breaks GitHub's schema of {template}:\n  {shown}")


def validate_request(method: str, path: str, payload: Any) -> None:
    """Raise ContractError unless `payload` is what GitHub takes as the body of this request."""
    extract = _extract()
    described = extract["paths"][template_of(method, path)][method.lower()]["requestBody"]
    schema: Json = described["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": extract["components"]})
    problems = [error.message[:300] for error in validator.iter_errors(payload)]
    if problems:
        raise ContractError(f"{method} {path} takes no such body: {problems}")


def undescribed(method: str, path: str, payload: Any) -> set[str]:
    """Return the properties of `payload` that GitHub's description does not know, as paths."""
    extract = _extract()
    return set(_unknown(payload, _schema(extract, method, template_of(method, path)), "$"))


def operations() -> set[tuple[str, str]]:
    """Return every method and path template of the extract that is answered with JSON."""
    return _answered("200") | _answered("201")


def redirects() -> set[tuple[str, str]]:
    """Return every method and path template of the extract that leads to where a file is kept."""
    return _answered("302")


def _answered(status: str) -> set[tuple[str, str]]:
    paths: Json = _extract()["paths"]
    return {
        (method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if status in operation["responses"]
    }


def template_of(method: str, path: str) -> str:
    """Return the path of the description that a request's path fits (ContractError: none)."""
    for known_method, template in operations() | redirects():
        if known_method == method and re.fullmatch(_pattern(template), path):
            return template
    raise ContractError(f"{method} {path} is no operation of {EXTRACT.name}")


def _pattern(template: str) -> str:
    # A path of a file has slashes of its own.
    return re.sub(r"\{[^}]+\}", "[^/]+", template.replace("{path}", ".+"))


@cache
def _extract() -> Json:
    loaded: Json = json.loads(EXTRACT.read_text(encoding="utf-8"))
    return loaded


@cache
def _validator(method: str, template: str) -> Draft202012Validator:
    extract = _extract()
    schema = {**_schema(extract, method, template), "components": extract["components"]}
    return Draft202012Validator(schema, format_checker=_FORMATS)


def _schema(extract: Json, method: str, template: str) -> Json:
    answers = extract["paths"][template][method.lower()]["responses"]
    answer = answers.get("200") or answers["201"]
    schema: Json = answer["content"]["application/json"]["schema"]
    return schema


def _unknown(value: Any, schema: Json, place: str) -> Iterator[str]:
    schema = _resolved(schema)
    if "anyOf" in schema:
        # Of several shapes, the one that describes the most.
        found = [set(_unknown(value, each, place)) for each in schema["anyOf"]]
        yield from min(found, key=len)
    elif isinstance(value, list):
        for each in value:
            yield from _unknown(each, schema.get("items", {}), f"{place}[]")
    elif isinstance(value, dict) and "properties" in schema:
        for name, each in value.items():
            if name in schema["properties"]:
                yield from _unknown(each, schema["properties"][name], f"{place}.{name}")
            elif not schema.get("additionalProperties"):
                yield f"{place}.{name}"


def _resolved(schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    schemas: Json = _extract()["components"]["schemas"]
    return _resolved(schemas[schema["$ref"].rpartition("/")[2]])


# The library's own check of these two needs packages that nothing else here does.
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    shape = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    return bool(re.fullmatch(shape, value) and datetime.fromisoformat(value[:19]))


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    # Empty where there is none: GitHub sends a deployment status without a log so.
    return not isinstance(value, str) or value == "" or bool(urlsplit(value).scheme)
