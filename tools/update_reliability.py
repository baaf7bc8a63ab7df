"""Run the single faults and write their table into docs/contributing/faults.md: `make reliability`.

The tests of tests/faults fail while the table is not what they give.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "contributing" / "faults.md"
START, END = "<!-- faults -->", "<!-- /faults -->"
# Names the folder where the tests are to leave their rows, in place of comparing them.
ROWS_FOLDER = "RELIABILITY_ROWS"
_HEADER = ("On", "Faults", "What is seen", "Where the data is")


@dataclass(frozen=True, slots=True)
class Row:
    """A fault of one side, on one call: what the user sees of it, and where the data is."""

    side: str
    call: str
    fault: str
    seen: str
    data: str


def main() -> int:
    """Rewrite the page and return the exit status: that of the tests, where one fails."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "pytest", "-q", "-n", "2", "tests/faults/test_faults.py", *sys.argv[1:]]
        environ = {**os.environ, ROWS_FOLDER: folder}
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=ROOT, env=environ, check=False)  # noqa: S603 - ours
        if done.returncode == 0:
            text = page_with(PAGE.read_text(encoding="utf-8"), kept_rows(Path(folder)))
            PAGE.write_text(text, encoding="utf-8", newline="\n")
    return done.returncode


def keep(row: Row, number: int, folder: Path) -> None:
    """Leave the row of the case of that number."""
    (folder / f"{number:04}.json").write_text(json.dumps(asdict(row)), encoding="utf-8")


def kept_rows(folder: Path) -> list[Row]:
    """Return the rows that were left, in the order of the cases."""
    return [Row(**json.loads(p.read_text(encoding="utf-8"))) for p in sorted(folder.iterdir())]


def written_rows(text: str) -> Iterator[Row]:
    """Yield what a page says."""
    table = text.partition(START)[2].partition(END)[0]
    for part in table.split("\n## Faults of ")[1:]:
        side, _, lines = part.partition("\n")
        for line in lines.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            if line.startswith("|") and cells[0] not in (_HEADER[0], "---"):
                call, faults, seen, data = cells
                yield from (Row(side, call, each, seen, data) for each in faults.split("; "))


def page_with(text: str, rows: Iterable[Row]) -> str:
    """Return the page with the tables of these rows in place of those that it has."""
    before, _, rest = text.partition(START)
    return (
        before + START + "\n" + "\n".join(_tables([*rows])) + "\n\n" + END + rest.partition(END)[2]
    )


def _tables(rows: list[Row]) -> Iterator[str]:
    """One table for each side; what ends alike on one call stands in one row."""
    for side in dict.fromkeys(row.side for row in rows):
        of_side = [row for row in rows if row.side == side]
        yield f"\n## Faults of {side}\n\n{len(of_side)} cases.\n"
        yield _line(_HEADER)
        yield _line("---" for _ in _HEADER)
        groups: dict[tuple[str, str, str], list[str]] = {}
        for row in of_side:
            groups.setdefault((row.call, row.seen, row.data), []).append(row.fault)
        for (call, seen, data), faults in groups.items():
            yield _line((call, "; ".join(faults), seen, data))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
