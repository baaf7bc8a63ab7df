"""The documents that are made from the code's tables are what the code says now."""

from __future__ import annotations

import pytest
from tools.architecture import PACKAGE, code_map
from tools.update_docs import (
    ACTION,
    ATTRIBUTES_PAGE,
    COMMANDS_PAGE,
    EVENTS_PAGE,
    GROUPS,
    METRICS_PAGE,
    README,
    ROOT,
    WORKFLOW,
    attributes_page,
    documents,
    with_action_inputs,
    with_events,
    with_inputs,
    with_map,
    with_metrics,
    with_workflow_inputs,
)

from flow_telemetry.cli.options import Flag, add_flags
from flow_telemetry.cli.parser import CommandParser
from flow_telemetry.mapping.attributes import Attribute
from flow_telemetry.settings.inputs import INPUTS, Input

DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_generated_document_is_up_to_date(name: str) -> None:
    """Whoever changes a table runs the generator."""
    written = (ROOT / name).read_text(encoding="utf-8") if (ROOT / name).exists() else ""
    if written != DOCUMENTS[name]:
        pytest.fail(f"{name} is not what the code says: run make docs", pytrace=False)


@pytest.mark.parametrize("name", [ATTRIBUTES_PAGE, COMMANDS_PAGE, EVENTS_PAGE, METRICS_PAGE])
def test_everything_is_explained(name: str) -> None:
    """No attribute and no argument stands there without its meaning."""
    assert [line for line in DOCUMENTS[name].splitlines() if line.endswith("|  |")] == []


def test_a_cell_cannot_break_its_table() -> None:
    """A bar, a line end or a name of a variable in a description is still one cell."""
    row_x = Input(name="x", parse=str, description="a|b\nof $RUNNER_TEMP", default="y")
    (row,) = with_inputs("<!-- inputs --><!-- /inputs -->", [row_x]).splitlines()[3:-1]
    assert row == "| `x` | `y` | a\\|b of `$RUNNER_TEMP` |"


def test_an_added_input_is_everywhere() -> None:
    """The table of inputs makes the README, the action with its variables, and the flags."""
    text = "Colours of 100 % of the spans."
    added = Input(name="colour-scheme", parse=str, description=text, default="red")
    inputs = (*INPUTS, added)
    readme = with_inputs((ROOT / README).read_text(encoding="utf-8"), inputs)
    assert "| `colour-scheme` | `red` | Colours of 100 % of the spans. |" in readme
    action = with_action_inputs((ROOT / ACTION).read_text(encoding="utf-8"), inputs)
    assert "\n  colour-scheme:\n" in action
    assert action.count(f"{added.variable}: ${{{{ inputs.colour-scheme }}}}") == 2
    workflow = with_workflow_inputs((ROOT / WORKFLOW).read_text(encoding="utf-8"), inputs)
    assert "\n      colour-scheme:\n" in workflow
    assert workflow.count("colour-scheme: ${{ inputs.colour-scheme }}") == 1
    parser = CommandParser()
    sections = {"colours": (Flag(added.name, ("export run",)),)}
    add_flags(parser, ["export run"], sections=sections, inputs={added.name: added})
    help_text = " ".join(parser.format_help(full=True).split())
    assert "Colours of 100 % of the spans. Default: red." in help_text
    assert vars(parser.parse_args(["--colour-scheme=blue"]))["colour-scheme"] == "blue"


def test_a_readme_without_the_place_for_the_inputs_is_told() -> None:
    """The generator says which comments it looks for."""
    with pytest.raises(ValueError, match="<!-- inputs -->"):
        with_inputs("# Title", [])


def test_a_workflow_without_the_place_for_the_inputs_is_told() -> None:
    """The same for the workflow."""
    with pytest.raises(ValueError, match="inputs:"):
        with_workflow_inputs("on: workflow_call\n", INPUTS)


def test_a_page_without_the_place_for_the_events_is_told() -> None:
    """The same for the page on events."""
    with pytest.raises(ValueError, match="<!-- events -->"):
        with_events("# Title", [])


def test_a_page_without_the_place_for_the_metrics_is_told() -> None:
    """And for the page on metrics."""
    with pytest.raises(ValueError, match="<!-- metrics -->"):
        with_metrics("# Title", [])


def test_an_action_without_the_place_for_the_inputs_is_told() -> None:
    """Its steps have to carry the inputs already: two blocks of variables, one for each shell."""
    with pytest.raises(ValueError, match="`inputs:`"):
        with_action_inputs("inputs:\noutputs:\n", [])


def test_an_attribute_without_a_group_is_told() -> None:
    """A new kind of span is given its heading."""
    new = Attribute(name="a.b", type="string", on="galaxy", meaning="new")
    with pytest.raises(ValueError, match=r"a\.b is on galaxy"):
        attributes_page([new])
    assert "galaxy" not in GROUPS


def test_a_page_without_the_place_for_the_map_is_an_error() -> None:
    """The same for the page for contributors."""
    with pytest.raises(ValueError, match="<!-- map -->"):
        with_map("# Title", [])


def test_the_map_names_every_module_once() -> None:
    """A module that is added appears on the map with its first line."""
    paths = [path for path, _ in code_map()]
    modules = {
        path.relative_to(PACKAGE).as_posix().removesuffix("__init__.py")
        for path in PACKAGE.rglob("*.py")
    }
    assert len(paths) == len(set(paths))
    assert set(paths) == modules - {""}
