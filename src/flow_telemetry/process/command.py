"""Commands, run as a shell runs them: streams, terminal, signals and exit status untouched."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from flow_telemetry.environment import finish_streams

if TYPE_CHECKING:
    import resource

# Commands. This module must load fast, because the command waits for it.


NOT_FOUND, NOT_EXECUTABLE, BY_SIGNAL = 127, 126, 128  # what shells return
_NAMES = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
PASSED_ON = frozenset(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_READ_BY_SHELLS = 80  # bytes of a file, for whether it is a script
# A terminal sends these to the whole group in its foreground, so to the command too.
_OF_TERMINALS = frozenset(s for s in PASSED_ON if s.name in {"SIGINT", "SIGQUIT"})
_OTHERS = frozenset(s for s in PASSED_ON if s.name in {"SIGUSR1", "SIGUSR2"})  # not to end it


class CannotStart(Exception):
    """A command cannot be started; the text and ``status`` are those of a shell."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that ended: times in nanoseconds, Unix, UTC; ``returncode`` is that of `Popen`.

    ``rusage`` counts the command and its children that it waited for; None on Windows. Its memory
    is never below ``rusage_floor``, in the same unit: between fork and exec the command has ours.
    ``stopped`` is whether a signal to end was passed on to it.
    """

    start: int
    end: int
    returncode: int
    rusage: resource.struct_rusage | None = None
    rusage_floor: int = 0
    stopped: bool = False

    @property
    def status(self) -> int:
        """The exit status that a shell would return."""
        return self.returncode if self.returncode >= 0 else BY_SIGNAL - self.returncode


class Child:
    """A running command. Signals to us are passed on to it.

    After its end they raise KeyboardInterrupt: they then end the export of the command.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start the command.

        Raises:
            CannotStart: there is no such command, or it cannot be executed.
        """
        self._process: subprocess.Popen[bytes] | None = None
        self._over = False
        self._stopped = False
        self._pending: list[int] = []  # signals
        for number in PASSED_ON:
            # An ignored signal (nohup) stays ignored, for the command too.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        self._floor = _read_own_peak()
        self._start, self._began = time.time_ns(), time.monotonic_ns()
        self._process = _start(words, environ)
        self._pass_on_all()

    @property
    def pid(self) -> int:
        """The process id of the command."""
        return 0 if self._process is None else self._process.pid

    def wait(self) -> Ended:
        """Wait for the end of the command."""
        if self._process is None:
            raise ValueError("the command was not started")
        rusage = None
        if sys.platform == "win32":
            returncode = self._process.wait()
        else:
            _, status, rusage = os.wait4(self._process.pid, 0)
            returncode = self._process.returncode = os.waitstatus_to_exitcode(status)
        self._over = True
        end = self._start + time.monotonic_ns() - self._began
        return Ended(
            start=self._start,
            end=end,
            returncode=returncode,
            rusage=rusage,
            rusage_floor=self._floor,
            stopped=self._stopped,
        )

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._over:
            raise KeyboardInterrupt
        self._stopped = self._stopped or number not in _OTHERS
        self._pending.append(number)
        self._pass_on_all()

    def _pass_on_all(self) -> None:
        while self._process is not None and self._pending:
            number = self._pending.pop(0)
            # A terminal has sent its signals to the command too.
            if sys.platform == "win32" or (number in _OF_TERMINALS and _terminal_is_ours()):
                continue
            # The command may have ended, or run as another user.
            with contextlib.suppress(OSError):
                os.kill(self.pid, number)


def exit_like(ended: Ended) -> int:
    """End as the command did: by its signal, or with its exit status; on Windows return that.

    Python's own exit is skipped, since unloading modules takes longer than a small command.
    """
    finish_streams()
    if sys.platform == "win32":
        return ended.status
    if ended.returncode < 0:
        import resource  # noqa: PLC0415 - POSIX only

        number = -ended.returncode
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))  # One core dump is enough.
        if number not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(ended.status)


def _start(words: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a command with all our open files: a jobserver's pipes, a shell's `<(...)`."""
    ignore_again = _stop_ignoring_children()
    ignored = ignored_at_start(environ)

    def start(*command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            command,
            env=environ,
            close_fds=False,
            # It would end the ignoring of signals that we were started with, too.
            restore_signals=False,
            preexec_fn=ignore_again,  # noqa: PLW1509 - no thread runs yet
        )

    try:
        if sys.platform == "win32":
            return start(_find_program(words[0], environ), *words[1:])
        with _default_dispositions(IGNORED_BY_PYTHON - ignored):
            return _start_program_or_script(start, words, environ)
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            is_path = os.sep in words[0] or "/" in words[0]
            missing = "No such file or directory" if is_path else "command not found"
            raise CannotStart(f"{words[0]}: {missing}", NOT_FOUND) from None
        is_folder = os.path.isdir(words[0])  # noqa: PTH112 - light
        reason = "Is a directory" if is_folder else error.strerror
        raise CannotStart(f"{words[0]}: {reason}", NOT_EXECUTABLE) from None


