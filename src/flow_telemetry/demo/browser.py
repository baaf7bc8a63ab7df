"""Opening a page in a browser, if there is one."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

# A browser in the variable BROWSER may block until it is closed.
LONGEST_OPENING_SECONDS = 5.0


def has_browser(environ: Mapping[str, str], platform: str) -> bool:
    """Return whether there is a browser with a window; ``platform`` is `sys.platform`.

    Without a display, Python would start a browser that takes over the terminal.
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
    """Open the page by `show`; after ``longest`` seconds the demo continues anyway."""

    def open_it() -> None:
        with suppress(webbrowser.Error, OSError):
            show(path.resolve().as_uri())

    opener = threading.Thread(target=open_it, daemon=True)
    opener.start()
    opener.join(longest)
