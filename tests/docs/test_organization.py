"""The guide for an organization: its files are safe, and fit the reusable workflow."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.docs.test_ready_file import zizmor
from tests.docs.test_troubleshooting_document import SAID
from tests.support.central import CALLED, CALLER, CALLER_TEXT, GUIDE
from tests.support.workflows import (
    ACTION,
    ORGANIZATION,
    ROOT,
    load,
    schema_errors,
)

from flow_telemetry.rules.shards import PARALLEL_SHARDS

(CALL,) = CALLER["jobs"].values()
INTERFACE = CALLED["on"]["workflow_call"]
READS = {"actions", "checks", "contents", "deployments", "issues", "pull-requests"}
OF_THE_ACTION = load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
STEPS = {
    name: {step["name"]: step for step in job["steps"]} for name, job in CALLED["jobs"].items()
}


def test_the_file_calls_the_workflow_of_the_same_release() -> None:
    repository, _, version = ACTION.partition("@")
    path = ORGANIZATION.relative_to(ROOT).as_posix()
    assert CALL["uses"] == f"{repository}/{path}@{version}"
    assert len(CALLER_TEXT.splitlines()) <= 35


def test_the_caller_grants_what_the_jobs_need_and_no_more() -> None:
    """GitHub starts no run whose job asks for more than its caller has."""
    needed: dict[str, str] = {}
    for job in CALLED["jobs"].values():
        needed |= job["permissions"]
    assert (CALLER["permissions"], CALLED["permissions"]) == ({}, {})
    assert CALL["permissions"] == needed == {"actions": "read"}


def test_the_caller_passes_what_the_workflow_takes() -> None:
    """All that is required, nothing that it does not know; secrets by their names."""
    for kind, given in (("inputs", CALL["with"]), ("secrets", CALL["secrets"])):
        required = {name for name, each in INTERFACE[kind].items() if each.get("required")}
        assert required <= given.keys() <= INTERFACE[kind].keys()
    assert CALL["with"]["settings"] == "${{ vars.FLOW_TELEMETRY_SETTINGS }}"


def test_each_input_and_secret_is_used() -> None:
    text = ORGANIZATION.read_text(encoding="utf-8").partition("\njobs:\n")[2]
    for kind in ("inputs", "secrets"):
        for name in INTERFACE[kind]:
            assert re.search(rf"{kind}\.{name}\b", text), name


@pytest.mark.parametrize("job", ["plan", "sweep"])
def test_each_job_has_a_token_of_its_own_that_can_only_read(job: str) -> None:
    """An installation's token lives for an hour, and is revoked with its job."""
    given = STEPS[job]["Token of the App"]["with"]
    permissions = {n.removeprefix("permission-"): v for n, v in given.items() if "permission" in n}
    assert permissions == dict.fromkeys(READS, "read")
    export = STEPS[job]["Plan" if job == "plan" else "Export"]
    assert export["with"]["github-token"] == "${{ steps.token.outputs.token }}"


def test_the_app_has_the_permissions_that_the_tokens_ask_for() -> None:
    """By the manifest, and by the address that fills in GitHub's form."""
    (manifest,) = re.findall(r"^```json\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    permissions = json.loads(manifest)["default_permissions"]
    expected = dict.fromkeys({each.replace("-", "_") for each in READS} | {"metadata"}, "read")
    assert permissions == expected
    (address,) = re.findall(
        r"https://github.com/organizations/\S+/settings/apps/new\?[^\s>]+", GUIDE
    )
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert {n: v for n, v in query.items() if v == "read"} == expected
    assert (query["public"], query["webhook_active"]) == ("false", "false")


def test_every_part_of_the_ledger_is_kept_however_its_job_ends() -> None:
    """The names tell attempt and shard; the plan is number 0."""
    keeping = {
        job: next(each for each in steps.values() if "upload-artifact" in each["uses"])
        for job, steps in STEPS.items()
    }
    assert all(step["if"] == "always()" for step in keeping.values())
    assert [step["with"]["name"] for step in keeping.values()] == [
        "flow-telemetry-part-${{ github.run_attempt }}-0",
        "flow-telemetry-part-${{ github.run_attempt }}-${{ matrix.shard }}",
        "flow-telemetry-ledger",
    ]
    assert {step["with"]["path"] for step in keeping.values()} == {
        "${{ runner.temp }}/flow-telemetry/"
    }


def test_a_failed_shard_stops_no_other_and_the_result_is_always_written() -> None:
    sweep, result = CALLED["jobs"]["sweep"], CALLED["jobs"]["result"]
    assert sweep["strategy"]["fail-fast"] is False
    assert sweep["strategy"]["matrix"] == "${{ fromJSON(needs.plan.outputs.matrix) }}"
    assert result["if"].startswith("always() && ")
    assert set(result["needs"]) == {"plan", "sweep"}


def test_a_shard_has_time_to_save_before_its_token_ends() -> None:
    assert STEPS["sweep"]["Export"]["with"]["timeout"] == "50m"
    assert 50 < CALLED["jobs"]["sweep"]["timeout-minutes"] < 60


def test_the_next_sweep_waits_for_this_one() -> None:
    """It begins with its ledger."""
    assert CALLER["concurrency"]["cancel-in-progress"] is False


def test_no_name_of_a_repository_is_part_of_a_script() -> None:
    """No step has one, and nothing is checked out."""
    for steps in STEPS.values():
        for step in steps.values():
            assert "run" not in step
            action, _, version = step["uses"].partition("@")
            assert action in {
                "actions/create-github-app-token",
                "actions/upload-artifact",
                ACTION.partition("@")[0],
            }
            assert re.fullmatch("[0-9a-f]{40}", version) or step["uses"] == ACTION


def test_inputs_of_the_steps_are_those_of_the_action() -> None:
    for steps in STEPS.values():
        for step in steps.values():
            if step["uses"] == ACTION:
                assert step["with"].keys() <= OF_THE_ACTION.keys()


def test_github_and_zizmor_take_both_files(tmp_path: Path) -> None:
    assert schema_errors("github-workflows", CALLED) == []
    assert schema_errors("github-workflows", CALLER) == []
    assert zizmor(tmp_path, ORGANIZATION.read_text(encoding="utf-8")) == set()
    assert zizmor(tmp_path, CALLER_TEXT) == set()


def test_messages_are_those_of_the_program() -> None:
    """But for those of GitHub, and of its action that gives a token."""
    rows = (
        GUIDE[GUIDE.index("| message | cause | remedy |") :].partition("\n\n")[0].splitlines()[2:]
    )
    quotes = [
        quote
        for row in rows
        if "Token of the App" not in row and "has no jobs" not in row
        for quote in re.findall(r"`([^`]+)`", row.split(" | ")[0])
    ]
    # Names and lists stand for values; what is left has words of the program.
    parts = [part for quote in quotes for part in re.split("acme/[a-z]+|…|issues|401", quote)]
    assert len(quotes) == 10
    assert [part for part in parts if part.strip(" ,:") and part not in SAID] == []


def test_as_many_shards_run_at_once_as_share_the_pace() -> None:
    """Each sends its part of the requests that GitHub takes in a minute."""
    assert CALLED["jobs"]["sweep"]["strategy"]["max-parallel"] == PARALLEL_SHARDS
