"""The launcher as a real process: it finds a Python, gives it the packages, and steps aside."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.support.program import Program
from tests.support.runner import copy_action

posix = pytest.mark.skipif(sys.platform == "win32", reason="start.ps1 serves Windows")
# What a shell needs to find on a machine without Python.
TOOLS = ("date", "sleep")
TOO_OLD = "#!/bin/sh\necho Python 3.9.18\n"


@pytest.fixture
def run(world: World) -> Run:
    """A run that has ended."""
    return world.run(jobs=[job("build", steps=[step("Compile", 30)])])


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH that holds a few tools, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


@pytest.fixture
def variables(program: Program, run: Run, tools: Path, tool_cache: Path) -> dict[str, str]:
    """All that a runner hands to the step that exports the run: INPUT_* are not among it."""
    of_action = program.action_environ(run_id=run.id)
    return {**of_action, "PATH": str(tools), "RUNNER_TOOL_CACHE": str(tool_cache)}


@pytest.fixture
def action(tmp_path: Path) -> Path:
    """A copy of the action, in a folder whose name has spaces."""
    return copy_action(tmp_path / "the actions folder" / "flow telemetry@v1")


def add_python(tools: Path, name: str, script: str | None = None) -> None:
    """Put a Python of that name on PATH: the one of the tests, or another script."""
    path = tools / name
    path.write_text(script or f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)


def start(action: Path, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start the step as action.yml does."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'exec /bin/sh "$GITHUB_ACTION_PATH/launcher/start.sh"'],
        env={**variables, "GITHUB_ACTION_PATH": str(action)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def launch(action: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    """Run the step to its end; return its exit status and what it printed."""
    with start(action, variables) as process:
        printed, _ = process.communicate(timeout=100)
    return process.returncode, printed


@posix
def test_the_first_python_that_is_new_enough_runs_it(
    action: Path, variables: dict[str, str], tools: Path, program: Program, receiver: Receiver
) -> None:
    """An old `python3` that comes first on PATH is passed over."""
    add_python(tools, "python3", TOO_OLD)
    add_python(tools, "python")
    status, printed = launch(action, variables)
    assert (status, receiver.tree()) == (
        0,
        ["RUN CI", "  queued", "  build", "    queued", "    Compile"],
    ), printed
    assert "status<<" in (program.folder / "output").read_text("utf-8")


@posix
@pytest.mark.parametrize("before", ["", ".", "bin", "./bin", "../workspace"])
@pytest.mark.parametrize("last", [False, True])
def test_no_program_of_the_workspace_is_run(
    action: Path,
    variables: dict[str, str],
    tools: Path,
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    last: bool,
) -> None:
    """An empty or relative entry of PATH is a folder of the checkout, whose code gets no secret."""
    add_python(tools, "python3")
    workspace = tmp_path / "workspace"
    (workspace / "bin").mkdir(parents=True)
    trap = f'#!/bin/sh\necho trapped >>{tmp_path}/trapped\nexec {sys.executable} "$@"\n'
    for folder in (workspace, workspace / "bin"):
        for name in ("sh", "date", "python3", "python", "python3.14", "python3.10", "command"):
            add_python(folder, name, trap)
    monkeypatch.chdir(workspace)
    path = f"{tools}:{before}" if last else f"{before}:{tools}"
    status, printed = launch(action, {**variables, "PATH": path})
    assert (status, len(receiver.spans)) == (0, 5), printed
    assert not (tmp_path / "trapped").exists()


@posix
@pytest.mark.parametrize("shown", ["Python 3.12.1", ""])
def test_a_script_that_runs_nothing_is_passed_over(
    action: Path, variables: dict[str, str], tools: Path, receiver: Receiver, shown: str
) -> None:
    """The shim of a version manager may know its version and exit with 0 for anything."""
    add_python(tools, "python3", f"#!/bin/sh\necho '{shown}'\n")
    add_python(tools, "python")
    assert launch(action, variables)[0] == 0
    assert len(receiver.spans) == 5


@posix
def test_outputs_are_set_whatever_becomes_of_the_program(
    action: Path, variables: dict[str, str], tools: Path, program: Program
) -> None:
    """Even if Python ends without running it, or is killed."""
    script = (
        "#!/bin/sh\ncase $1 in -V) echo Python 3.12.1 ;; "
        "*) case $* in *runs*) echo runs ;; *) exit 0 ;; esac ;; esac\n"
    )
    add_python(tools, "python3", script)
    assert launch(action, variables) == (0, "")
    assert (program.folder / "output").read_text("utf-8") == "spans=0\nstatus=skipped\n"


@posix
@pytest.mark.parametrize("end", ["echo Python 3.12.1", 'exec "$0"'])
def test_a_python_that_hangs_is_passed_over(
    action: Path, variables: dict[str, str], tools: Path, receiver: Receiver, end: str
) -> None:
    """Such as a stand-in that looks for a version first; what it started is not waited for."""
    add_python(tools, "python3", f"#!/bin/sh\nsleep 40\n{end}\n")
    add_python(tools, "python")
    began = time.monotonic()
    status, printed = launch(action, variables)
    assert time.monotonic() - began < 30
    assert (status, receiver.tree()[:1]) == (0, ["RUN CI"]), printed


@posix
@pytest.mark.parametrize(
    ("fail_on_error", "status", "annotation"),
    [("false", 0, "::warning"), ("", 0, "::warning"), ("True", 1, "::error")],
)
def test_no_python_breaks_no_build(
    action: Path,
    variables: dict[str, str],
    tools: Path,
    program: Program,
    fail_on_error: str,
    status: int,
    annotation: str,
) -> None:
    """It is told in one annotation, with what to do, and in the outputs."""
    add_python(tools, "python3", TOO_OLD)
    exited, printed = launch(action, {**variables, "FLOW_TELEMETRY_FAIL_ON_ERROR": fail_on_error})
    assert exited == status
    (line,) = printed.splitlines()
    assert line.startswith(f"{annotation} title=flow-telemetry::needs Python 3.10")
    assert "actions/setup-python" in line
    assert (program.folder / "output").read_text("utf-8") == "spans=0\nstatus=skipped\n"


@posix
def test_signals_reach_the_program(
    action: Path, variables: dict[str, str], tools: Path, github: FakeGitHub
) -> None:
    """The process that the runner started is Python itself by then, so it ends at once, green."""
    add_python(tools, "python3")
    github.latency = 30
    with start(action, variables) as process:
        wait_for_a_request(github, process)
        command = subprocess.check_output(
            ["ps", "-ww", "-o", "args=", "-p", str(process.pid)], text=True
        )
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=github.latency - 5)
    assert "launcher/main.py" in command
    assert "start.sh" not in command
    assert process.returncode == 0
    assert "SIGTERM" in printed


def wait_for_a_request(github: FakeGitHub, process: subprocess.Popen[str]) -> None:
    """Return once the program has asked GitHub something."""
    until = time.monotonic() + 30
    while not github.requests:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "the program asks nothing"
        time.sleep(0.02)


@posix
def test_the_actions_folder_is_left_as_it_is(
    action: Path, variables: dict[str, str], tools: Path, receiver: Receiver
) -> None:
    """It may be read-only, and other jobs of a self-hosted runner use it too."""
    add_python(tools, "python3")
    before = sorted(action.rglob("*"))
    folders = [action, *(path for path in before if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    status, printed = launch(action, variables)
    for folder in folders:
        folder.chmod(0o755)
    assert (status, len(receiver.spans)) == (0, 5), printed
    assert sorted(action.rglob("*")) == before


@posix
def test_what_the_job_has_installed_is_not_loaded(
    action: Path, variables: dict[str, str], tools: Path, tmp_path: Path, receiver: Receiver
) -> None:
    """Neither a module in the checkout nor PYTHONPATH takes the place of the action's own."""
    add_python(tools, "python3")
    traps = tmp_path / "traps"
    traps.mkdir()
    for name in ("requests", "sitecustomize", "flow_telemetry"):
        (traps / f"{name}.py").write_text("raise SystemExit('trapped')\n")
    given = {**variables, "PYTHONPATH": str(traps), "PYTHONSTARTUP": str(traps / "requests.py")}
    assert launch(action, given)[0] == 0
    assert len(receiver.spans) == 5


