"""The bundle on runners as they are: started as a process, whatever the machine lacks."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from launcher.bundle import platform_names, read_manifest
from tests.fakes.github import FakeGitHub
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.jira.support import TOKEN, fake
from tests.release.machine import IMAGE, Machine
from tests.support.pages import data_of, title_of
from tests.support.program import Program

ROOT = Path(__file__).parents[2]
TREE = ["RUN CI", "  queued", "  build", "    queued", "    Compile"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes of files mean little there")
# Writes every connection and every look-up of a name to the file that a variable names.
WATCH = """
import os, runpy, sys
seen = open(os.environ["SEEN"], "a", buffering=1)
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        seen.write("connect %s %s\\n" % arguments[1][:2])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        seen.write("resolve %s 0\\n" % arguments[0])
    elif event in ("socket.sendto", "subprocess.Popen", "os.posix_spawn"):
        seen.write(event + " - 0\\n")
sys.addaudithook(watch)
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# Python takes any folder for temporary files that it can write to; here it is told of one only.
FULL = """
import os, runpy, sys, tempfile
tempfile.tempdir = os.environ["TMPDIR"]
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# Writes the names of all modules that are loaded in the end.
TELL = """
import os, runpy, sys
from importlib.util import _LazyModule
def tell(status):
    loaded = {n: m for n, m in sys.modules.items() if m and type(m) is not _LazyModule}
    with open(os.environ["SEEN"], "w") as file:
        file.write("\\n".join(loaded))
    leave(status)
# The launcher ends so, without what Python does at an exit.
leave, os._exit = os._exit, tell
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def run(world: World) -> Run:
    """A run that has ended."""
    return world.run(jobs=[job("build", steps=[step("Compile", 30)])])


