"""Atlassian's own description of Jira Cloud's answers, as a check that any test can use."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from tests.contracts.errors import ContractError

EXTRACT = Path(__file__).with_name("jira-openapi.json")

Json = dict[str, Any]


def validate(method: str, path: str, payload: Any) -> None:
    """Raise ContractError unless `payload` is what Jira Cloud answers to this method and path.

    A path that the extract does not hold is an error too.
    """
    template = template_of(method, path)
    problems = [
        f"{error.json_path}: {error.message[:300]}"
        for error in _validator(template).iter_errors(payload)
    ]
    if problems:
        shown = "\n  ".join(problems[:10])
        raise ContractError(f"{method} {path} breaks Jira's schema of {template}:\n  {shown}")


def templates() -> set[str]:
    """Return every path template of the extract."""
    return set(_extract()["paths"])


def template_of(method: str, path: str) -> str:
    """Return the path of the description that a request's path fits (ContractError: none)."""
    # Both versions of the API describe the server alike.
    described = path.replace("/rest/api/2/serverInfo", "/rest/api/3/serverInfo")
    for template in templates():
        if method == "GET" and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), described):
            return template
    raise ContractError(f"{method} {path} is no operation of {EXTRACT.name}")


@cache
def _extract() -> Json:
    loaded: Json = json.loads(EXTRACT.read_text(encoding="utf-8"))
    return loaded


@cache
def _validator(template: str) -> Draft202012Validator:
    extract = _extract()
    answer = extract["paths"][template]["get"]["responses"]["200"]
    schema: Json = answer["content"]["application/json"]["schema"]
    with_parts = {**schema, "components": extract["components"]}
    return Draft202012Validator(with_parts, format_checker=_FORMATS)


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    """Whether it is a time as Jira writes it, which leaves out the colon of the offset."""
    if not isinstance(value, str):
        return True
    shape = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}"
    return bool(re.fullmatch(shape, value) and datetime.fromisoformat(value[:19]))
