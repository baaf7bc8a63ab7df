"""The workspace of a job whose steps wrote reports."""

from __future__ import annotations

import pytest
from tests.fakes.world import World
from tests.stories.job.reported import Workspace, job_with_tests
from tests.support.program import Program


@pytest.fixture
def workspace(program: Program, world: World) -> Workspace:
    """The workspace of a job that has run its tests."""
    return Workspace(program, world.run(jobs=[job_with_tests()]))
