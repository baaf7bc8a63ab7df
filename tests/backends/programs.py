"""Real backends as processes on loopback, each with an empty storage of its own.

with jaeger(folder) as running:
    send(running.otlp, requests)
    running.get("/api/services")
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.ports import free_ports
from tools import backends

from flow_telemetry.telemetry import EncodedRequest

LONGEST_WAIT_SECONDS = 60.0
# Phoenix imports a hundred packages, which took 30 s on a busy machine; a test starts it, too.
LONGEST_START_OF_PHOENIX_SECONDS = 180.0
PHOENIX_TEST_SECONDS = 300
_LAST_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A backend: `url` of its own API, `otlp` the base of OTLP over HTTP, `log` what it prints."""

    url: str
    otlp: str
    log: Path

    def get(self, path: str, **parameters: str) -> Any:
        """Return the JSON of an answer (HTTPError: its status is not 2xx)."""
        return json.loads(self.read(path, **parameters))

    def read(self, path: str, **parameters: str) -> bytes:
        """Return the body of an answer (HTTPError: its status is not 2xx)."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self.url}{path}{query}", timeout=30) as answer:
            return bytes(answer.read())

    def last_lines(self) -> str:
        """Return the end of the log, for a test that fails."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:])


def binary(name: str) -> Path:
    """Return a program; without it the test is skipped, and the reason tells why it is not here."""
    path = backends.binary(name)
    if not path.exists():
        pytest.skip(backends.why_not(name) or f"{name} is not built: `make backends`")
    return path


def send(otlp: str, requests: Iterable[EncodedRequest]) -> None:
    """Send OTLP requests as they are (HTTPError: one was refused)."""
    for request in requests:
        fields = {"Content-Type": "application/x-protobuf"}
        url = f"{otlp}/v1/{request.signal.value}"
        asked = urllib.request.Request(url, request.body, fields, method="POST")
        with urllib.request.urlopen(asked, timeout=30) as answer:
            answer.read()


@contextmanager
def jaeger(folder: Path) -> Iterator[Running]:
    """Jaeger with its storage in memory, and with a check of its own clock skew switched off."""
    otlp, query, query_grpc, health = free_ports(4)
    config = {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}
            },
            "telemetry": {"metrics": {"level": "none"}},
        },
        "extensions": {
            "jaeger_query": {
                "storage": {"traces": "memory"},
                # Its own traces would go to whoever listens on OTLP's port on this machine.
                "enable_tracing": False,
                "http": {"endpoint": f"127.0.0.1:{query}"},
                "grpc": {"endpoint": f"127.0.0.1:{query_grpc}"},
            },
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 100000}}}},
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"127.0.0.1:{health}"}},
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{otlp}"}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
    }
    path = folder / "jaeger.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")  # which is YAML as well
    words = [str(binary("jaeger")), "--config", str(path)]
    url = f"http://127.0.0.1:{query}"
    log, receiver = folder / "jaeger.log", f"http://127.0.0.1:{otlp}"
    with _started(words, log, (f"{url}/api/services", f"{receiver}/v1/traces")):
        yield Running(url=url, otlp=receiver, log=log)


@contextmanager
def victoria_logs(folder: Path, *more: str) -> Iterator[Running]:
    """VictoriaLogs with its defaults, such as a retention of 7 days."""
    (port,) = free_ports(1)
    words = [
        *(str(binary("victoria-logs")), f"-httpListenAddr=127.0.0.1:{port}"),
        *(f"-storageDataPath={folder / 'victoria-logs'}", *more),
    ]
    url, log = f"http://127.0.0.1:{port}", folder / "victoria-logs.log"
    with _started(words, log, (f"{url}/health",)):
        yield Running(url=url, otlp=f"{url}/insert/opentelemetry", log=log)


