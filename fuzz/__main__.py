"""`python -m fuzz`: inputs by chance, or guided by coverage where atheris is installed.

python -m fuzz exports --seconds 60 --seed 7       by chance, with nothing but this project
python -m fuzz lines --coverage -runs=100000       libFuzzer's own options go to it
python -m fuzz exports --input FILE                one input again, such as a finding
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from fuzz.harnesses import CORPUS, NAMES, Harness, harness

SLOW_SECONDS = 2.0


def main() -> int:
    """Run a harness; return 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("harness", nargs="?", choices=NAMES, help="default: each in turn")
    parser.add_argument("--coverage", action="store_true", help="guide by coverage, with atheris")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--inputs", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=Path, help="run this input only")
    parser.add_argument("--findings", type=Path, help="keep what was found in this folder")
    options, of_libfuzzer = parser.parse_known_args()
    if options.harness is None:
        return max(by_chance(name, options) for name in NAMES)
    if options.coverage:
        return guided(options.harness, of_libfuzzer)
    if options.input is not None:
        harness(options.harness).run(options.input.read_bytes())
        return 0
    return by_chance(options.harness, options)


def by_chance(name: str, options: argparse.Namespace) -> int:
    """Run inputs made by chance; tell each place where something is wrong, once."""
    under_test = harness(name)
    found: Counter[str] = Counter()
    began, count = time.monotonic(), 0
    for data in under_test.by_chance(options.seed):
        if count == options.inputs or time.monotonic() - began > options.seconds:
            break
        count += 1
        place = _fault(under_test, data)
        if place:
            found[place] += 1
            if found[place] == 1:
                _keep(name, options.findings, data, place)
    print(f"{name}: {count:,} inputs in {time.monotonic() - began:.0f} s, seed {options.seed}")
    for place, times in found.most_common():
        print(f"{times:>7}  {place}")
    return 1 if found else 0


def _fault(under_test: Harness, data: bytes) -> str:
    """Return where and why an input is answered wrongly; empty where it is not."""
    began = time.monotonic()
    try:
        under_test.run(data)
    except Exception as error:  # noqa: BLE001 - each is a finding
        frames = traceback.extract_tb(error.__traceback__)
        last = next((each for each in reversed(frames) if "flow_telemetry" in each.filename), None)
        place = "" if last is None else f" at {Path(last.filename).name}:{last.lineno}"
        return f"{type(error).__name__}{place}: {str(error)[:300]!a}"[:600]
    seconds = time.monotonic() - began
    return f"slow: {seconds:.0f} s" if seconds > SLOW_SECONDS else ""


def _keep(name: str, folder: Path | None, data: bytes, place: str) -> None:
    print(f"found: {place}", flush=True)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.iterdir()))
        (folder / f"{name}-{number:03}").write_bytes(data)


def guided(name: str, arguments: list[str]) -> int:
    """Hand over to libFuzzer, which ends the process."""
    from fuzz.guided import fuzz  # noqa: PLC0415 - atheris is there for this only

    return fuzz(name, [str(CORPUS / name), *arguments])


if __name__ == "__main__":
    sys.exit(main())
