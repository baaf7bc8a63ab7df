"""Fuzzing guided by coverage: atheris, which sees what of the program each input reaches.

https://github.com/google/atheris; its own wheels are for Linux only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import atheris

from fuzz.harnesses import harness

# Half of the inputs are made by libFuzzer's own ways, which know what was compared with what.
_OWN_WAYS = 0.5


def fuzz(name: str, arguments: list[str]) -> int:
    """Run a harness under libFuzzer until its options say that it ends."""
    with atheris.instrument_imports(include=["flow_telemetry"]):
        under_test = harness(name)

    def mutated(data: bytes, largest: int, seed: int) -> bytes:
        chance = Random(seed)
        if chance.random() < _OWN_WAYS:
            return bytes(atheris.Mutate(data, largest))
        return under_test.mutate(data, chance)[:largest]

    with TemporaryDirectory() as folder:
        for number, seed in enumerate(under_test.seeds()):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        # New inputs go to the first folder.
        corpus, *options = arguments
        folders = [each for each in options if not each.startswith("-")]
        rest = [each for each in options if each.startswith("-")]
        known = [corpus] if Path(corpus).is_dir() else []
        command = [sys.argv[0], *rest, "-timeout=10", *(folders or [folder]), *known, folder]
        atheris.Setup(command, under_test.run, custom_mutator=mutated)
        atheris.Fuzz()
    return 0
