"""The rulesets that RELEASING.md tells to import, judged as GitHub judges a push."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.support.workflows import ROOT, load

FILES = sorted((ROOT / ".github" / "rulesets").glob("*.json"))
RULESETS: list[dict[str, Any]] = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]
# Who may push: GitHub's role 5 is the administrator, a deploy key has no number
# (https://docs.github.com/rest/repos/rules#create-a-repository-ruleset).
ADMIN = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
KEY = {"actor_id": None, "actor_type": "DeployKey", "bypass_mode": "always"}
# A maintainer, a workflow's GITHUB_TOKEN: nobody whom a bypass names.
WRITER: dict[str, Any] = {}
# The identity of GitHub Actions, so that no other app can report the check.
GITHUB_ACTIONS = 15368


def matches(pattern: str, ref: str) -> bool:
    """Match as Ruby's File.fnmatch with FNM_PATHNAME: `*` stops at `/`, `**/` does not."""
    if pattern == "~DEFAULT_BRANCH":
        return ref == "refs/heads/main"
    parts = {"**/": "(?:[^/]+/)*", "*": "[^/]*"}
    expression = re.sub(
        r"\*\*/|\*|[^*]+", lambda part: parts.get(part[0], re.escape(part[0])), pattern
    )
    return re.fullmatch(expression, ref) is not None


def allowed(ref: str, change: str, who: dict[str, Any]) -> bool:
    """Return whether all rulesets let someone create, update, move or delete a ref."""
    broken = {"move": {"update", "non_fast_forward", "pull_request"}}
    broken |= {"update": {"update", "pull_request"}}
    rules = broken.get(change, {change})
    target = "tag" if ref.startswith("refs/tags/") else "branch"
    return not any(
        {rule["type"] for rule in each["rules"]} & rules
        for each in RULESETS
        if each["target"] == target
        and each["enforcement"] == "active"
        and any(matches(one, ref) for one in each["conditions"]["ref_name"]["include"])
        and who not in each["bypass_actors"]
    )


@pytest.mark.parametrize(
    ("ref", "change", "who"),
    [
        ("refs/tags/v1.2.3", "creation", [KEY]),
        ("refs/tags/v1.2.3", "update", []),
        ("refs/tags/v1.2.3", "move", []),
        ("refs/tags/v1.2.3", "deletion", []),
        ("refs/tags/v1.2.3rc1", "move", []),
        ("refs/tags/v1", "creation", [KEY]),
        ("refs/tags/v1", "move", [KEY]),
        ("refs/tags/v1", "deletion", [KEY]),
        ("refs/tags/v2-beta", "creation", [KEY]),
        ("refs/tags/v1/x", "creation", [KEY]),
        ("refs/tags/release/v1.2.3", "creation", [ADMIN]),
        ("refs/tags/release/v1.2.3", "move", []),
        ("refs/tags/release/v1.2.3", "deletion", []),
        ("refs/heads/main", "update", []),
        ("refs/heads/main", "move", []),
        ("refs/heads/main", "deletion", []),
        ("refs/heads/release/1.x", "update", []),
        ("refs/heads/release/1.x", "move", []),
        ("refs/heads/release/1.x", "deletion", []),
        # `uses: …@v1` would otherwise have two meanings.
        ("refs/heads/v1", "creation", []),
        ("refs/heads/v1.2.3", "creation", []),
        # What the workflow proposes, and what everyone works on, is free.
        ("refs/heads/pin-1.2.3", "creation", [ADMIN, KEY, WRITER]),
        ("refs/heads/topic", "move", [ADMIN, KEY, WRITER]),
    ],
)
def test_who_may_change_a_ref(ref: str, change: str, who: list[dict[str, Any]]) -> None:
    """The tags that users name are made by the release's key alone, and versions are final."""
    assert [each for each in (ADMIN, KEY, WRITER) if allowed(ref, change, each)] == who


@pytest.mark.parametrize(
    ("pattern", "ref", "fits"),
    [
        ("refs/tags/v*", "refs/tags/v1", True),
        ("refs/tags/v*", "refs/tags/release/v1", False),
        ("refs/tags/v*", "refs/tags/v1/x", False),
        ("refs/heads/release/**/*", "refs/heads/release/1.x", True),
        ("refs/heads/release/**/*", "refs/heads/release/a/b", True),
    ],
)
def test_patterns_match_as_githubs(pattern: str, ref: str, fits: bool) -> None:
    """As https://docs.github.com says of fnmatch in rulesets."""
    assert matches(pattern, ref) is fits


@pytest.mark.parametrize("each", RULESETS, ids=[path.stem for path in FILES])
def test_each_can_be_imported(each: dict[str, Any]) -> None:
    """It has the fields that GitHub's API takes, and the rules of its kind."""
    assert set(each) == {
        *("name", "target", "enforcement", "conditions", "rules", "bypass_actors"),
    }
    assert each["enforcement"] == "active"
    assert set(each["conditions"]["ref_name"]) == {"include", "exclude"}
    prefix = {"tag": "refs/tags/", "branch": "refs/heads/"}[each["target"]]
    includes = each["conditions"]["ref_name"]["include"]
    assert all(one.startswith((prefix, "~DEFAULT_BRANCH")) for one in includes)
    simple = {"creation", "update", "deletion", "non_fast_forward"}
    for rule in each["rules"]:
        assert (rule["type"] in simple) == (set(rule) == {"type"})
    assert [actor for actor in each["bypass_actors"] if actor not in (ADMIN, KEY)] == []


def test_main_waits_for_the_check_that_ci_reports() -> None:
    """The one job of ci.yml that needs all others, reported by GitHub Actions and by no other."""
    jobs = load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]
    (checks,) = (
        rule["parameters"]["required_status_checks"]
        for each in RULESETS
        for rule in each["rules"]
        if rule["type"] == "required_status_checks"
    )
    assert checks == [{"context": jobs["all-green"]["name"], "integration_id": GITHUB_ACTIONS}]


def test_releasing_names_each() -> None:
    """Whoever sets up the repository imports all of them."""
    page = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    assert "gh api" in page
    assert [path.name for path in FILES if f"`{path.name}`" not in page] == []
