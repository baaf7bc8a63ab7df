"""GitHub's addresses and the token, decided together: a token is sent only to its own host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flow_telemetry.errors import SettingsError
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRemote:
    """The repository of a git remote: its server (`https://github.com`) and `owner/name`."""

    server_url: str
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedServer:
    """The servers that a command line names: `--github-url`, the target's URL and the git remote.

    ``token`` is that of `--github-token`. Empty if there is none.
    """

    github_url: str = ""
    target: str = ""
    remote: str = ""
    token: str = field(default="", repr=False)


def github_settings(
    environ: Mapping[str, str],
    token: str,
    entry_point: EntryPoint,
    authorities: str,
    named: NamedServer | None = None,
) -> GitHubSettings:
    """Return the addresses of one GitHub, and a token for it.

    If only one of the addresses is set, the other one follows from it, so that a token of a server
    never goes to api.github.com. ``token`` is that of the input or of GITHUB_TOKEN. On the command
    line the addresses can follow from ``named``, and GH_TOKEN and GH_ENTERPRISE_TOKEN count, too.

    Raises:
        SettingsError: an address is not a URL, or no token was given for the host.
    """
    named = named or NamedServer()
    api, server = _read_url("GITHUB_API_URL", environ), _read_url("GITHUB_SERVER_URL", environ)
    by_environment = server or (server_of(api) if api else "")
    explicit = _as_https(_read_url("--github-url", {"--github-url": named.github_url}))
    if explicit and not (by_environment and host_of(explicit) == host_of(by_environment)):
        server, api = explicit, api_of(explicit)
    elif not by_environment:
        # Never by plain HTTP: the target and the remote may be written by others.
        other = named.target or named.remote
        server = f"https://{host_of(other)}" if other else _PUBLIC_SERVER
    if not api:
        api = api_of(server)
    if not server:
        server = server_of(api)
    if entry_point is EntryPoint.COMMAND_LINE:
        token = _token_of_shell(environ, token, server, by_environment, named)
    return GitHubSettings(api_url=api, server_url=server, token=token, authorities=authorities)


def is_public_host(host: str) -> bool:
    """Return whether a host is GitHub's own: github.com, or Enterprise Cloud with its data."""
    return host == "github.com" or host.endswith(_DATA_RESIDENCY)


def _as_https(server: str) -> str:
    host = host_of(server) if server else ""
    return f"https://{host}" if is_public_host(host) else server


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


def _token_of_shell(
    environ: Mapping[str, str], token: str, server: str, by_environment: str, named: NamedServer
) -> str:
    """Return the token for a server; only one that was given for its host.

    ``token`` is that of the flag, the input or GITHUB_TOKEN. ``by_environment`` is the server that
    the variables name, if any.
    """
    host = host_of(server)
    is_home = host == host_of(by_environment) if by_environment else is_public_host(host)
    if named.token and (is_home or named.github_url):
        return named.token
    for_host = ""
    if environ.get("GH_HOST", "").strip().lower() == host:
        for_host = environ.get("GH_ENTERPRISE_TOKEN", "").strip()
    if is_home:
        found = token or environ.get("GH_TOKEN", "").strip() or for_host
    else:
        found = "" if named.token else for_host
        if not found:
            raise SettingsError(
                f"no token was given for {host}: GITHUB_TOKEN and GH_TOKEN are for "
                f"{host_of(by_environment) if by_environment else 'github.com and *.ghe.com'}. Set "
                f"GH_HOST={host} and GH_ENTERPRISE_TOKEN, or use `--github-token` together with "
                f"`--github-url https://{host}`"
            )
    return parse.named("GH_TOKEN", parse.token, found)


def _read_url(name: str, environ: Mapping[str, str]) -> str:
    text = environ.get(name, "").strip().rstrip("/")
    if text:
        parse.named(name, lambda value: parse.url(value, _PUBLIC_API), text)
    return text
