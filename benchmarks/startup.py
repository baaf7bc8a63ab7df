"""What the start alone costs: the door with nowhere to send to, and its imports one by one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = re.compile(r"import time: +([0-9]+) \| +[0-9]+ \| +(\S+)")
_CODE = "import flow_telemetry.action"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCost:
    """How many modules of a package are loaded at the start, and in how many milliseconds."""

    package: str
    modules: int
    milliseconds: float


def import_profile(environ: Mapping[str, str]) -> list[ImportCost]:
    """Return what Python's own profile says of the action's imports, the dearest package first.

    Profiling makes imports slower, so these figures are good to compare, not to add up.
    """
    command = [sys.executable, "-I", "-B", "-X", "importtime", "-c", _CODE]
    done = subprocess.run(
        command, env=dict(environ), capture_output=True, encoding="utf-8", check=True
    )
    spent: dict[str, list[int]] = defaultdict(list)
    for line in done.stderr.splitlines():
        if match := _LINE.fullmatch(line.rstrip()):
            spent[match[2].partition(".")[0]].append(int(match[1]))
    costs = [
        ImportCost(package=package, modules=len(times), milliseconds=sum(times) / 1000)
        for package, times in spent.items()
    ]
    return sorted(costs, key=lambda each: each.milliseconds, reverse=True)
