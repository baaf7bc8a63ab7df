"""The program, ready to be run against the fake GitHub and the receiver."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.program import Program

from flow_telemetry.testing.github import FakeGitHub
from flow_telemetry.testing.receiver import Receiver


@pytest.fixture
def program(
    github: FakeGitHub,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Program:
    """The program on a machine of its own, with the backend's address and a token."""
    return Program(
        github=github, receiver=receiver, folder=tmp_path, patch=monkeypatch, printed=capsys
    )
