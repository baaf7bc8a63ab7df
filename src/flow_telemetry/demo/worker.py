"""Worker process of the demo: runs the action once for each line of JSON on standard input.

    {"GITHUB_EVENT_NAME": "issues", …}  ->  {"status": 0, "report": "…"}

Most of a short export is the start of Python, so the demo starts it only once.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable
from typing import TextIO

from flow_telemetry import action


def serve(requests: Iterable[str], responses: TextIO) -> None:
    """Run the action for each line; its variables are set for that run only."""
    before = dict(os.environ)
    for line in requests:
        os.environ.update(json.loads(line))
        report = io.StringIO()
        with contextlib.redirect_stdout(report), contextlib.redirect_stderr(report):
            status = action.main()
        responses.write(json.dumps({"status": status, "report": report.getvalue()}) + "\n")
        responses.flush()
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
