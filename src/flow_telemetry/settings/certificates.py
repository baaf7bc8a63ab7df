"""Which certificate authorities are trusted where it is not those that come with the program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import values

# In this order: curl's and requests' first, as those have it, then OpenSSL's.
_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")

_MARK = b"CERTIFICATE-----"


def authorities(environ: Mapping[str, str]) -> str:
    """Return the file or folder with the authorities to trust; empty for the usual ones.

    Raises:
        SettingsError: the file that a variable names is not there, or holds no certificate.
    """
    named = ((name, environ.get(name, "").strip()) for name in _VARIABLES)
    name, path = next(((n, p) for n, p in named if p), ("", ""))
    if path:
        _check(name, path)
    return path


def _check(name: str, path: str) -> None:
    """Refuse what cannot work; whether each certificate is whole shows when one is asked for."""
    if name != "SSL_CERT_FILE" and Path(path).is_dir():
        return
    try:
        # Not by OpenSSL: to load a hundred authorities takes longer than the rest of a start.
        broken = "" if _MARK in Path(path).read_bytes() else "holds no certificate in PEM"
    except (OSError, ValueError) as error:
        broken = f"cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})"
    if broken:
        raise SettingsError(
            f"{name} names {values.shown(path)}, which {broken}: give the file with the "
            "certificate authorities to trust, or unset the variable"
        )