# Signals that Python ignores from its start on, for itself: what it was started with is lost.
IGNORED_BY_PYTHON = frozenset(
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)
)
# Programs that ignore SIGPIPE themselves, and let their children start without that: of Python
# (`restore_signals` of subprocess), Node.js (libuv's uv_spawn) and Rust (std::process::Command).
_RESTORING = ("python", "pypy", "node", "bun", "deno", "uv", "cargo", "just", "mise")


def ignored_at_start(environ: Mapping[str, str], proc: str = "/proc") -> frozenset[int]:
    """Return those signals of `IGNORED_BY_PYTHON` that we were started with as ignored.

    A program inherits ignored signals from its parent, and shells do not change them: so the parent
    shows them. GitHub's runner starts steps with SIGPIPE ignored. Without ``proc``, the folder of
    Linux, such a step is recognized by its variables.
    """
    parent = f"{proc}/{os.getppid()}"
    try:
        program = os.path.basename(os.readlink(f"{parent}/exe"))  # noqa: PTH115, PTH119 - light
        with open(f"{parent}/status", "rb") as file:  # noqa: PTH123 - light
            lines = file.read().splitlines()
        (ignored,) = (int(line[7:], 16) for line in lines if line.startswith(b"SigIgn:"))
    except (OSError, ValueError, AttributeError):
        in_step = environ.get("GITHUB_ACTIONS") == "true"
        return frozenset(s for s in IGNORED_BY_PYTHON if in_step and s.name == "SIGPIPE")
    if program.startswith(_RESTORING):
        return frozenset()
    return frozenset(number for number in IGNORED_BY_PYTHON if ignored >> (number - 1) & 1)


@contextlib.contextmanager
def _default_dispositions(signals: Iterable[int]) -> Iterator[None]:
    """Give signals their default disposition within, for a child that inherits it."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in signals}
    try:
        yield
    finally:
        for number, disposition in before.items():
            signal.signal(number, disposition)


def _stop_ignoring_children() -> Callable[[], object] | None:
    """Make the system keep the status of children, if we were started with SIGCHLD ignored.

    Return a function that restores this in the child; None if it was not ignored.
    """
    if sys.platform == "win32" or signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN:
        return None
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return functools.partial(signal.signal, signal.SIGCHLD, signal.SIG_IGN)


def _start_program_or_script(
    start: Callable[..., subprocess.Popen[bytes]],
    words: Sequence[str],
    environ: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    try:
        return start(*words)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        script = _find_program(words[0], environ)
        if not _may_be_script(script):
            raise
        # Shells run a script without a first line that names its shell themselves.
        return start("/bin/sh", script, *words[1:])


def _may_be_script(path: str) -> bool:
    """Whether a file's first line is text, and not a program for another system or processor.

    bash reads the same number of bytes (`check_binary_file`).
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - light
            line = file.readline(_READ_BY_SHELLS)
    except OSError:
        return False
    return b"\0" not in line and not line.startswith(b"\x7fELF")


def _find_program(name: str, environ: Mapping[str, str]) -> str:
    import shutil  # noqa: PLC0415 - rarely needed, and the command waits

    return shutil.which(name, path=environ.get("PATH")) or name


def _read_own_peak() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415 - POSIX only

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _terminal_is_ours() -> bool:
    """Whether we are in the foreground of a terminal."""
    if sys.platform == "win32":
        return True
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


# The environment at the start of this program, for the command.
#
# If the locale is C, Python sets LC_CTYPE to one of UTF-8 at its start, for itself and its children
# (PEP 538). `grep`, `sort` and `ls` behave differently in that locale.

_LC_CTYPE = "LC_CTYPE"
_PUT_BY_PYTHON = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
# Linux keeps the environment of a program's start, without later changes.
_START_ENVIRON = "/proc/self/environ"


def original_locale_environ(
    environ: Mapping[str, str], start_environ: str = _START_ENVIRON
) -> dict[str, str]:
    """Return our environment with the LC_CTYPE of our start, which may be none.

    ``start_environ`` is the file with the environment of our start. If it cannot be read, LC_CTYPE
    is guessed.
    """
    restored = dict(environ)
    if environ.get(_LC_CTYPE) not in _PUT_BY_PYTHON or environ.get("LC_ALL"):
        return restored
    try:
        with open(start_environ, "rb") as file:  # noqa: PTH123 - pathlib takes long to load
            entries = file.read().split(b"\0")
        name = f"{_LC_CTYPE}=".encode()
        first = next(
            (os.fsdecode(e.removeprefix(name)) for e in entries if e.startswith(name)), None
        )
    except OSError:
        first = _guess_first_locale(environ)
    if first is None:
        del restored[_LC_CTYPE]
    else:
        restored[_LC_CTYPE] = first
    return restored


def _guess_first_locale(environ: Mapping[str, str]) -> str | None:
    # Python turns its UTF-8 mode on for the same reason (PEP 540). Without that mode the user or
    # macOS' terminal has set the locale.
    if sys.platform == "win32" or not sys.flags.utf8_mode:
        return environ[_LC_CTYPE]
    # With another LANG, LC_CTYPE was C, or LANG is not installed: both behave like C.
    return None if environ.get("LANG", "") in {"", "C", "POSIX"} else "C"
