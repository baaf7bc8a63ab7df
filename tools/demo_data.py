"""Recording of the demo's GitHub, made from the tests' fakes: `make demo-data`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.demo.triggers import triggers  # noqa: E402
from tests.fakes.demo.world import EPIC, REPOSITORY, TITLE, demo_world  # noqa: E402
from tests.fakes.faults import Request  # noqa: E402
from tests.fakes.github import FakeGitHub  # noqa: E402

from flow_telemetry.demo.program import start_action  # noqa: E402 - importable from here on
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
    """Export every event of the demo's world, and return the requests with their responses.

    Raises:
        ValueError: two equal requests had different responses, which cannot be replayed.
    """
    world = demo_world()
    responses: dict[str, RecordedResponse] = {}
    events = tuple(
        RecordedEvent(
            time=trigger.time,
            event=trigger.event,
            what=trigger.what,
            payload=trigger.payload,
            variables=trigger.variables,
        )
        for trigger in triggers(world)
    )
    with (
        FakeGitHub(world) as github,
        DemoReceiver() as receiver,
        tempfile.TemporaryDirectory() as folder,
    ):

        def keep(request: Request, response: Any) -> Any:
            key = request_key(request.method, request.target, request.body)
            recorded = RecordedResponse(
                status=response.status,
                link=response.headers.get("Link", "").replace(github.url, API),
                body=response.body.decode().replace(github.url, API),
            )
            if responses.setdefault(key, recorded) != recorded:
                raise ValueError(f"two responses to {key}")
            return response

        github.script("/", keep, times=None)
        with start_action(
            github_url=github.url,
            server_url=world.server_url,
            repository=REPOSITORY,
            otlp_endpoint=receiver.url,
            environ=dict(os.environ),
            folder=Path(folder),
        ) as action:
            for event in events:
                action.export(event.variables, event.payload)
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
