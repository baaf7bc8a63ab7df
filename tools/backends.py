"""Builds the real backends of the tests from their pinned Go modules: `make backends`.

Each folder below `tests/backends/` with a `go.mod` is one program: the package that its `tool` line
names, or the folder's own `main.go`; a comment `// tags:` has build tags. ClickHouse is a package
of Python, `requirements/clickhouse.txt`: its program is the Python of an environment of its own. A
program is kept in `.backends/` under the hash of the files that it was made from. Nothing of it is
part of what is released.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLICKHOUSE = "clickhouse"
OLDEST_GO = (1, 26)
# What the tests of backends are skipped with where the programs cannot be had.
NO_GO = "no Go 1.26 or newer"
NO_PROXY = "the Go module proxy does not answer"
_TOOL = re.compile(r"^tool (\S+)$", re.MULTILINE)
_TAGS = re.compile(r"^// tags: (\S+)$", re.MULTILINE)
_VERSION = re.compile(r"go(\d+)\.(\d+)")
_LONGEST_RESPONSE_SECONDS = 15.0


@dataclass(frozen=True)
class Places:
    """The folders of the programs' modules and of their binaries, and the lock of ClickHouse."""

    sources: Path = ROOT / "tests" / "backends"
    lock: Path = ROOT / "requirements" / "clickhouse.txt"
    binaries: Path = ROOT / ".backends"


HERE = Places()


def names(places: Places = HERE) -> tuple[str, ...]:
    """Return the names of all programs."""
    return tuple(sorted([CLICKHOUSE, *(path.parent.name for path in _modules(places))]))


def binary(name: str, places: Places = HERE) -> Path:
    """Return where the binary of a program is, or will be once it is built."""
    digest = hashlib.sha256()
    for path in _made_from(name, places):
        # As git checks them out on Linux.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    made = places.binaries / f"{name}-{digest.hexdigest()[:16]}"
    if name == CLICKHOUSE:
        return made / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return made.with_name(f"{made.name}.exe") if os.name == "nt" else made


@cache
def why_not() -> str:
    """Return why programs cannot be built on this machine; empty if they can."""
    go = shutil.which("go")
    if go is None:
        return NO_GO
    # Without this, an older Go would download a newer one.
    found = _go_env(go, "GOVERSION")
    version = _VERSION.match(found)
    if version is None or tuple(map(int, version.groups())) < OLDEST_GO:
        return f"{NO_GO}: {found or 'go env failed'}"
    proxies = [each for each in re.split("[,|]", _go_env(go, "GOPROXY")) if "://" in each]
    if not any(map(_responds, proxies)):
        return f"{NO_PROXY}: {', '.join(proxies) or 'there is none'}"
    return ""


def build(name: str, places: Places = HERE) -> Path:
    """Build a program unless its binary is there, and return the binary.

    Raises:
        subprocess.CalledProcessError: `go build` or `pip install` failed.
    """
    program = binary(name, places)
    # Below `.backends/` lies the binary itself, or the environment of Python that it is in.
    made = places.binaries / program.relative_to(places.binaries).parts[0]
    if program.exists():
        print(f"{name}: {made.name} is there", flush=True)
        return program
    places.binaries.mkdir(exist_ok=True)
    began, partial = time.monotonic(), made.with_name(f"{made.name}.partial{os.getpid()}")
    try:
        if name == CLICKHOUSE:
            _install(partial, places.lock)
        else:
            _compile(places.sources / name, partial)
        partial.replace(made)
    finally:
        _remove(partial)
    for old in places.binaries.glob(f"{name}-*"):
        if old != made:
            _remove(old)
    print(f"{name}: built in {time.monotonic() - began:.0f} s", flush=True)
    return program


def main(words: list[str], places: Places = HERE) -> int:
    """Build the named programs, or all; with `--if-possible` only where they can be built."""
    chosen = [word for word in words if not word.startswith("--")] or list(names(places))
    missing = {name for name in chosen if not binary(name, places).exists()}
    # Without Go, CI has none of them; ClickHouse alone can be asked for.
    reason = why_not() if missing - {CLICKHOUSE} else ""
    if reason and "--if-possible" in words:
        print(f"backends are not built: {reason}")
        return 0
    if reason:
        print(f"backends cannot be built: {reason}", file=sys.stderr)
        return 1
    began = time.monotonic()
    try:
        for name in chosen:
            build(name, places)
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(error.cmd)} failed; its messages are above", file=sys.stderr)
        return 1
    print(f"all of it took {time.monotonic() - began:.0f} s", flush=True)
    return 0


def _modules(places: Places) -> list[Path]:
    return sorted(places.sources.glob("*/go.mod"))


def _made_from(name: str, places: Places) -> list[Path]:
    """Return the files that decide what a program is."""
    if name == CLICKHOUSE:
        return [places.lock]
    paths = sorted((places.sources / name).iterdir())
    return [path for path in paths if path.name in ("go.mod", "go.sum") or path.suffix == ".go"]


def _compile(folder: Path, target: Path) -> None:
    module = (folder / "go.mod").read_text(encoding="utf-8")
    tool, tags = _TOOL.search(module), _TAGS.search(module)
    subprocess.run(  # noqa: S603
        [
            *("go", "build", "-o", str(target)),
            *(("-tags", tags[1]) if tags else ()),
            tool[1] if tool else ".",
        ],
        cwd=folder,
        env=_environ(),
        check=True,
    )


def _install(target: Path, lock: Path) -> None:
    """Make an environment of Python; it works as well once it is moved to its own name."""
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)  # noqa: S603
    python = target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    words = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(lock)]
    subprocess.run([*pip, *words], check=True)  # noqa: S603


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _environ() -> dict[str, str]:
    """Return the environment of go: `go.sum` is what counts, and is not written."""
    flags = "-mod=readonly -buildvcs=false"
    return {**os.environ, "GOFLAGS": flags, "GOTOOLCHAIN": "local", "GOWORK": "off"}


def _go_env(go: str, name: str) -> str:
    done = subprocess.run(  # noqa: S603
        [go, "env", name],
        cwd=ROOT,
        env=_environ(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout.strip()


def _responds(proxy: str) -> bool:
    """Whether a proxy responds at all, be it with an error of HTTP."""
    if proxy.startswith("file://"):
        return True
    try:
        with urllib.request.urlopen(proxy, timeout=_LONGEST_RESPONSE_SECONDS):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
