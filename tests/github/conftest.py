"""The real client against the fake GitHub of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.github import FakeGitHub
from tests.support.clients import client_of

from flow_telemetry.github.client import GitHubClient


@pytest.fixture
def client(github: FakeGitHub) -> Iterator[GitHubClient]:
    """A client of `github`."""
    with client_of(github) as connected:
        yield connected
