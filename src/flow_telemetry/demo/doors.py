"""The action's own door, opened again for each event that comes in: a line of JSON in and out.

    {"GITHUB_EVENT_NAME": "issues", …}  ->  {"status": 0, "report": "…"}

Most of a short export is the start of Python; so the demo starts it once for all of them.
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


def serve(requests: Iterable[str], answers: TextIO) -> None:
    """Run the action once for each line of variables, which last for that line only."""
    before = dict(os.environ)
    for line in requests:
        os.environ.update(json.loads(line))
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = action.main()
        answers.write(json.dumps({"status": status, "report": said.getvalue()}) + "\n")
        answers.flush()
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
