"""What the tests of the action stand on: its folder, and a runner that runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.github import FakeGitHub
from tests.support.act import Act, new_act, take_inputs_away
from tests.support.runner import copy_action


@pytest.fixture(scope="session")
def action_without_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The action's folder, changed so that act's INPUT_* do not reach the program."""
    folder = copy_action(tmp_path_factory.mktemp("action") / "flow-telemetry")
    take_inputs_away(folder)
    return folder


@pytest.fixture
def act(github: FakeGitHub, tmp_path: Path, tool_cache: Path, action_without_inputs: Path) -> Act:
    """A runner that reaches the fake GitHub; skipped where there is none."""
    return new_act(github, tmp_path / "repository", tool_cache, action_without_inputs)
