"""What the README and its neighbours promise works as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.workflows import (
    ACTION,
    README,
    ROOT,
    documented_examples,
    load,
    our_steps,
)

from flow_telemetry.github.permissions import PERMISSIONS
from flow_telemetry.settings.inputs import ACTION_INPUTS

TEXT = README.read_text(encoding="utf-8")
EXAMPLES = documented_examples()
# One starts the command line, the other calls a workflow: see test_ready_file.py.
OF_THE_ACTION = sorted(EXAMPLES.keys() - {"scheduled file", "ready file"})
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")])
READS = frozenset(PERMISSIONS)


def test_the_first_example_stands_on_the_first_screen() -> None:
    """Of an editor: it is whole within 50 lines, pictures included."""
    lines = TEXT.splitlines()
    start = lines.index("```yaml")
    assert lines.index("```", start) <= 50
    assert ACTION in "\n".join(lines[start:50])


def test_the_readme_is_short() -> None:
    """What is longer has a page of its own."""
    assert len(TEXT.splitlines()) <= 250


@pytest.mark.parametrize("place", OF_THE_ACTION)
def test_an_example_uses_inputs_that_there_are(place: str) -> None:
    """And it uses the action at all."""
    used = [step.get("with", {}).keys() for _, step in our_steps(load(EXAMPLES[place]))]
    assert used, "no step uses the action"
    assert set().union(*used) <= {each.name for each in ACTION_INPUTS}
    assert max(map(len, used)) <= 6


@pytest.mark.parametrize("place", OF_THE_ACTION)
def test_an_example_gives_the_least_permissions(place: str) -> None:
    """All that the action reads, and nothing to write."""
    workflow = load(EXAMPLES[place])
    for job, _ in our_steps(workflow):
        given = job["permissions"] if "permissions" in job else workflow["permissions"]
        assert given == dict.fromkeys(READS, "read")


def test_the_table_of_permissions_is_that_of_the_program() -> None:
    """With the words of its notice and of `flow-telemetry check`."""
    section = (ROOT / "docs" / "reference" / "permissions.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+): read` \| (.*) \|$", section, re.MULTILINE))
    assert rows.pop("actions") == f"{PERMISSIONS['actions']}: needed always"
    assert rows == {name: text for name, text in PERMISSIONS.items() if name != "actions"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(page: Path) -> None:
    """To a file that exists, and to a heading that it has."""
    dead = []
    for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_index_lists_each_page_once() -> None:
    """A page that no reader finds might as well not be there."""
    index = ROOT / "docs" / "README.md"
    links = re.findall(r"\]\((?!\w+:)([^)#]+)\)", index.read_text(encoding="utf-8"))
    listed = [(index.parent / link).resolve() for link in links]
    pages = {page for page in PAGES if (ROOT / "docs") in page.parents} - {index}
    assert pages <= set(listed)
    assert len(listed) == len(set(listed))


def test_the_outputs_are_the_actions() -> None:
    """The table names each output once."""
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    table = page.partition("## Outputs")[2].partition("\n## ")[0]
    named = [n for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for n in _codes(row)]
    action = load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(action["outputs"])


def _codes(cell: str) -> list[str]:
    return re.findall(r"`([\w-]+)`", cell)
