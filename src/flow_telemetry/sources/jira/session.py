"""The session with a Jira: its token goes to Jira's own origin only, no redirect is followed."""

from __future__ import annotations

import requests
from requests.auth import HTTPBasicAuth

from flow_telemetry.bounded import BoundedAdapter
from flow_telemetry.clock import Deadline
from flow_telemetry.settings.jira import JiraSettings
from flow_telemetry.sources.token_auth import TokenAuth


class JiraSession(requests.Session):
    """A session that speaks to Jira with the settings' token, each request bounded."""

    def __init__(self, settings: JiraSettings, deadline: Deadline) -> None:
        """Open nothing yet."""
        super().__init__()
        self.auth = TokenAuth(settings.token)
        if settings.email and settings.token:
            self.auth = HTTPBasicAuth(settings.email.encode(), settings.token.encode())
        self.verify = settings.authorities or True
        self.headers.update({"Accept": "application/json", "User-Agent": "flow-telemetry"})
        self._adapter = BoundedAdapter(deadline)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing: no redirect is followed, so none is looked at, broken ones included."""

    def bound(self, limit: Deadline) -> None:
        """Bound what this thread asks next, the answer's body included."""
        self._adapter.limit = limit
