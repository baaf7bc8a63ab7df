"""The real client against the fake GitHub of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.clients import client_of

from flow_telemetry.github.client import GitHubClient
from flow_telemetry.testing.github import FakeGitHub


@pytest.fixture
def client(github: FakeGitHub) -> Iterator[GitHubClient]:
    """A client of `github`."""
    with client_of(github) as connected:
        yield connected
