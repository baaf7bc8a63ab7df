"""Backends that tests share, and the requests of the demo."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.backends import programs
from tests.backends.programs import Running

from flow_telemetry.demo.recording import load_recording
from flow_telemetry.demo.show import Demo
from flow_telemetry.telemetry import EncodedRequest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.backends)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what the backends of a failed test have printed."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed and Path(__file__).parent in item.path.parents:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Running):
                report.sections.append((f"log of {name}", value.last_lines()))
    return report  # type: ignore[return-value]


@pytest.fixture(scope="session")
def export_demo() -> Callable[..., tuple[EncodedRequest, ...]]:
    """Export the demo, with its times moved to now: the same things at each call.

    Another namespace makes the same things of another organization, with ids of their own.
    """
    recording = load_recording(datetime.now(timezone.utc) - timedelta(minutes=1))
    environ = dict(os.environ)
    return lambda namespace="suite": Demo(
        environ=environ, stream=io.StringIO(), recording=recording, namespace=namespace
    ).export()


@pytest.fixture(scope="session")
def demo_requests(
    export_demo: Callable[..., tuple[EncodedRequest, ...]],
) -> tuple[EncodedRequest, ...]:
    """All requests of the demo, in their order."""
    return export_demo()


@pytest.fixture
def own_jaeger(tmp_path: Path) -> Iterator[Running]:
    """A Jaeger for a test with the default world, whose ids other tests have too."""
    with programs.jaeger(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Jaeger for all tests of the demo and of recorded runs."""
    with programs.jaeger(tmp_path_factory.mktemp("jaeger")) as running:
        yield running


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Phoenix for all tests, each of which has traces of its own."""
    with programs.phoenix(tmp_path_factory.mktemp("phoenix")) as running:
        yield running


@pytest.fixture(scope="session")
def victoria_logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A VictoriaLogs that keeps 30 days."""
    folder = tmp_path_factory.mktemp("victoria-logs")
    with programs.victoria_logs(folder, "-retentionPeriod=30d") as running:
        yield running
