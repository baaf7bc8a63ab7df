"""`make dashboards`: writes the dashboards and the rules of alerts from their tables."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.dashboards import alerts, ci_health, dora, features, pull_requests, questions

ROOT = Path(__file__).resolve().parents[2]
SHEETS = {
    "ci-health": ci_health.sheet,
    "pull-requests": pull_requests.sheet,
    "features": features.sheet,
    "dora": dora.sheet,
    "questions-in-sql": questions.sheet,
}


def files() -> dict[str, str]:
    """Return the content of each generated file, by its path below the root."""
    dashboards = {f"dashboards/{name}.json": sheet().json() for name, sheet in SHEETS.items()}
    return {**dashboards, **{f"alerts/{name}": text for name, text in alerts.files().items()}}


def main() -> int:
    """Rewrite and name each file that differs from its tables; returns the exit status."""
    for name, text in files().items():
        path = ROOT / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            sys.stdout.write(f"rewrote {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
