"""`flow-telemetry run`: the command does what it would do without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.faults import black_hole
from tests.fakes.receiver import Receiver
from tests.process.running import OUTER, python, run, words_of
from tests.support.waiting import until

from flow_telemetry.cli.run import may_send
from flow_telemetry.settings import EntryPoint, load_settings
from flow_telemetry.telemetry import Signal

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")

TRAP = """
import os, signal, sys, time
def tell(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
    sys.exit(42)
signal.signal(getattr(signal, sys.argv[1]), tell)
os.write(1, b"ready\\n")
time.sleep(90)
"""
# Python holds back what it is to write to a pipe or file.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
# Nothing listens on it, and no system gives it to anybody by chance.
REFUSED = "http://127.0.0.1:9"


@pytest.fixture
def environ(receiver: Receiver) -> dict[str, str]:
    """The environment of a job with an endpoint."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}


@pytest.fixture(params=["measured", "no endpoint"])
def either(request: pytest.FixtureRequest, environ: dict[str, str]) -> dict[str, str]:
    """The environment of a job with an endpoint, and of one without."""
    return environ if request.param == "measured" else {}


@pytest.mark.parametrize("status", [0, 77])
def test_the_exit_status_is_the_command_s(either: dict[str, str], status: int) -> None:
    """Whatever became of the telemetry."""
    assert run("--", *python(f"raise SystemExit({status})"), environ=either).returncode == status


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_it_dies_by_the_signal_that_ended_the_command(
    either: dict[str, str], number: signal.Signals
) -> None:
    """So a shell above tells it from an exit status."""
    done = run("--", "sh", "-c", f"kill -{number.value} $$", environ=either)
    assert done.returncode == -number


NOBODY_READS = r"""
import os, subprocess, sys
reading, writing = os.pipe()
os.close(reading)
raise SystemExit(subprocess.run(sys.argv[1:], stderr=writing).returncode)
"""


@posix
@pytest.mark.parametrize(
    "above",
    [
        pytest.param(["sh", "-c", '"$@" >&-', "sh"], id="output closed"),
        pytest.param(["sh", "-c", '"$@" 2>&-', "sh"], id="errors closed"),
        pytest.param(["sh", "-c", '"$@" <&- >&- 2>&-', "sh"], id="all closed"),
        pytest.param(python(NOBODY_READS), id="nobody reads errors"),
    ],
)
@pytest.mark.parametrize(
    ("words", "status"),
    [(["sh", "-c", "exit 0"], 0), (["sh", "-c", "exit 3"], 3), (["nosuch"], 127)],
)
@pytest.mark.parametrize("endpoint", ["", "no URL"])
def test_a_stream_that_cannot_be_written_changes_no_status(
    above: list[str], words: list[str], status: int, endpoint: str
) -> None:
    """There is something to tell, and nobody to tell it to."""
    done = subprocess.run(
        [*above, *words_of("run", "--", *words)],
        env={**BUFFERED, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert done.returncode == status


@posix
def test_wrong_usage_keeps_its_status_where_nobody_can_be_told() -> None:
    """Python ends with 120 where it cannot write what it still holds."""
    done = subprocess.run(
        [*python(NOBODY_READS), *words_of("run")], env=BUFFERED, timeout=60, check=False
    )
    assert done.returncode == 2


@posix
def test_ignored_ends_of_children_stay_ignored(either: dict[str, str]) -> None:
    """The system then keeps no status of a child, but its exit status is told all the same."""
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    told = "import signal; print(signal.getsignal(signal.SIGCHLD).name); raise SystemExit(3)"
    done = subprocess.run(
        [*python(ignoring), *words_of("run", "--", *python(told))],
        env={**os.environ, **either},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "SIG_IGN\n", "")


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"])
def test_signals_are_passed_on(environ: dict[str, str], name: str) -> None:
    """The command decides what they mean."""
    words = words_of("run", "--", *python(TRAP), name)
    with subprocess.Popen(
        words, env={**os.environ, **environ}, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
        assert process.stdout.readline() == f"{name}\n"
        assert process.wait(60) == 42


@posix
def test_a_command_that_was_told_to_end_did_not_fail(receiver: Receiver) -> None:
    """A cancelled job is no error."""
    words = words_of("run", "--", "sh", "-c", "echo ready; exec sleep 90")
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(60) == -signal.SIGTERM
    (span,) = receiver.spans
    assert span.attributes["flow.command.signal"] == "SIGTERM"
    assert "error.type" not in span.attributes


@posix
def test_an_ignored_signal_stays_ignored(environ: dict[str, str]) -> None:
    """As `nohup` wants it."""
    told = python("import signal; print(signal.getsignal(signal.SIGHUP).name)")
    done = subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *words_of("run", "--", *told)],
        env={**os.environ, **environ},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.stdout == "SIG_IGN\n"


def test_streams_are_the_command_s(either: dict[str, str]) -> None:
    """Bytes go through as they are, in both directions."""
    data = bytes(range(256)) * 1000
    copy = (
        "import sys; d = sys.stdin.buffer.read(); "
        "sys.stdout.buffer.write(d); sys.stderr.buffer.write(d[::-1])"
    )
    done = subprocess.run(
        words_of("run", "--", *python(copy)),
        input=data,
        env={**os.environ, **either},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, data, data[::-1])


@posix
def test_inherited_files_stay_open(environ: dict[str, str]) -> None:
    """A shell's `<(...)`, or the pipes of make's jobserver."""
    reading, writing = os.pipe()
    os.write(writing, b"token")
    os.close(writing)
    done = run("--", *python(f"import os; print(os.read({reading}, 9))"), environ=environ,
               pass_fds=[reading])  # fmt: skip
    os.close(reading)
    assert done.stdout == "b'token'\n"


COUNT = """
import os, signal, time
times = []
signal.signal(signal.SIGINT, lambda *_: times.append(1))
print("terminal", all(map(os.isatty, (0, 1, 2))), flush=True)
def wait(seconds, enough):
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(times) < enough:
        time.sleep(0.05)
wait(60, 1)
wait(0.5, 2)  # a second one would follow at once
print("interrupted", len(times), "times", flush=True)
"""
# A terminal with somebody who waits for the first line, presses Ctrl-C and reads on.
TERMINAL = """
import os, pty, sys
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
def read_until(text):
    shown = b""
    while text not in shown:
        shown += os.read(master, 1024)
    sys.stdout.buffer.write(shown)
read_until(b"terminal True")
os.write(master, b"\\x03")
read_until(b"times")
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status))
"""


@posix
def test_the_terminal_is_the_command_s_and_ctrl_c_comes_once(either: dict[str, str]) -> None:
    """The terminal tells the whole group in its foreground, so nothing is passed on."""
    done = subprocess.run(
        [*python(TERMINAL), *words_of("run", "--", *python(COUNT))],
        env={**os.environ, **either},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert "interrupted 1 times" in done.stdout
    assert done.stdout.split()[-1] == "0"


@posix
@pytest.mark.parametrize(
    ("word", "status", "text"),
    [
        ("no-such-command", 127, "no-such-command: command not found"),
        ("./no/such", 127, "./no/such: No such file or directory"),
        ("./plain", 126, "./plain: Permission denied"),
        (".", 126, ".: Is a directory"),
    ],
)
def test_what_cannot_be_run_has_the_shell_s_status(
    either: dict[str, str], tmp_path: Path, word: str, status: int, text: str
) -> None:
    """And its message."""
    (tmp_path / "plain").write_text("data")
    done = run("--", word, environ=either, folder=tmp_path)
    assert (done.returncode, done.stderr) == (status, f"flow-telemetry: {text}\n")


@posix
def test_a_script_without_a_first_line_is_run_by_the_shell(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """As shells do."""
    script = tmp_path / "script"
    script.write_text("echo $1\nexit 5\n")
    script.chmod(0o755)
    done = run("--", "./script", "it runs", environ=environ, folder=tmp_path)
    assert (done.returncode, done.stdout) == (5, "it runs\n")


@posix
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x7fELFxx\necho it ran\n", id="ELF"),
        pytest.param(b"\xcf\xfa\xed\xfe\x0c\0\0\x01 \necho it ran\n", id="Mach-O"),
        pytest.param(b"MZ\x90\0\necho it ran\n", id="Windows"),
    ],
)
def test_a_program_for_another_system_is_no_script(
    either: dict[str, str], tmp_path: Path, content: bytes
) -> None:
    """A shell would run whatever looks like a command in it."""
    program = tmp_path / "program"
    program.write_bytes(content)
    program.chmod(0o755)
    done = run("--", "./program", environ=either, folder=tmp_path)
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr.startswith("flow-telemetry: ./program: ")


def test_options_of_the_command_are_its_own(environ: dict[str, str]) -> None:
    """Also where they look like ours, with and without the two dashes."""
    told = python("import sys; print(sys.argv[1:])")
    assert run("--", *told, "--name", "--", environ=environ).stdout == "['--name', '--']\n"
    assert run(*told, "--name", environ=environ).stdout == "['--name']\n"


def test_no_command_is_wrong_usage() -> None:
    """Nothing is run, and a sentence says what is missing."""
    done = run("--name", "nothing")
    assert done.returncode == 2
    assert "the command is missing" in done.stderr


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="no endpoint"),
        pytest.param({"OTEL_SDK_DISABLED": "true"}, id="disabled"),
        pytest.param({"OTEL_TRACES_EXPORTER": "none"}, id="no exporter"),
        pytest.param({"TRACEPARENT": f"{OUTER[:-1]}0"}, id="not sampled"),
    ],
)
def test_where_nothing_is_sent_the_context_is_handed_on(
    receiver: Receiver, tmp_path: Path, more: dict[str, str]
) -> None:
    """What the command sends would have no parent otherwise; and no file is left."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url} if more else {}
    environ = {"TRACEPARENT": OUTER, **endpoint, **more}
    told = python("import os; print(os.environ['TRACEPARENT'])")
    done = run("--", *told, environ=environ, folder=tmp_path)
    assert (done.stdout, done.stderr) == (f"{environ['TRACEPARENT']}\n", "")
    assert receiver.requests == []
    assert list(tmp_path.iterdir()) == []


def test_the_command_finds_its_own_span(receiver: Receiver) -> None:
    """State and baggage of the trace go along."""
    handed = {"TRACEPARENT": OUTER, "TRACESTATE": "acme=1", "BAGGAGE": "k=v;p=1"}
    told = python(
        "import os; print(*(os.environ[n] for n in ('TRACEPARENT', 'TRACESTATE', 'BAGGAGE')))"
    )
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **handed}
    parent, state, baggage = run("--", *told, environ=environ).stdout.split()
    (span,) = receiver.spans
    assert parent == f"00-{span.trace_id}-{span.span_id}-01"
    assert (state, baggage) == ("acme=1", "k=v;p=1")


@pytest.mark.parametrize("place", ["RUNNER_TEMP", "FLOW_TELEMETRY_SPOOL_PATH", None])
def test_what_the_backend_does_not_take_is_kept(tmp_path: Path, place: str | None) -> None:
    """With the exports' spool in a job; the command's status stays, and a sentence tells."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": REFUSED, "FLOW_TELEMETRY_TIMEOUT": "4s"}
    if place is not None:
        environ[place] = str(tmp_path / "there")
    done = run("--", *python("raise SystemExit(4)"), environ=environ, folder=tmp_path)
    assert done.returncode == 4
    assert "the measurements of the command were not sent in full" in done.stderr
    assert "refused the connection" in done.stderr
    (kept,) = tmp_path.rglob("traces-*.otlp.gz")
    folders = {
        "RUNNER_TEMP": "there/flow-telemetry/spool",
        "FLOW_TELEMETRY_SPOOL_PATH": "there",
    }
    assert kept.parent.parent == tmp_path / folders.get(place or "", "flow-telemetry-spool")


