"""The token of a server that is read from, on requests to that server."""

from __future__ import annotations

from requests import PreparedRequest
from requests.auth import AuthBase


class TokenAuth(AuthBase):
    """Puts a token on requests; nothing where there is none, not even what a ``.netrc`` says.

    As an `auth` of the session it is not applied again after a redirect, and requests removes the
    header where a redirect leads to another origin.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request with the token in its header."""
        if self._token:
            # Headers are Latin-1; a character beyond it must be the server's to refuse.
            request.headers["Authorization"] = f"Bearer {self._token}".encode().decode("latin-1")
        return request