@contextmanager
def prometheus(
    folder: Path,
    *features: str,
    tsdb: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
) -> Iterator[Running]:
    """Prometheus with its OTLP receiver, the configuration of the docs, and feature flags.

    ``tsdb`` replaces settings of its storage, ``config`` all of it; ``flags`` are further words.
    """
    (port,) = free_ports(1)
    config = config or {
        "global": {"scrape_interval": "1h"},
        "storage": {"tsdb": {"out_of_order_time_window": "1h", **(tsdb or {})}},
        "otlp": {"promote_resource_attributes": ["service.name", "service.namespace"]},
    }
    path, log = folder / "prometheus.yml", folder / "prometheus.log"
    path.write_text(json.dumps(config), encoding="utf-8")
    words = [
        *(str(binary("prometheus")), f"--config.file={path}"),
        *(f"--storage.tsdb.path={folder / 'prometheus'}", f"--web.listen-address=127.0.0.1:{port}"),
        *("--web.enable-otlp-receiver", *(f"--enable-feature={each}" for each in features)),
        *flags,
    ]
    url = f"http://127.0.0.1:{port}"
    with _started(words, log, (f"{url}/-/ready",)):
        yield Running(url=url, otlp=f"{url}/api/v1/otlp", log=log)


@contextmanager
def phoenix(folder: Path) -> Iterator[Running]:
    """Arize Phoenix with SQLite, and without all that is not the storage of traces."""
    port, grpc = free_ports(2)
    environ = {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        "PHOENIX_ENABLE_MCP_SERVER": "false",
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    words = [str(binary("phoenix")), "-m", "phoenix.server.main", "serve"]
    url, log = f"http://127.0.0.1:{port}", folder / "phoenix.log"
    longest = LONGEST_START_OF_PHOENIX_SECONDS
    with _started(words, log, (f"{url}/healthz",), environ, longest):
        yield Running(url=url, otlp=url, log=log)


@contextmanager
def collector(
    folder: Path, configs: Sequence[str], otlp: int, environ: Mapping[str, str], signal: str
) -> Iterator[Running]:
    """The Collector with configurations, a later one over an earlier; it listens at port `otlp`.

    It is ready when it takes ``signal``, which is one that it has a pipeline for.
    """
    log = folder / "collector.log"
    words = [str(binary("collector")), *(f"--config={each}" for each in configs)]
    url = f"http://127.0.0.1:{otlp}"
    with _started(words, log, (f"{url}/v1/{signal}",), environ):
        yield Running(url=url, otlp=url, log=log)


def run_collector(
    words: Sequence[str], environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command of the Collector to its end."""
    return subprocess.run(
        [str(binary("collector")), *words],
        env={**os.environ, **environ},
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST_WAIT_SECONDS,
        check=False,
    )


@contextmanager
def _started(
    words: Sequence[str],
    log: Path,
    ready: Sequence[str],
    environ: Mapping[str, str] | None = None,
    longest: float = LONGEST_WAIT_SECONDS,
) -> Iterator[None]:
    """Start a program and wait until all addresses answer; it ends with the context in any case."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            words, stdout=out, stderr=out, cwd=log.parent, env={**os.environ, **(environ or {})}
        )
        try:
            until = time.monotonic() + longest
            while not all(map(_answers, ready)):
                said = log.read_text(encoding="utf-8", errors="replace")
                assert process.poll() is None, f"{words[0]} ended:\n{said}"
                assert time.monotonic() < until, f"{words[0]} does not answer:\n{said}"
                time.sleep(0.05)
            yield
        finally:
            # Nothing of its storage is needed later, and an orderly end of Jaeger takes 10 s.
            process.kill()
            process.wait(LONGEST_WAIT_SECONDS)


def _answers(url: str) -> bool:
    """Whether a server is ready; that OTLP wants another method than GET is an answer too."""
    try:
        with suppress(TimeoutError), urllib.request.urlopen(url, timeout=10):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 405
    except OSError:
        return False
    return False
