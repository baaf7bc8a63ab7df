"""Opening a page in a browser, if there is one."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

# A browser that is named by BROWSER may hold the call until it is closed.
LONGEST_OPENING_SECONDS = 5.0


def has_browser(environ: Mapping[str, str], platform: str) -> bool:
    """Return whether a browser can show itself; ``platform`` as `sys.platform` has it.

    Without a display, Python would start a browser of the terminal, and take it over.
    """
    if environ.get("CI"):
        return False
    if platform in ("darwin", "win32"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def open_page(
    path: Path,
    show: Callable[[str], object] = webbrowser.open,
    longest: float = LONGEST_OPENING_SECONDS,
) -> None:
    """Ask `show` to open the page; after ``longest`` seconds the demo goes on without it."""

    def ask() -> None:
        with suppress(webbrowser.Error, OSError):
            show(path.resolve().as_uri())

    opener = threading.Thread(target=ask, daemon=True)
    opener.start()
    opener.join(longest)