@pytest.mark.parametrize(
    "broken",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "no URL"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "s3cret"},
        {"FLOW_TELEMETRY_TIMEOUT": "never"},
    ],
)
def test_unusable_settings_are_told_afterwards(receiver: Receiver, broken: dict[str, str]) -> None:
    """The command ran, and its exit status is its own."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **broken}
    done = run("--", *python("print('done'); raise SystemExit(4)"), environ=environ)
    assert (done.returncode, done.stdout) == (4, "done\n")
    assert "were not sent" in done.stderr
    assert "s3cret" not in done.stderr


def test_nothing_heavy_is_loaded_before_the_command_starts() -> None:
    """It would wait for it: neither OpenTelemetry nor HTTP, the settings or the records."""
    program = (
        "import sys; from flow_telemetry.cli import main; main.build_parser('run'); "
        "print(*sorted(n for n in sys.modules if n.startswith('flow_telemetry.')"
        " or n in ('opentelemetry', 'requests', 'urllib3', 'psutil', 'google', 'asyncio')))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert loaded.stdout.split() == [
        *("flow_telemetry.cli", "flow_telemetry.cli.main", "flow_telemetry.cli.parser"),
        "flow_telemetry.cli.run",
        *("flow_telemetry.environment", "flow_telemetry.errors", "flow_telemetry.process"),
        *("flow_telemetry.process.cgroup", "flow_telemetry.process.command"),
        "flow_telemetry.process.context",
    ]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"},
        {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://localhost:4318/v1/logs"},
        {"FLOW_TELEMETRY_OTLP_ENDPOINT": "http://localhost:4318"},
        {"FLOW_TELEMETRY_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "TRUE"},
        {"FLOW_TELEMETRY_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_TRACES_EXPORTER": "none"},
        {"FLOW_TELEMETRY_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_LOGS_EXPORTER": "none"},
    ],
)
def test_the_quick_look_at_the_settings_agrees_with_them(environ: dict[str, str]) -> None:
    """They take too long to load before the command, which must know whether a span follows."""
    targets = load_settings(environ, EntryPoint.COMMAND_LINE).otlp.targets
    assert may_send(environ) == (Signal.TRACES in targets)


@posix
def test_a_signal_while_sending_ends_the_sending_only(tmp_path: Path, receiver: Receiver) -> None:
    """The command has ended, so its status is what is told."""
    receiver.script("/v1/traces", black_hole())
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "RUNNER_TEMP": str(tmp_path)}
    words = words_of("run", "--", *python("raise SystemExit(4)"))
    with subprocess.Popen(
        words, env={**os.environ, **environ}, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        until(lambda: receiver.requests, "nothing is sent")
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "were not sent" in process.stderr.read()
        assert process.wait(60) == 4
    assert len(list(tmp_path.rglob("traces-*.otlp.gz"))) == 1
