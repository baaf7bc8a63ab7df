"""A headless Chromium that tests drive over a pipe, with the DevTools protocol."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Windows hands no descriptors on to other programs.
BROWSER = next(filter(None, map(shutil.which, _NAMES if sys.platform != "win32" else ())), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on PATH")
_LONGEST_WAIT = 60.0


class Page:
    """One page of the browser."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer, self._last, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result."""
        self._last += 1
        command = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._read()
            if message.get("id") == self._last:
                assert "error" not in message, (method, message)
                return message["result"]
            self.events.append(message)

    def open(self, url: str, width: int = 1400, height: int = 1000) -> None:
        """Open an address and wait until its scripts have run."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setEmulatedMedia", media="")
        self.events.clear()
        self.ask("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def js(self, expression: str) -> Any:
        """Return the value of an expression, which may be a promise."""
        result = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def key(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def mouse(self, kind: str, x: float, y: float, clicks: int = 0) -> None:
        """Move, press or release the mouse: ``Moved``, ``Pressed``, ``Released``."""
        held = kind == "Moved" and clicks == 1
        button = {"button": "left", "buttons": 1} if clicks or held else {}
        self.ask(
            "Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, clickCount=clicks, **button
        )

    def click(self, x: float, y: float, clicks: int = 1) -> None:
        """Click once or several times in a row."""
        for count in range(1, clicks + 1):
            self.mouse("Pressed", x, y, count)
            self.mouse("Released", x, y, count)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse from one place to another."""
        self.mouse("Pressed", *start, 1)
        self.mouse("Moved", *end, 1)
        self.mouse("Released", *end, 1)

    @property
    def complaints(self) -> list[str]:
        """What the browser logged: exceptions, and what the page's policy refused."""
        named = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [json.dumps(e["params"]) for e in self.events if e.get("method") in named]

    @property
    def requests(self) -> list[str]:
        """The addresses that were requested, with that of the page."""
        return [
            e["params"]["request"]["url"]
            for e in self.events
            if e.get("method") == "Network.requestWillBeSent"
        ]

    def _read(self) -> dict[str, Any]:
        until = time.monotonic() + _LONGEST_WAIT
        while b"\0" not in self._buffer:
            left = max(0.0, until - time.monotonic())
            with selectors.DefaultSelector() as selector:  # `select` takes descriptors up to 1,023.
                selector.register(self._answers, selectors.EVENT_READ)
                assert selector.select(left), "the browser does not answer"
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        read: dict[str, Any] = json.loads(message)
        return read


@contextmanager
def browser_page(folder: Path) -> Iterator[Page]:
    """Start the browser with a profile in the folder, and end it."""
    commands_read, commands_write = os.pipe()
    answers_read, answers_write = os.pipe()
    # The protocol is on the descriptors 3 and 4; those above them are free for the copies.
    redirect = (
        "import fcntl, os, sys; r, w = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in "
        "sys.argv[1:3]); os.dup2(r, 3); os.dup2(w, 4); os.execv(sys.argv[3], sys.argv[3:])"
    )
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    words += [f"--user-data-dir={folder}", "--no-first-run", "--remote-debugging-pipe"]
    process = subprocess.Popen(
        [
            *(sys.executable, "-S", "-c", redirect, str(commands_read), str(answers_write)),
            *(BROWSER or "", *words),
        ],
        pass_fds=(commands_read, answers_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands_read)
    os.close(answers_write)
    try:
        yield Page(commands_write, answers_read)
    finally:
        os.close(commands_write)
        process.terminate()
        process.wait(timeout=30)
        os.close(answers_read)
