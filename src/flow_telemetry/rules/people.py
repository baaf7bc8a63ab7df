"""A person as the user wants people shown (input `actors`), the same in telemetry and in views."""

from __future__ import annotations

from hashlib import sha256

from flow_telemetry.settings import Actors

_HASH_DIGITS = 16


def shown(login: str, actors: Actors) -> str | None:
    """Return the login, a hash of it, or None where nobody is to be named."""
    if actors is Actors.NONE:
        return None
    return hashed(login) if actors is Actors.HASH else login


def hashed(login: str) -> str:
    """Return 16 hexadecimal digits: the same for a login each time, and of no meaning."""
    return sha256(login.encode(errors="replace")).hexdigest()[:_HASH_DIGITS]
