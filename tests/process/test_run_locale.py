"""`flow-telemetry run`: the command has the locale that it would have without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.receiver import Receiver
from tests.process.running import words_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux keeps what was at the start")

# Programs that are not Python: that would put another locale into its own environment.
LISTED = ["env"]
GUESSED = """
import os
from flow_telemetry.process.command import original_locale_environ
for name, value in original_locale_environ(os.environ, "/no/such/file").items():
    print(f"{name}={value}")
"""


def started(words: list[str], environ: dict[str, str]) -> str:
    """Return what it writes when no other locale is set."""
    others = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    for name in ("PYTHONUTF8", "PYTHONCOERCECLOCALE"):
        others.pop(name, None)
    return subprocess.run(
        words, env=others | environ, capture_output=True, encoding="utf-8", errors="replace",
        timeout=60, check=False,
    ).stdout  # fmt: skip


def locale_in(listed: str) -> dict[str, str]:
    """Return the variables of the locale among those listed."""
    found = (line.partition("=") for line in listed.splitlines())
    return {name: value for name, _, value in found if name.startswith(("LC_", "LANG"))}


@linux
@pytest.mark.parametrize(
    "locale",
    [
        pytest.param({}, id="none"),
        pytest.param({"LANG": "C"}, id="C"),
        pytest.param({"LANG": "xx_XX.UTF-8"}, id="not installed"),
        pytest.param({"LC_CTYPE": ""}, id="empty"),
        pytest.param({"LC_CTYPE": "POSIX", "LANG": "C.UTF-8"}, id="POSIX for characters"),
        pytest.param({"LC_CTYPE": "C.UTF-8", "LC_COLLATE": "C"}, id="UTF-8"),
        pytest.param({"LC_ALL": "C", "LC_CTYPE": "C.UTF-8"}, id="all C"),
    ],
)
@pytest.mark.parametrize("measured", [True, False])
def test_the_locale_is_the_command_s(
    receiver: Receiver, locale: dict[str, str], *, measured: bool
) -> None:
    """Python takes another one where it finds C, and would hand it on."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url} if measured else {}
    assert locale_in(started(words_of("run", "--", *LISTED), endpoint | locale)) == locale


@posix
def test_bytes_mean_what_they_mean_without_it(tmp_path: Path) -> None:
    """What is no UTF-8 is text to grep where the locale is C."""
    data = tmp_path / "data"
    data.write_bytes(b"\xff\xfe abc\n")
    words = ["grep", "abc", str(data)]
    assert started(words_of("run", "--", *words), {}) == started(words, {})


@posix
@pytest.mark.parametrize(
    ("locale", "restored"),
    [
        ({}, {}),
        ({"LANG": "POSIX"}, {"LANG": "POSIX"}),
        ({"LC_CTYPE": "C"}, {}),
        # What makes it C is not known, but that it did is.
        ({"LANG": "xx_XX.UTF-8"}, {"LANG": "xx_XX.UTF-8", "LC_CTYPE": "C"}),
    ],
)
def test_elsewhere_the_locale_is_guessed_from_what_python_did(
    locale: dict[str, str], restored: dict[str, str]
) -> None:
    """No other system tells it, and the effect is the same."""
    assert locale_in(started([sys.executable, "-c", GUESSED], locale)) == restored


@linux
def test_a_locale_of_utf_8_that_was_chosen_is_kept_elsewhere_too() -> None:
    """As macOS' terminal sets it."""
    chosen = {"LC_CTYPE": "C.UTF-8"}
    assert locale_in(started([sys.executable, "-c", GUESSED], chosen)) == chosen
