"""What a check of the surroundings found, one thing each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Whether something works; UNSURE is what could not be tried, or is not needed."""

    WORKS = "works"
    FAILS = "fails"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried: what it is, whether it works, and what there is to say of it.

    ``told`` has the likely cause and the remedy where it does not work, fit to be shown.
    """

    what: str
    state: State
    told: str = ""
