"""Records the demo's GitHub from the tests' fakes: `make demo-data` writes the package's file."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.demo.triggers import triggers  # noqa: E402
from tests.fakes.demo.world import EPIC, REPOSITORY, TITLE, demo_world  # noqa: E402
from tests.fakes.faults import Answer, Request  # noqa: E402
from tests.fakes.github import FakeGitHub  # noqa: E402

from flow_telemetry.demo.program import Place, running  # noqa: E402 - importable from here on
from flow_telemetry.demo.recording import (  # noqa: E402
    API,
    FILE,
    RecordedEvent,
    RecordedResponse,
    Recording,
    encode,
    request_key,
)
from flow_telemetry.demo.servers import DemoReceiver  # noqa: E402

PATH = ROOT / "src" / "flow_telemetry" / "demo" / FILE


def main() -> int:
    """Write the recording."""
    PATH.write_bytes(encode(record()))
    print(f"{PATH.relative_to(ROOT)}: {PATH.stat().st_size:,} bytes")
    return 0


def record() -> Recording:
    """Export every event of the demo's world, and return what was asked and answered.

    Raises:
        ValueError: two equal requests were answered differently, so that no replay could be right.
    """
    world = demo_world()
    responses: dict[str, RecordedResponse] = {}
    events = tuple(
        RecordedEvent(
            time=each.time,
            event=each.event,
            what=each.what,
            payload=each.payload,
            variables=each.variables,
        )
        for each in triggers(world)
    )
    with (
        FakeGitHub(world) as github,
        DemoReceiver() as receiver,
        tempfile.TemporaryDirectory() as folder,
    ):

        def keep(request: Request, answer: Answer) -> Answer:
            key = request_key(request.method, request.target, request.body)
            response = RecordedResponse(
                status=answer.status,
                link=answer.headers.get("Link", "").replace(github.url, API),
                body=answer.body.decode().replace(github.url, API),
            )
            if responses.setdefault(key, response) != response:
                raise ValueError(f"two answers to {key}")
            return answer

        github.script("/", keep, times=None)
        place = Place(
            github_url=github.url,
            server_url=world.server_url,
            repository=REPOSITORY,
            otlp_endpoint=receiver.url,
            environ=dict(os.environ),
            folder=Path(folder),
        )
        with running(place) as program:
            for event in events:
                program.export(event.variables, event.payload)
    return Recording(
        repository=REPOSITORY,
        server_url=world.server_url,
        feature=EPIC,
        title=TITLE,
        events=events,
        responses=responses,
    )


if __name__ == "__main__":
    sys.exit(main())
