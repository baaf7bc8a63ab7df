"""Builds the real backends of the tests from their pinned Go modules: `make backends`.

Each folder below `tests/backends/` with a `go.mod` is one program: the package that its `tool` line
names, or the folder's own `main.go`; a comment `// tags:` has build tags. ClickHouse and Phoenix
are packages of Python, locked in `requirements`: each program is the Python of an environment of
its own. The folder with a `package-lock.json` is a script for Node.js. A program is kept in
`.backends/` under the hash of the files that it was made from. Nothing of it is part of what is
released.
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
CLICKHOUSE, PHOENIX, TRACEQL = "clickhouse", "phoenix", "traceql"
ENVIRONMENTS = (CLICKHOUSE, PHOENIX)
OLDEST_GO = (1, 26)
# What the tests of backends are skipped with where the programs cannot be had.
NO_GO = "no Go 1.26 or newer"
NO_PROXY = "the Go module proxy does not answer"
NO_NPM = "no npm"
_TOOL = re.compile(r"^tool (\S+)$", re.MULTILINE)
_TAGS = re.compile(r"^// tags: (\S+)$", re.MULTILINE)
_VERSION = re.compile(r"go(\d+)\.(\d+)")
_LONGEST_RESPONSE_SECONDS = 15.0


@dataclass(frozen=True)
class Places:
    """The folders of the programs' modules, of the locks of Python packages, and of binaries."""

    sources: Path = ROOT / "tests" / "backends"
    locks: Path = ROOT / "requirements"
    binaries: Path = ROOT / ".backends"

    def lock(self, name: str) -> Path:
        """Return the lock of an environment of Python."""
        return self.locks / f"{name}.txt"


HERE = Places()


def names(places: Places = HERE) -> tuple[str, ...]:
    """Return the names of all programs."""
    modules = (path.parent.name for path in places.sources.glob("*/go.mod"))
    return tuple(sorted([*ENVIRONMENTS, TRACEQL, *modules]))


def binary(name: str, places: Places = HERE) -> Path:
    """Return where the binary of a program is, or will be once it is built."""
    digest = hashlib.sha256()
    for path in _made_from(name, places):
        # As git checks them out on Linux.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    made = places.binaries / f"{name}-{digest.hexdigest()[:16]}"
    if name in ENVIRONMENTS:
        return made / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if name == TRACEQL:
        return made / "parse.mjs"
    return made.with_name(f"{made.name}.exe") if os.name == "nt" else made


def why_not(name: str) -> str:
    """Return why a program is not built on this machine without being named; empty if it is.

    Without Go there are none: those that need no Go are too large to be downloaded for themselves.
    """
    return why_no_go() or (NO_NPM if name == TRACEQL and shutil.which("npm") is None else "")


@cache
def why_no_go() -> str:
    """Return why modules of Go cannot be built on this machine; empty if they can."""
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
        subprocess.CalledProcessError: `go build`, `pip install` or `npm ci` failed.
    """
    program = binary(name, places)
    # Below `.backends/` lies the binary itself, or the environment that it is in.
    made = places.binaries / program.relative_to(places.binaries).parts[0]
    if program.exists():
        print(f"{name}: {made.name} is there", flush=True)
        return program
    places.binaries.mkdir(exist_ok=True)
    began, partial = time.monotonic(), made.with_name(f"{made.name}.partial{os.getpid()}")
    try:
        if name in ENVIRONMENTS:
            _install(partial, places.lock(name))
        elif name == TRACEQL:
            _install_packages(places.sources / name, partial)
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
    """Build the named programs, or all; with `--if-possible` only those that can be built."""
    named = [word for word in words if not word.startswith("--")]
    chosen = named or list(names(places))
    reasons = {
        name: reason
        for name in chosen
        # Environments of Python need nothing that is not here; by name, one can be asked for.
        if not binary(name, places).exists() and not (name in named and name in ENVIRONMENTS)
        if (reason := why_not(name))
    }
    for reason in sorted({*reasons.values()}):
        without = ", ".join(name for name in reasons if reasons[name] == reason)
        if "--if-possible" not in words:
            print(f"cannot be built: {without}: {reason}", file=sys.stderr)
            return 1
        print(f"not built: {without}: {reason}")
    chosen = [name for name in chosen if name not in reasons]
    began = time.monotonic()
    try:
        for name in chosen:
            build(name, places)
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(error.cmd)} failed; its messages are above", file=sys.stderr)
        return 1
    print(f"all of it took {time.monotonic() - began:.0f} s", flush=True)
    return 0


def _made_from(name: str, places: Places) -> list[Path]:
    """Return the files that decide what a program is."""
    if name in ENVIRONMENTS:
        return [places.lock(name)]
    paths = sorted((places.sources / name).iterdir())
    if name == TRACEQL:
        return [path for path in paths if path.suffix in (".json", ".mjs")]
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


def _install_packages(folder: Path, target: Path) -> None:
    """Install the locked packages of Node.js beside a copy of the script; none of them runs."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("node_modules"))
    npm = str(shutil.which("npm"))
    words = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(words, cwd=target, check=True)  # noqa: S603


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
