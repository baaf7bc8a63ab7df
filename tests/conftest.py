"""What every test stands on: a clean environment, a fake GitHub, a real OTLP receiver."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tools import backends

from tests.contracts.openapi import validate
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World
from tests.support.act import Act, new_act, take_inputs_away
from tests.support.environment import forget_machine
from tests.support.program import Program
from tests.support.recorded import NO_RECORDED_DATA, SHARED
from tests.support.runner import copy_action, fill_tool_cache

# Skips that nothing installed could avoid; on Linux there are no others.
FITTING_SKIPS = (
    *("root may write everywhere", "from Python 3.13 on", "before Python 3.11", "no recorded data"),
    *("no Go 1.26 or newer", "the Go module proxy does not answer", "no npm"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `make golden` and of CI."""
    parser.addoption(
        "--complete",
        action="store_true",
        help="fail if a test is skipped because a program, or recorded data, is missing",
    )
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the program's output into tests/golden/expected before comparing",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take signals as a terminal leaves them: in the background, SIGINT and others are ignored.

    What ignores a signal hands that on to the processes that it starts.
    """
    for name in ("SIGINT", "SIGQUIT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            of_python = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, of_python)
    _judge_no_speed()
    if config.getoption("--complete"):
        config.pluginmanager.register(Completeness())


class Completeness:
    """Fails a run of tests in which something was missing: a green run promises the whole suite."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self.on_backends = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)
        self.on_backends += report.when == "call" and "backends" in report.keywords

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason == NO_RECORDED_DATA and SHARED.is_dir():
            reason = f"{reason}, though {SHARED} is there"
        elif reason.startswith(FITTING_SKIPS):
            return
        self.missing[report.nodeid] = reason

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        config = session.config
        # `-m "not backends"` leaves them out on purpose; a path or nothing does not.
        if not (self.on_backends or config.getoption("markexpr") or backends.why_no_go()):
            self.missing["tests/backends"] = "none of its tests has run"
        if self.missing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.missing:
            terminalreporter.section("skipped, so the suite is not complete", red=True)
        for test, reason in sorted(self.missing.items()):
            terminalreporter.line(f"{test}: {reason}")


def _judge_no_speed() -> None:
    """Let no property fail because the machine is busy: speed is what `benchmarks` is for."""
    settings.register_profile(
        "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("busy machine")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_machine(monkeypatch)


@pytest.fixture
def world() -> World:
    """A world with one repository, acme/shop on github.com."""
    return World("acme/shop")


@pytest.fixture
def github(world: World) -> Iterator[FakeGitHub]:
    """A fake GitHub over `world`, each answer checked against GitHub's own description."""
    with FakeGitHub(world, check=validate) as fake:
        yield fake


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of OTLP over HTTP."""
    with Receiver() as running:
        yield running


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


@pytest.fixture(scope="session")
def tool_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runner's tool cache that holds the action's packages already."""
    return fill_tool_cache(tmp_path_factory.mktemp("runner") / "tool_cache")


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
