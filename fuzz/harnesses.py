"""The harnesses by name, and inputs made by chance: the same for the same seed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.mutation import EDIT_BYTES, Edit, edited_bytes

NAMES = ("exports", "documents", "reports", "lines", "archives", "inputs", "backends")
CORPUS = Path(__file__).parent / "corpus"

Mutate = Callable[[bytes, Random], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """``run`` takes one input and raises only where there is a fault of ours.

    ``mutate`` makes another input of one; libFuzzer has ways of its own besides.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    mutate: Mutate

    @property
    def corpus(self) -> tuple[bytes, ...]:
        """Return the seeds, and the inputs that are kept in the repository."""
        kept = sorted((CORPUS / self.name).glob("*"))
        return (*self.seeds(), *(path.read_bytes() for path in kept))

    def by_chance(self, seed: int) -> Iterator[bytes]:
        """Yield inputs without end: those of the corpus, each changed once or more."""
        chance, corpus = Random(seed), self.corpus
        while True:
            data = chance.choice(corpus)
            for _ in range(chance.choice((1, 1, 2, 4))):
                data = self.mutate(data, chance)
            yield data


def harness(name: str) -> Harness:
    """Return the harness of that name; what it tests is imported only now."""
    module = importlib.import_module(f"fuzz.{name}")
    ways: dict[str, Mutate] = {
        "exports": more_edits,
        "documents": getattr(module, "mutate", other_bytes),
    }
    return Harness(
        name=name, run=module.run, seeds=module.seeds, mutate=ways.get(name, other_bytes)
    )


def more_edits(data: bytes, chance: Random) -> bytes:
    """Return an input of exports with an edit more, or another one in place of one."""
    edit = chance.randbytes(EDIT_BYTES)
    if len(data) > 1 + EDIT_BYTES and chance.random() < 0.5:
        at = 1 + EDIT_BYTES * chance.randrange((len(data) - 1) // EDIT_BYTES)
        return data[:at] + edit + data[at + EDIT_BYTES :]
    return data + edit


def other_bytes(data: bytes, chance: Random) -> bytes:
    """Return bytes with an edit in them."""
    place, how = chance.randrange(2**32), chance.randrange(2**16)
    return edited_bytes(data, [Edit(0, place, chance.randrange(7), how)])
