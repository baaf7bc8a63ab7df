"""Notes of a release: its section of the changelog, and the line that pins it.

python tools/release_notes.py notes 1.2.3 --commit SHA    the notes, on standard output
python tools/release_notes.py pin 1.2.3 --commit SHA      writes the pin into README.md and docs/
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A use of the action or its workflow: by the major tag before the first release, then by commit
# and version.
PIN = re.compile(
    r"(uses: [\w.-]+/flow-telemetry(?:/[\w./-]+)?)@(?:v\d+|[0-9a-f]{40} # v\S+)$", re.MULTILINE
)
COMMIT = re.compile(r"[0-9a-f]{40}")


class NotesError(Exception):
    """The notes cannot be written; the text says what is missing."""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Print the notes or write the pin; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the notes of a release, or pin it.")
    parser.add_argument("what", choices=("notes", "pin"))
    parser.add_argument("version")
    parser.add_argument("--commit", required=True, help="the commit that the version's tag names")
    parser.add_argument("--repository", default="owner/flow-telemetry")
    options = parser.parse_args(arguments)
    try:
        if not COMMIT.fullmatch(options.commit):
            raise NotesError(f"{options.commit} is not a full commit")  # noqa: TRY301
        if options.what == "notes":
            changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
            print(release_notes(changelog, options.version, options.repository, options.commit))
        else:
            for page in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
                text = page.read_text(encoding="utf-8")
                new = pinned(text, options.version, options.commit)
                if new != text:
                    page.write_text(new, encoding="utf-8", newline="\n")
    except NotesError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def notes_of(changelog: str, version: str) -> str:
    """Return a version's section of the changelog.

    Raises NotesError if it is missing or empty.
    """
    heading = re.compile(rf"^## \[{re.escape(version)}\].*$", re.MULTILINE)
    match = heading.search(changelog)
    rest = changelog[match.end() :] if match else ""
    # Up to the next section, or the links at the end.
    section = re.split(r"^## |^\[[^\]]+\]: ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if not section.strip():
        raise NotesError(f"CHANGELOG.md has no section [{version}]: write what changed for users")
    return section.strip()


def release_notes(changelog: str, version: str, repository: str, commit: str) -> str:
    """Return the text of a release on GitHub."""
    pin = f"```yaml\n- uses: {repository}@{commit} # v{version}\n```"
    return f"{notes_of(changelog, version)}\n\n### Pinned\n\n{pin}"


def pinned(page: str, version: str, commit: str) -> str:
    """Return a page with its examples at the new commit; other actions are not changed."""
    return PIN.sub(rf"\g<1>@{commit} # v{version}", page)


if __name__ == "__main__":
    sys.exit(main())
