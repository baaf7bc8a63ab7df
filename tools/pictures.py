"""The README's pictures, taken of the demo by the real program in Chromium: `make pictures`.

The page of the feature and the job summary of its failed run, each light and dark, as WebP in
docs/images/. GitHub's pages are not at hand, so a summary is rendered as GitHub's Markdown is
(CommonMark with tables), with a sheet of our own and without its diagrams, which GitHub draws.
Needs Chromium with a font for emoji (Debian: `fonts-noto-color-emoji`).
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from markdown_it import MarkdownIt  # noqa: E402
from tests.support.chromium import BROWSER, Page, browser_page  # noqa: E402

from flow_telemetry.demo.program import start_action  # noqa: E402
from flow_telemetry.demo.recording import Recording, load_recording  # noqa: E402
from flow_telemetry.demo.servers import DemoReceiver, ReplayedGitHub  # noqa: E402
from flow_telemetry.demo.show import Demo  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WIDTH = 1_080
# The page's part with the answer to "what delayed this feature?", and the first rows below it.
PAGE_HEIGHT = 1_120
QUALITY = 82
# A job summary as GitHub shows it: its column, fonts and tables.
SHEET = """
:root { color-scheme: light dark; --line: #d1d9e0; --code: #818b981f; --quiet: #59636e }
body { font: 16px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
  margin: 24px 32px; max-width: 1016px }
h3 { font-size: 1.25em; border-bottom: 1px solid var(--line); padding-bottom: 6px }
table { border-collapse: collapse } td, th { border: 1px solid var(--line); padding: 6px 13px }
code { background: var(--code); border-radius: 6px; padding: .2em .4em; font-size: 85% }
pre code { display: block; padding: 16px; overflow: auto } sub { color: var(--quiet) }
a { color: #0969da; text-decoration: none }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --code: #656c7633; --quiet: #9198a1 }
  body { background: #0d1117; color: #f0f6fc } a { color: #4493f8 }
}
"""


def main() -> int:
    """Take the pictures; the exit status is 2 if there is no browser."""
    if BROWSER is None:
        print("Install Chromium: no chromium or google-chrome is on PATH.", file=sys.stderr)
        return 2
    IMAGES.mkdir(exist_ok=True)
    recording = load_recording()
    with tempfile.TemporaryDirectory() as temporary, browser_page(Path(temporary)) as browser:
        folder = Path(temporary)
        browser.ask("Emulation.setScrollbarsHidden", hidden=True)
        feature, summary = folder / "feature.html", folder / "summary.html"
        Demo(environ=dict(os.environ), stream=io.StringIO(), html=feature).show()
        summary.write_text(as_page(summary_of_failure(recording, folder)), encoding="utf-8")
        take(browser, feature, PAGE_HEIGHT)
        take(browser, summary, None)
    return 0


def summary_of_failure(recording: Recording, folder: Path) -> str:
    """Export the demo's first event, a run that failed, and return the job summary's Markdown."""
    event, file = recording.events[0], folder / "summary.md"
    with (
        ReplayedGitHub(recording) as github,
        DemoReceiver() as receiver,
        start_action(
            github_url=github.url,
            server_url=recording.server_url,
            repository=recording.repository,
            otlp_endpoint=receiver.url,
            environ=dict(os.environ),
            folder=folder,
        ) as action,
    ):
        action.export({**event.variables, "GITHUB_STEP_SUMMARY": str(file)}, event.payload)
    return file.read_text(encoding="utf-8")


def as_page(markdown: str) -> str:
    """Return a page of the summary, without diagrams and the lines above them."""
    shown = re.sub(
        r"^\*\*[^\n]*\n+```mermaid\n.*?^```$", "", markdown, flags=re.DOTALL | re.MULTILINE
    )
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(shown)
    return f"<!doctype html><meta charset=utf-8><style>{SHEET}</style>{body}"


def take(browser: Page, page: Path, height: int | None) -> None:
    """Write a picture for each colour scheme, as high as the page if ``height`` is None."""
    browser.open(page.as_uri(), WIDTH, height or 200)
    shown = height or browser.js("Math.ceil(document.body.getBoundingClientRect().bottom + 16)")
    for scheme in ("light", "dark"):
        browser.open(page.as_uri(), WIDTH, shown)
        preference = {"name": "prefers-color-scheme", "value": scheme}
        browser.ask("Emulation.setEmulatedMedia", features=[preference])
        taken = browser.ask("Page.captureScreenshot", format="webp", quality=QUALITY)
        image = IMAGES / f"{page.stem}-{scheme}.webp"
        image.write_bytes(base64.b64decode(taken["data"]))
        print(f"{image.relative_to(ROOT)}: {image.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
