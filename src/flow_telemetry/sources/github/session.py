"""The session with GitHub's API: its headers, and where the token may go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import requests

from flow_telemetry.bounded import BoundedAdapter
from flow_telemetry.clock import Deadline
from flow_telemetry.settings import GitHubSettings
from flow_telemetry.sources.github.graphql import graphql_url
from flow_telemetry.sources.token_auth import TokenAuth

CONCURRENT_REQUESTS = 8
# GitHub's API asks that every client names the version it was written for.
_API_VERSION = "2022-11-28"


class GitHubSession(requests.Session):
    """A session that speaks to GitHub's API with the settings' token, each request bounded."""

    def __init__(
        self,
        settings: GitHubSettings,
        deadline: Deadline,
        *,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        """Open nothing yet. ``meanwhile`` is called once, by the first request."""
        super().__init__()
        self._meanwhile = meanwhile
        self._first_request = threading.Lock()
        self._api = (f"{settings.api_url}/", graphql_url(settings.api_url))
        self.auth = TokenAuth(settings.token)
        self.verify = settings.authorities or True
        self.headers.update(
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": _API_VERSION,
                "User-Agent": "flow-telemetry",
            }
        )
        self._adapter = BoundedAdapter(deadline, connections=CONCURRENT_REQUESTS)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request; what the first one starts has the time of its response."""
        if self._first_request.acquire(blocking=False) and self._meanwhile is not None:
            self._meanwhile()
        return super().send(request, **options)

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Keep the token on redirects within the API; a server may store files beside it."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if not (prepared_request.url or "").startswith(self._api):
            prepared_request.headers.pop("Authorization", None)

    def bound(self, limit: Deadline) -> None:
        """Bound what this thread asks next, the answer's body included."""
        self._adapter.limit = limit
