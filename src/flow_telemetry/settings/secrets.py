"""Which values of the environment are secret, known before anything of it is understood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from flow_telemetry.settings.inputs import INPUT

_SECRET_INPUTS = ("otlp-headers", "github-token", "jira-token")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_SHORTEST = 4  # Masking shorter ones would hide ordinary text and protect nothing.
_SHORTEST_OF_ADDRESS = 8  # A query mostly holds words.


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return every secret value in the environment, and the parts by which it may be shown.

    Malformed header lists are covered too: each of their parts counts as a secret.
    """
    names = [INPUT[name].variable for name in _SECRET_INPUTS]
    names.append("GITHUB_TOKEN")
    names += [
        name
        for name in environ
        if name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("HEADERS")
    ]
    found: dict[str, None] = {}
    for name in names:
        for part in _parts(environ.get(name, "")):
            if len(part) >= _SHORTEST:
                found[part] = None
    for name in _endpoints(environ):
        found.update(dict.fromkeys(_of_address(environ.get(name, ""))))
    return tuple(found)


def _endpoints(environ: Mapping[str, str]) -> list[str]:
    found = [n for n in environ if n.startswith("OTEL_EXPORTER_OTLP_") and n.endswith("ENDPOINT")]
    proxies = [name for name in environ if name.upper() in _PROXIES]
    return [INPUT["otlp-endpoint"].variable, INPUT["jira-url"].variable, *found, *proxies]


def _of_address(url: str) -> list[str]:
    """The password before an address's host, and the values of its query."""
    try:
        # A proxy may be named without a scheme.
        parts = urlsplit(url.strip() if "//" in url else f"//{url.strip()}")
        password = parts.password or ""
    except ValueError:
        return []
    values = [value for _, value in parse_qsl(parts.query)]
    found = [password, unquote(password), *values]
    return [each for each in found if len(each) >= _SHORTEST_OF_ADDRESS]


def _parts(text: str) -> list[str]:
    """The text by lines, list parts, values and words: as whole and as it may be quoted."""
    parts = [line.strip() for line in text.splitlines()]
    values = _json_values(text) if text.strip()[:1] == "{" else []
    if not values:
        for piece in text.replace("\n", ",").split(","):
            _, equals, value = piece.partition("=")
            values.append((value if equals else piece).strip())
    for value in values:
        parts += [value, unquote(value), *unquote(value).split()[1:]]
    return parts


def _json_values(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [v for v in found.values() if isinstance(v, str)] if isinstance(found, dict) else []