def snapshot(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_release_installs_nothing(machine: Machine, run: Run, receiver: Receiver) -> None:
    """No package index, no tool cache, and not a word about packages."""
    status, printed = machine.export(run)
    assert (status, receiver.tree()) == (0, TREE), printed
    assert "::warning" not in printed
    assert "install" not in printed
    assert "Traceback" not in printed


@posix
def test_the_actions_folder_may_be_read_only(
    machine: Machine, run: Run, receiver: Receiver
) -> None:
    """And nothing is written there where it is not."""
    before = snapshot(machine.action)
    folders = [machine.action, *(p for p in machine.action.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    status, printed = machine.export(run)
    for folder in folders:
        folder.chmod(0o755)
    assert (status, receiver.tree()) == (0, TREE), printed
    assert snapshot(machine.action) == before


@pytest.mark.parametrize("temp", ["missing", "a file"])
def test_no_temporary_folder_is_needed(
    machine: Machine, run: Run, receiver: Receiver, tmp_path: Path, temp: str
) -> None:
    """A runner whose temporary folder cannot be written exports all the same."""
    place = tmp_path / "no folder"
    if temp == "a file":
        place.write_text("")
    places = {name: str(place / "below") for name in ("RUNNER_TEMP", "TMPDIR", "TEMP", "TMP")}
    status, printed = machine.export(run, places)
    assert (status, receiver.tree()) == (0, TREE), printed


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def overwrite(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def part_of_platform(machine: Machine) -> str:
    """Return a file with code compiled for this machine."""
    folders = tuple(f"platforms/{name}/" for name in platform_names())
    return next(
        n for n in read_manifest(machine.bundle) if n.startswith(folders) and n[-3:] != ".py"
    )


@pytest.mark.parametrize(
    ("named", "damage"),
    [
        (IMAGE, cut),
        (IMAGE, overwrite),
        (IMAGE, Path.unlink),
        ("MANIFEST", cut),
        ("MANIFEST", Path.unlink),
        ("packages/certifi/cacert.pem", cut),
        # Of the same size: certificates and code that the release did not have.
        ("packages/certifi/cacert.pem", overwrite),
        ("compiled code", overwrite),
        ("compiled code", Path.unlink),
    ],
)
def test_a_damaged_bundle_is_told_by_name(
    machine: Machine,
    run: Run,
    receiver: Receiver,
    tool_cache: Path,
    named: str,
    damage: Callable[[Path], None],
) -> None:
    """With what to do; meanwhile the action's own environment serves."""
    name = part_of_platform(machine) if named == "compiled code" else named
    damage(machine.bundle / name)
    status, printed = machine.export(run, {"RUNNER_TOOL_CACHE": str(tool_cache)})
    assert (status, receiver.tree()) == (0, TREE), printed
    told = [line for line in printed.splitlines() if line.startswith("::warning")]
    assert len(told) == 1
    assert f"is damaged: {name} " in told[0]
    assert "_actions" in told[0]


def test_a_usual_run_unpacks_the_first_section_only(
    machine: Machine, run: Run, receiver: Receiver
) -> None:
    """Unpacking the other one takes 20 ms: here it is cut off, and nothing misses it."""
    image = machine.bundle / IMAGE
    whole = image.read_bytes()
    first = whole[: 4 + int.from_bytes(whole[:4], "little")]
    image.write_bytes(first)
    manifest = machine.bundle / "MANIFEST"
    before, after = (hashlib.sha256(data).hexdigest() for data in (whole, first))
    manifest.write_text(manifest.read_text("utf-8").replace(before, after), "utf-8")
    status, printed = machine.export(run)
    assert (status, receiver.tree()) == (0, TREE), printed
    assert "::warning" not in printed


@pytest.mark.skipif(not platform_names(), reason="no compiled code is for this Python")
def test_a_bundle_that_lost_all_compiled_code_is_told(
    machine: Machine, run: Run, receiver: Receiver, tool_cache: Path
) -> None:
    """It would run without, but slowly, and nobody would know."""
    shutil.rmtree(machine.bundle / "platforms")
    status, printed = machine.export(run, {"RUNNER_TOOL_CACHE": str(tool_cache)})
    assert (status, receiver.tree()) == (0, TREE), printed
    (told,) = (line for line in printed.splitlines() if line.startswith("::warning"))
    assert "is damaged: platforms/" in told


def test_a_damaged_bundle_without_an_index_breaks_no_build(
    machine: Machine, run: Run, receiver: Receiver, tmp_path: Path
) -> None:
    """Both are told, and the step is green."""
    cut(machine.bundle / IMAGE)
    status, printed = machine.export(run, {"RUNNER_TOOL_CACHE": str(tmp_path / "cache")})
    assert (status, receiver.spans) == (0, [])
    told = [line for line in printed.splitlines() if line.startswith("::warning")]
    assert [IMAGE in told[0], "PIP_INDEX_URL" in told[-1]] == [True, True], printed


@posix
def test_a_machine_where_nothing_can_be_written_is_told(
    machine: Machine, run: Run, tmp_path: Path
) -> None:
    """Where the bundle is damaged besides; it is said what to free, and the step is green."""
    cut(machine.bundle / IMAGE)
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    names = ("RUNNER_TOOL_CACHE", "RUNNER_TEMP", "TMPDIR", "TEMP", "TMP")
    script = tmp_path / "full.py"
    script.write_text(FULL, encoding="utf-8")
    below = {name: str(blocked / "x") for name in names}
    status, printed = machine.export(run, below, python=(str(script),))
    assert status == 0
    assert "could not be written" in printed
    assert "RUNNER_TOOL_CACHE" in printed
    assert "Traceback" not in printed


def test_only_the_listed_hosts_are_contacted(
    machine: Machine, github: FakeGitHub, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """docs/reference/network.md names GitHub, its storage, Jira and the endpoint, and no other."""
    world.pull_request(123, branch="feature/acme-57-pay")
    run = world.run(event="pull_request", branch="feature/acme-57-pay", jobs=[job("build")])
    world.artifact("traces", {"x.otlp.jsonl": "{}"}, run=run.id)
    tracked = JiraWorld()
    tracked.issue("ACME-57")
    watch, seen = tmp_path / "watch.py", tmp_path / "seen"
    watch.write_text(WATCH, encoding="utf-8")
    seen.touch()
    environ = {"SEEN": str(seen), "GITHUB_EVENT_NAME": "workflow_run"}
    with fake(tracked, cloud=True) as jira:
        inputs = {"jira_url": jira.url, "jira_email": jira.email, "jira_token": TOKEN}
        inputs |= {"trace_artifacts": "traces", "trace_scope": "item"}
        status, printed = machine.export(run, environ, python=(str(watch),), **inputs)
        assert (status, bool(receiver.spans)) == (0, True), printed
        assert [bool(each.requests) for each in (github.storage, jira)] == [True, True]
        hosts = (github.url, github.storage.url, jira.url, receiver.url)
    contacted = {tuple(line.split(" ")) for line in seen.read_text("utf-8").splitlines()}
    ports = {port for word, _, port in contacted if word == "connect"}
    assert ports == {str(urlsplit(url).port) for url in hosts}
    assert {word for word, _, _ in contacted} == {"connect", "resolve"}
    assert {host for _, host, _ in contacted} == {"127.0.0.1"}


def test_the_list_of_hosts_is_published() -> None:
    """With the input or variable that names each."""
    page = (ROOT / "docs" / "reference" / "network.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| .+ \| (.+?) \|$", page, re.MULTILINE)[2:]
    assert [named for _, named in rows] == [
        "`GITHUB_API_URL`, set by the runner",
        "the answer of GitHub's API, a redirect",
        "`jira-url`",
        "`otlp-endpoint`, else `OTEL_EXPORTER_OTLP_ENDPOINT` and its like",
        "`HTTPS_PROXY`, `HTTP_PROXY`",
    ]


@pytest.fixture
def loaded(machine: Machine, run: Run, tmp_path: Path) -> Callable[..., set[str]]:
    """Export the run, and return the names of all modules that were loaded for it."""
    tell, seen = tmp_path / "tell.py", tmp_path / "modules"
    tell.write_text(TELL, encoding="utf-8")

    def export(**inputs: str) -> set[str]:
        status, printed = machine.export(run, {"SEEN": str(seen)}, python=(str(tell),), **inputs)
        assert status == 0, printed
        return set(seen.read_text("utf-8").split())

    return export


def test_the_start_imports_what_the_run_needs(loaded: Callable[..., set[str]]) -> None:
    """Nothing compiled for cryptography, no guesser of encodings, no watcher of processes."""
    names = {name.partition(".")[0] for name in loaded()}
    assert {"flow_telemetry", "requests"} <= names
    unwanted = {"charset_normalizer", "cryptography", "github", "hypothesis", "pip", "psutil"}
    assert names & unwanted == set()


def test_the_page_needs_nothing_but_the_release(
    machine: Machine, run: Run, receiver: Receiver, program: Program
) -> None:
    """Its script and its style sheet come with the sources."""
    status, printed = machine.export(run, page="true")
    assert (status, receiver.tree()) == (0, TREE), printed
    assert "::warning" not in printed
    shown = (program.folder / "temp" / "flow-telemetry" / "page.html").read_text(encoding="utf-8")
    assert (title_of(shown), "Compile" in data_of(shown)["texts"]) == ("RUN CI", True)
    texts = ROOT / "src" / "flow_telemetry" / "report"
    for name in ("page.css", "page.js"):
        assert (texts / name).read_text(encoding="utf-8") in shown


def test_only_page_and_comment_load_their_modules(loaded: Callable[..., set[str]]) -> None:
    """A usual run does not wait for them."""
    of_page = {"flow_telemetry.page", "flow_telemetry.report.html"}
    of_comment = {"flow_telemetry.comment", "flow_telemetry.github.comments"}
    assert (of_page | of_comment) & loaded() == set()
    assert of_page | of_comment <= loaded(page="true", comment="true")


@pytest.mark.parametrize(
    ("signals", "absent"),
    [
        ("traces", {"logs", "metrics"}),
        ("traces,events", {"metrics"}),
        ("traces,metrics", {"logs"}),
    ],
)
def test_the_messages_of_a_signal_that_is_off_stay_out(
    loaded: Callable[..., set[str]], signals: str, absent: set[str]
) -> None:
    """Each costs its share of the start, the messages and the SDK's part for it."""
    base = "opentelemetry.proto.collector."
    names = loaded(signals=signals)
    sent = {name.removeprefix(base).partition(".")[0] for name in names if name.startswith(base)}
    assert "trace" in sent
    assert sent & absent == set()
    parts = {"logs": "opentelemetry.sdk._logs", "metrics": "opentelemetry.sdk.metrics"}
    assert {parts[signal] for signal in absent} & names == set()
