"""action.yml: ready for the Marketplace, and the same inputs and outputs as the program's."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.world import World, job
from tests.support.program import Program
from tests.support.workflows import ROOT, load, schema_errors

from flow_telemetry.settings.inputs import ACTION_INPUTS, PREFIX

TEXT = (ROOT / "action.yml").read_text(encoding="utf-8")
ACTION = load(TEXT)
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
POSIX, POSIX_REFUSED, WINDOWS, WINDOWS_REFUSED = STEPS
PROGRAMS = (POSIX, WINDOWS)
# What the two steps tell the program besides the inputs.
OF_RUNNER = {
    f"{PREFIX}JOB_STATUS": "${{ job.status }}",
    f"{PREFIX}TOKEN_OF_WORKFLOW": "${{ inputs.github-token == github.token }}",
    f"{PREFIX}CHECK_RUN_ID": "${{ job.check_run_id }}",
}


def test_the_marketplace_takes_it() -> None:
    """Name, author, branding and a description of fewer than 125 characters."""
    assert ACTION["name"] == "flow-telemetry"
    assert ACTION["author"]
    assert 0 < len(ACTION["description"]) < 125
    assert set(ACTION["branding"]) == {"icon", "color"}


def test_it_fits_the_schema_of_actions() -> None:
    """Which also lists the icons and colours that GitHub allows."""
    assert schema_errors("github-actions", ACTION) == []
    wrong = {**ACTION, "branding": {"icon": "unicorn", "color": "pink"}}
    assert len(schema_errors("github-actions", wrong)) == 2


def test_inputs_are_the_programs() -> None:
    """In the same order and with the same descriptions; the table has the defaults."""
    written = [
        (name, each["default"], " ".join(each["description"].split()))
        for name, each in ACTION["inputs"].items()
    ]
    assert written == [(each.name, each.input_default, each.explanation) for each in ACTION_INPUTS]
    assert not any(each.get("required") for each in ACTION["inputs"].values())


def test_there_are_few() -> None:
    """At most 25; all else is a setting."""
    assert len(ACTION["inputs"]) <= 25


def test_defaults_are_texts() -> None:
    """GitHub's metadata schema wants strings: a bare true is refused by strict readers."""
    assert {type(each["default"]) for each in ACTION["inputs"].values()} == {str}


@pytest.mark.parametrize("step", PROGRAMS, ids=lambda step: step["id"])
def test_every_input_travels_by_the_environment(step: dict[str, Any]) -> None:
    """Each to the variable that the program reads, and nothing else but what the runner knows."""
    mapped = {each.variable: f"${{{{ inputs.{each.name} }}}}" for each in ACTION_INPUTS}
    assert step["env"] == mapped | OF_RUNNER
    assert list(step["env"]) == list(mapped | OF_RUNNER)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["id"])
def test_no_expression_stands_in_a_script(step: dict[str, Any]) -> None:
    """A title or a branch's name in a script would be run by it."""
    assert "${{" not in step["run"]


def test_a_machine_without_a_shell_breaks_no_build() -> None:
    """The step fails before the launcher can say so, unless the user wants failures."""
    wanted = "${{ inputs.fail-on-error != 'true' }}"
    assert [step["continue-on-error"] for step in PROGRAMS] == [wanted, wanted]


def test_exactly_one_step_runs_and_always() -> None:
    """A failed or cancelled job is the one worth looking at."""
    assert (POSIX["if"], POSIX["shell"]) == ("always() && runner.os != 'Windows'", "sh")
    assert (WINDOWS["if"], WINDOWS["shell"]) == (
        "always() && runner.os == 'Windows'",
        "powershell",
    )


@pytest.mark.parametrize(
    ("program", "refused"), [(POSIX, POSIX_REFUSED), (WINDOWS, WINDOWS_REFUSED)]
)
def test_settings_that_cannot_work_fail_the_action(
    program: dict[str, Any], refused: dict[str, Any]
) -> None:
    """By a step of their own, since `continue-on-error` hides the status of the program's step."""
    assert refused["if"] == f"always() && steps.{program['id']}.outputs.refused == 'true'"
    assert refused["shell"] == program["shell"]
    assert refused["run"].endswith("; exit 2")
    assert "continue-on-error" not in refused


def test_signals_reach_the_program() -> None:
    """The shell is replaced; and the path is the runner's, which is right in containers too."""
    assert POSIX["run"] == 'exec /bin/sh "$GITHUB_ACTION_PATH/launcher/start.sh"'
    assert "github.action_path" not in TEXT


def test_outputs_are_the_programs(program: Program, world: World) -> None:
    """Each comes from the step that ran, whichever it was."""
    run = world.run(jobs=[job("build")])
    link = "https://traces.example/{trace_id}"
    names = program.export(run, trace_url=link, page=True).outputs.keys()
    # Those of coverage and of a plan are set where there is one: see the stories of them.
    of_others = {"coverage-file", "coverage-artifact", "matrix", "shards"}
    assert set(ACTION["outputs"]) == {*names, *of_others}
    assert {name: each["value"] for name, each in ACTION["outputs"].items()} == {
        name: f"${{{{ steps.posix.outputs.{name} || steps.windows.outputs.{name} }}}}"
        for name in {*names, *of_others}
    }


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_everything_is_described(kind: str) -> None:
    """In a sentence."""
    assert [n for n, each in ACTION[kind].items() if not each["description"].strip()] == []
