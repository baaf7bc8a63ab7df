"""The completion of shells knows the commands, flags and values of the program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.program import Program

BASH = shutil.which("bash")


@pytest.fixture
def scripts(program: Program, tmp_path: Path) -> Path:
    """A folder with the script of each shell."""
    for shell in ("bash", "zsh", "fish"):
        result = program.command("completion", shell)
        assert (result.status, result.stderr) == (0, "")
        (tmp_path / shell).write_text(result.stdout, encoding="utf-8")
    return tmp_path


def completed(scripts: Path, *words: str) -> set[str]:
    """What bash offers for the last of the words."""
    assert BASH is not None
    line = " ".join(f"'{word}'" for word in ("flow-telemetry", *words))
    commands = f"""
        source ./bash
        COMP_WORDS=({line}); COMP_CWORD={len(words)}
        _flow_telemetry
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    found = subprocess.run(
        [BASH, "--norc", "-c", commands], cwd=scripts, capture_output=True, text=True, check=True
    )
    assert found.stderr == ""
    return set(found.stdout.split())


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ex",), {"export", "explain"}),
        (("export", "ch"), {"change"}),
        (("export", "run", "--det"), {"--detail"}),
        (("export", "run", "--detail", ""), {"step", "job", "run"}),
        (("export", "run", "--detail", "=", "j"), {"job"}),
        (("export", "--trace-sc"), {"--trace-scope"}),
        (("export", "item", "--sna"), set()),
        (("export", "feature", "--sna"), {"--snapshot"}),
        (("export", "run", "--backend", "grafana"), {"grafana-cloud"}),
        (("sweep", "--since", ""), set()),
        (("completion", ""), {"bash", "zsh", "fish"}),
    ],
)
def test_bash_completes(scripts: Path, words: tuple[str, ...], expected: set[str]) -> None:
    """Commands, kinds, the flags that have an effect, and the values of a choice."""
    found = completed(scripts, *words)
    assert found - {"-h", "--help", "--help-all"} == expected


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_bash_completes_files(scripts: Path) -> None:
    """After flags that name a file, and as arguments of a replay."""
    assert completed(scripts, "export", "run", "--output", "ba") == {"bash"}
    assert completed(scripts, "replay", "zs") == {"zsh"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_script_has_every_command(scripts: Path, shell: str) -> None:
    """And is accepted by its shell, if that is installed."""
    text = (scripts / shell).read_text(encoding="utf-8")
    for word in ("export", "sweep", "explain", "check", "replay", "snapshot", "change"):
        assert word in text
    if executable := shutil.which(shell):
        checked = subprocess.run(
            [executable, "-n", str(scripts / shell)], capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, "")


def test_another_shell_is_told(program: Program) -> None:
    """With the nearest one."""
    result = program.command("completion", "fsh")
    assert (result.status, result.stdout) == (2, "")
    assert "must be one of bash, zsh, fish, not 'fsh'. Did you mean fish?" in result.stderr
