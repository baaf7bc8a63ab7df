"""Running a command as a shell would."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import resource

# Telling something beside a command, whose exit status holds even where nobody can be told.


def write_stderr(line: str) -> None:
    """Write a line to standard error, if that is open and takes it."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(f"flow-telemetry: {line}\n")


def finish_streams() -> None:
    """Write what is left; a stream that does not take it is let go.

    Else Python would try again at its end, and exit with a status of its own.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, None)


# Running a command as a shell would: its streams, terminal, signals and exit status untouched.
#
# Nothing here may take long to load, for the command waits until it is.


NOT_FOUND, NOT_EXECUTABLE, BY_SIGNAL = 127, 126, 128  # what shells return
_NAMES = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
PASSED_ON = frozenset(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_READ_BY_SHELLS = 80  # bytes of a file, for whether it is a script
# A terminal sends these to the whole group in its foreground, so to the command too.
_OF_TERMINALS = frozenset(s for s in PASSED_ON if s.name in {"SIGINT", "SIGQUIT"})
_OTHERS = frozenset(s for s in PASSED_ON if s.name in {"SIGUSR1", "SIGUSR2"})  # end nothing


class CannotStart(Exception):
    """A command cannot be started; text and ``status`` are a shell's."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that ended: times in nanoseconds, Unix, UTC; ``returncode`` is that of `Popen`.

    ``rusage`` counts the command and all below it that was waited for, where the system tells. Its
    memory is never below ``rusage_floor``, in the same unit: between fork and exec the command has
    ours.
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
        """The exit status that a shell would tell."""
        return self.returncode if self.returncode >= 0 else BY_SIGNAL - self.returncode


class Child:
    """A command that runs. Signals that we are sent meanwhile are passed on to it.

    Where it has ended, they raise KeyboardInterrupt: whatever is done after it is not worth more.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start it.

        Raises:
            CannotStart: there is no such command, or it cannot be executed.
        """
        self._process: subprocess.Popen[bytes] | None = None
        self._over = False
        self._stopped = False
        self._waiting: list[int] = []  # signals that are not passed on yet
        for each in PASSED_ON:
            # One that is ignored (nohup) stays so for the command too.
            if signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, self._receive)
        self._floor = _own_peak()
        self._start, self._began = time.time_ns(), time.monotonic_ns()
        self._process = _started(words, environ)
        self._pass_on_all()

    @property
    def pid(self) -> int:
        """The process id of the command."""
        return 0 if self._process is None else self._process.pid

    def wait(self) -> Ended:
        """Return when it has ended."""
        if self._process is None:
            raise ValueError("nothing was started")
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
        self._waiting.append(number)
        self._pass_on_all()

    def _pass_on_all(self) -> None:
        while self._process is not None and self._waiting:
            self._pass_on(self._waiting.pop(0))

    def _pass_on(self, number: int) -> None:
        if sys.platform == "win32" or (number in _OF_TERMINALS and _terminal_is_ours()):
            return  # It has it already.
        try:
            os.kill(self.pid, number)
        except OSError:
            return  # It ended, or became another user's.


def exit_like(ended: Ended) -> int:
    """End as the command did: by its signal, or with its exit status; on Windows return that.

    Python would first take down all that was loaded, which takes longer than a small command.
    """
    finish_streams()
    if sys.platform == "win32":
        return ended.status
    if ended.returncode < 0:
        _die_by(-ended.returncode)
    os._exit(ended.status)


def _die_by(number: int) -> None:
    import resource  # noqa: PLC0415 - POSIX only

    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))  # One core dump is enough.
    if number not in {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _started(words: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start it with all that we inherited: a jobserver's pipes, a shell's `<(...)`."""
    ignore_again = _heed_children()

    def started(*command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            command,
            env=environ,
            close_fds=False,
            preexec_fn=ignore_again,  # noqa: PLW1509 - no thread runs yet
        )

    try:
        if sys.platform == "win32":
            return started(_found(words[0], environ), *words[1:])
        return _as_script(started, words, environ)
    except OSError as error:
        raise _cannot_start(words[0], error) from None


def _heed_children() -> Callable[[], object] | None:
    """Have the system keep a child's status for us, where we were started without that.

    Return what gives the child the same start, None where there is nothing to do.
    """
    if sys.platform == "win32" or signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN:
        return None
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return functools.partial(signal.signal, signal.SIGCHLD, signal.SIG_IGN)


def _as_script(
    started: Callable[..., subprocess.Popen[bytes]],
    words: Sequence[str],
    environ: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    try:
        return started(*words)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        script = _found(words[0], environ)
        if not _may_be_script(script):
            raise
        # Without a first line that names its shell: shells run it themselves.
        return started("/bin/sh", script, *words[1:])


def _may_be_script(path: str) -> bool:
    """Whether a file's first line is text, so no program for another system or processor.

    Shells look at as much of it (`check_binary_file` of bash).
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - light
            line = file.readline(_READ_BY_SHELLS)
    except OSError:
        return False
    return b"\0" not in line and not line.startswith(b"\x7fELF")


def _found(name: str, environ: Mapping[str, str]) -> str:
    import shutil  # noqa: PLC0415 - rarely needed, and the command waits

    return shutil.which(name, path=environ.get("PATH")) or name


def _cannot_start(name: str, error: OSError) -> CannotStart:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        is_path = os.sep in name or "/" in name
        missing = "No such file or directory" if is_path else "command not found"
        return CannotStart(f"{name}: {missing}", NOT_FOUND)
    reason = "Is a directory" if os.path.isdir(name) else error.strerror  # noqa: PTH112 - light
    return CannotStart(f"{name}: {reason}", NOT_EXECUTABLE)


def _own_peak() -> int:
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


# The environment that this program was started with, for the command that it starts.
#
# Where the locale is C, Python puts one of UTF-8 into LC_CTYPE before anything of ours runs, for
# itself and all that it starts (PEP 538). `grep`, `sort` and `ls` would do something else there.

_LC_CTYPE = "LC_CTYPE"
_PUT_BY_PYTHON = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
# Linux keeps the environment of a program's start, whatever it puts there later.
_OF_THE_START = "/proc/self/environ"


def original_locale_environ(
    environ: Mapping[str, str], of_the_start: str = _OF_THE_START
) -> dict[str, str]:
    """Return our environment with the LC_CTYPE that we were started with, or without one.

    ``of_the_start`` is the file that tells it; without it, it is guessed.
    """
    restored = dict(environ)
    if environ.get(_LC_CTYPE) not in _PUT_BY_PYTHON or environ.get("LC_ALL"):
        return restored
    try:
        first = _first_locale(of_the_start)
    except OSError:
        first = _likely_first_locale(environ)
    if first is None:
        del restored[_LC_CTYPE]
    else:
        restored[_LC_CTYPE] = first
    return restored


def _first_locale(path: str) -> str | None:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes long to load
        entries = file.read().split(b"\0")
    name = f"{_LC_CTYPE}=".encode()
    return next((os.fsdecode(e.removeprefix(name)) for e in entries if e.startswith(name)), None)


def _likely_first_locale(environ: Mapping[str, str]) -> str | None:
    # Python turns its UTF-8 mode on for the same reason (PEP 540). Without it a user chose the
    # locale, or macOS' terminal.
    if sys.platform == "win32" or not sys.flags.utf8_mode:
        return environ[_LC_CTYPE]
    # With another LANG there was a LC_CTYPE of C, or LANG is not installed: C has both effects.
    return None if environ.get("LANG", "") in {"", "C", "POSIX"} else "C"
