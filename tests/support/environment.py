"""Variables of a machine that would change what the program does, and their removal for a test."""

from __future__ import annotations

import os

import pytest

PREFIXES = ("ACTIONS_", "FLOW_TELEMETRY_", "GITHUB_", "INPUT_", "OTEL_", "RUNNER_")
NAMES = frozenset(
    {
        "ALL_PROXY",
        "BAGGAGE",
        "CI",
        "CURL_CA_BUNDLE",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "SSLKEYLOGFILE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TRACEPARENT",
        "TRACESTATE",
    }
)


def forget_machine(patch: pytest.MonkeyPatch) -> None:
    """Take away what a runner, a proxy or an exporter's user has set on this machine."""
    for name in list(os.environ):
        if name.upper() in NAMES or name.upper().startswith(PREFIXES):
            patch.delenv(name)
