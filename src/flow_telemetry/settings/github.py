"""GitHub's addresses and the token, decided together: a token is sent only to its own host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flow_telemetry.identity import host_of
from flow_telemetry.settings import parse
from flow_telemetry.settings.model import EntryPoint

_PUBLIC_API = "https://api.github.com"
_PUBLIC_SERVER = "https://github.com"
_ENTERPRISE_API = "/api/v3"
# Enterprise Cloud with data residency has its API at a name of its own, like github.com.
_DATA_RESIDENCY = ".ghe.com"
# The names that GitHub's own command line reads.
TOKEN_VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings:
    """The addresses of GitHub, and the token, which `repr` leaves out.

    ``authorities`` is the file or folder with the trusted certificate authorities; empty for the
    bundled ones.
    """

    api_url: str = _PUBLIC_API
    server_url: str = _PUBLIC_SERVER
    token: str = field(default="", repr=False)
    authorities: str = ""


def github_settings(
    environ: Mapping[str, str], token: str, entry_point: EntryPoint, authorities: str
) -> GitHubSettings:
    """Return the addresses of one GitHub, and a token for it.

    If only one of the addresses is set, the other one follows from it, so that a token of a server
    never goes to api.github.com. ``token`` is that of the input or of GITHUB_TOKEN, which are for
    the addresses that are set; on the command line GH_TOKEN and GH_ENTERPRISE_TOKEN count, too.

    Raises:
        SettingsError: an address is not a URL.
    """
    api, server = _read_url("GITHUB_API_URL", environ), _read_url("GITHUB_SERVER_URL", environ)
    if not api:
        api = api_of(server or _PUBLIC_SERVER)
    if not server:
        server = server_of(api)
    if not token and entry_point is EntryPoint.COMMAND_LINE:
        token = _token_of_shell(environ, server)
    return GitHubSettings(api_url=api, server_url=server, token=token, authorities=authorities)


def api_of(server: str) -> str:
    """Return the address of the API of a server."""
    parts = urlsplit(server)
    host = (parts.hostname or "").lower()
    if host in ("github.com", "www.github.com"):
        return _PUBLIC_API
    if host.endswith(_DATA_RESIDENCY):
        return f"{parts.scheme}://api.{parts.netloc}"
    return f"{server}{_ENTERPRISE_API}"


def server_of(api: str) -> str:
    """Return the address of the server of an API."""
    parts = urlsplit(api)
    host = (parts.hostname or "").lower()
    if host == "api.github.com":
        return _PUBLIC_SERVER
    if host.startswith("api.") and host.endswith(_DATA_RESIDENCY):
        return f"{parts.scheme}://{parts.netloc[len('api.') :]}"
    return api.removesuffix(_ENTERPRISE_API) if api.endswith(_ENTERPRISE_API) else _PUBLIC_SERVER


def _token_of_shell(environ: Mapping[str, str], server: str) -> str:
    """Return GH_TOKEN, or for the server that GH_HOST names GH_ENTERPRISE_TOKEN."""
    token = environ.get("GH_TOKEN", "").strip()
    if not token and environ.get("GH_HOST", "").strip().lower() == host_of(server):
        token = environ.get("GH_ENTERPRISE_TOKEN", "").strip()
    return parse.named("GH_TOKEN", parse.token, token)


def _read_url(name: str, environ: Mapping[str, str]) -> str:
    text = environ.get(name, "").strip().rstrip("/")
    if text:
        parse.named(name, lambda value: parse.url(value, _PUBLIC_API), text)
    return text