@posix
@pytest.mark.parametrize(("fail_on_error", "status"), [("false", 0), ("true", 1)])
def test_packages_that_cannot_be_installed_are_told(
    action: Path,
    variables: dict[str, str],
    tools: Path,
    tmp_path: Path,
    fail_on_error: str,
    status: int,
) -> None:
    """pip's own words stand in the log, the likely cause in the annotation, secrets nowhere."""
    add_python(tools, "python3")
    given = {
        **variables,
        "FLOW_TELEMETRY_FAIL_ON_ERROR": fail_on_error,
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "RUNNER_TOOL_CACHE": str(tmp_path / "empty"),
    }
    exited, printed = launch(action, given)
    *log, annotation = printed.splitlines()
    assert exited == status
    assert annotation.startswith("::error" if status else "::warning")
    assert "PIP_INDEX_URL" in annotation
    assert annotation.endswith("Nothing was exported.")
    assert log
    assert all(line.startswith("pip: ") for line in log)
    assert variables["FLOW_TELEMETRY_GITHUB_TOKEN"] not in printed
    assert list((tmp_path / "empty" / "flow-telemetry").iterdir()) == []


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_step_that_is_cancelled_while_installing_leaves_nothing(
    action: Path,
    variables: dict[str, str],
    tools: Path,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    """pip is waited for in vain: the tool cache is as it was, and the step ends green."""
    add_python(tools, "python3")
    cache = tmp_path / "cache" / "flow-telemetry"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        given = {
            **variables,
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/simple",
            "RUNNER_TOOL_CACHE": str(cache.parent),
        }
        with start(action, given) as process:
            silent.settimeout(60)
            connection, _ = silent.accept()
            assert [path.name[:12] for path in cache.iterdir()] == [".installing-"]
            process.send_signal(number)
            printed, _ = process.communicate(timeout=60)
        connection.close()
    assert (process.returncode, list(cache.iterdir())) == (0, []), printed
    assert "the step was cancelled as it began. Nothing was exported." in printed


@posix
def test_outputs_that_cannot_be_set_are_no_failure(
    action: Path, variables: dict[str, str], tools: Path, tmp_path: Path
) -> None:
    """It is told with what else went wrong."""
    add_python(tools, "python3")
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    below = {name: str(blocked / "x") for name in ("RUNNER_TEMP", "RUNNER_TOOL_CACHE", "TMPDIR")}
    given = {"GITHUB_OUTPUT": str(blocked / "output"), "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    status, printed = launch(action, {**variables, **below, **given, **offline})
    assert status == 0
    assert "Nothing was exported. The outputs could not be set either: " in printed
    assert "Traceback" not in printed


@pytest.mark.timeout(300)
def test_packages_are_installed_once(
    action: Path, program: Program, run: Run, tmp_path: Path, receiver: Receiver
) -> None:
    """The first use on a runner installs what is locked, from the index; the second finds it."""
    given = {
        **os.environ,
        **program.action_environ(run_id=run.id),
        "RUNNER_TOOL_CACHE": str(tmp_path / "cache"),
        # The job's own, which would put the packages elsewhere.
        "PIP_TARGET": str(tmp_path / "elsewhere"),
    }
    first, second = (
        subprocess.run(
            [sys.executable, *("-I", "-S", "-B", "-X", "utf8"), action / "launcher" / "main.py"],
            env=given,
            capture_output=True,
            encoding="utf-8",
            timeout=240,
            check=False,
        )
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + first.stderr
    assert "installed its packages" in first.stdout
    assert "installed its packages" not in second.stdout
    assert len(receiver.spans) == 2 * 5
    (installed,) = (tmp_path / "cache" / "flow-telemetry").iterdir()
    assert (installed / "requests").is_dir()
    assert not (tmp_path / "elsewhere").exists()
