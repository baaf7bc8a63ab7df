"""The page with the waterfall in a real browser: no name runs, and nothing is asked for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.report.builders import HOSTILE, make_span

from flow_telemetry.report.html import waterfall
from flow_telemetry.telemetry import SpanEvent

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on PATH")

# What asks `{0}` for something, or says in the page's title that it ran.
ATTACKS = (
    "<script>document.title='owned';fetch('{0}/fetched')</script>",
    "<script src='{0}/script.js'></script>",
    "</script></style></title><img src='{0}/image' onerror=\"document.title='owned'\">",
    "<svg onload=\"document.title='owned'\"><image href='{0}/svg'/></svg>",
    '" autofocus onfocus="document.title=\'owned\'" x="',
    "<link rel=stylesheet href='{0}/sheet.css'><style>@import '{0}/import.css'</style>",
    "<div style=\"background:url('{0}/background')\">x</div>",
    "<iframe src='{0}/frame'></iframe><object data='{0}/object'></object>",
    "<meta http-equiv=refresh content='0;url={0}/refreshed'>",
    "<base href='{0}/base/'><a href=\"javascript:document.title='owned'\">x</a>",
    "<form action='{0}/form'><button autofocus></form><video src='{0}/video'></video>",
    "<link rel=prefetch href='{0}/prefetched'><link rel=icon href='{0}/icon'>",
)


class Site:
    """A server of one page, which keeps the paths of all that is asked of it."""

    def __init__(self) -> None:
        self.page = ""
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                body = site.page.encode() if self.path == "/" else b""
                self.send_response(200)
                self.send_header("Content-Type", "text/html" if body else "text/plain")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def asked_besides(self) -> set[str]:
        """What was asked for besides the page, and the icon that browsers look for."""
        return set(self.asked) - {"/", "/favicon.ico"}


@contextmanager
def served() -> Iterator[Site]:
    """A site for one test."""
    site = Site()
    thread = Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()
        thread.join()


def opened(site: Site, page: str, folder: Path) -> str:
    """Open the page in the browser and return what became of it, as HTML."""
    site.page = page
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    words += [f"--user-data-dir={folder}", "--virtual-time-budget=2000", "--dump-dom", site.url]
    done = subprocess.run(
        [BROWSER or "", *words], capture_output=True, encoding="utf-8", timeout=90, check=True
    )
    assert "/" in site.asked, done.stderr
    return done.stdout


def page_of(site: Site) -> str:
    """The waterfall of spans in which each text is an attack."""
    attacks = [*(each.replace("{0}", site.url) for each in ATTACKS), *HOSTILE]
    spans = [
        make_span(
            number,
            text,
            parent=number - 1 or None,
            attributes={text: text, "list": (text, text)},
            events=(SpanEvent(name=text, time=0, attributes={text: text}),),
            error=text,
        )
        for number, text in enumerate(attacks, start=1)
    ]
    return waterfall(spans, attacks[0])


@pytest.mark.timeout(180)
def test_no_name_runs_and_nothing_is_asked_for(tmp_path: Path) -> None:
    """Scripts, images, sheets, frames, redirects: all of them are text on the page."""
    with served() as site:
        seen = opened(site, page_of(site), tmp_path)
        assert site.asked_besides == set()
        assert "<title>owned" not in seen
        assert "&lt;script src=" in seen


@pytest.mark.timeout(180)
def test_the_policy_stops_what_would_get_through(tmp_path: Path) -> None:
    """Were a text not escaped, the page's own policy would still let nothing run or be asked for.

    Only a redirect of the whole page is no matter of that policy; escaping alone stops it.
    """
    with served() as site:
        raw = "".join(each for each in ATTACKS if "refresh" not in each).replace("{0}", site.url)
        seen = opened(site, page_of(site).replace("<main>", f"<main>{raw}"), tmp_path)
        assert site.asked_besides == set()
        assert "<title>owned" not in seen


@pytest.mark.timeout(180)
def test_without_policy_and_escapes_the_attacks_are_real(tmp_path: Path) -> None:
    """So that the tests above would notice."""
    with served() as site:
        raw = "".join(each for each in ATTACKS if "refresh" not in each).replace("{0}", site.url)
        seen = opened(site, f"<title>fine</title><body>{raw}", tmp_path)
        assert {"/fetched", "/script.js", "/image", "/sheet.css", "/frame"} <= site.asked_besides
        assert "<title>owned" in seen
