"""The quick starts: a section for each preset, whose address, header and step fit it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.workflows import ACTION

from flow_telemetry.settings.backends import PRESETS, Backend, choose_preset
from flow_telemetry.settings.inputs import ACTION_INPUTS

START = Path(__file__).parents[2] / "docs" / "start"
PAGE = (START / "backends.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]


def block(section: str) -> dict[str, Any]:
    """Return the step to copy."""
    found = re.search(r"^```yaml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert found is not None
    (step,) = yaml.safe_load(found[1])
    loaded: dict[str, Any] = step
    return loaded


def of(backend: Backend) -> str:
    """Return the section whose step names a backend."""
    (section,) = (s for s in SECTIONS if block(s)["with"]["backend"] == backend.value)
    return section


def line(section: str, label: str) -> str:
    """Return one of the four facts of a section."""
    found = re.search(rf"^- \*\*{label}\*\*: (.*)$", section, re.MULTILINE)
    assert found is not None, label
    return found[1]


@pytest.mark.parametrize("backend", Backend)
def test_each_backend_has_a_step_to_copy(backend: Backend) -> None:
    """With the action, inputs that exist, and credentials from secrets only."""
    step = block(of(backend))
    assert step["uses"] == ACTION
    assert step["if"] == "always()"
    assert step["with"].keys() <= {each.name for each in ACTION_INPUTS}
    texts = {name: text for name, text in step["with"].items() if name != "backend"}
    assert all(re.fullmatch(r"\$\{\{ secrets\.OTLP_\w+ \}\}", text) for text in texts.values())


@pytest.mark.parametrize("backend", Backend)
def test_its_address_and_header_are_those_of_the_preset(backend: Backend) -> None:
    """A hosted address is recognized by its host, and the header is one that the preset expects."""
    section = of(backend)
    addresses = re.findall(r"`(https?://[^`]+)`", line(section, "Endpoint"))
    assert addresses
    hosted = [re.sub(r"…|[A-Z]{3,}", "x", each) for each in addresses if ":43" not in each]
    if PRESETS[backend].hosts:
        assert {choose_preset(None, each).backend for each in hosted} == {backend}
    headers = re.findall(r"`([\w-]+)=", line(section, "Header"))
    wanted = PRESETS[backend].headers
    assert not wanted or {name.lower() for name in headers} <= set(wanted)
    assert ("otlp-headers" in block(section)["with"]) >= bool(wanted)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.partition("\n")[0])
def test_it_says_where_to_look_and_what_is_missing(section: str) -> None:
    """Readers judge by what they see first."""
    assert line(section, "Look for")
    assert line(section, "Limits")
