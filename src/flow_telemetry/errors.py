"""Errors with a message for the user: what happened, and what to do.

    FlowTelemetryError
    ├── SettingsError       an input or variable has an unusable value; names the input
    │   └── MissingSecretError   it lacks its secret, as in a run of a fork
    ├── SourceError         GitHub or a tracker could not be read
    │   ├── NotFoundError        the requested thing does not exist, or the token cannot see it
    │   ├── AccessDeniedError    the token may not read it; names a permission if GitHub did
    │   ├── AuthenticationError  the token is not accepted
    │   ├── PayloadError         a response is damaged or has an unexpected form
    │   └── UnavailableError     no response in time, or only failures of the server
    ├── ReportError         a file of a job cannot be read; names it
    ├── SelectionError      the subject is ambiguous, or the event has none that `mode` exports
    ├── BudgetExceeded      the budget of requests to GitHub is used up, or it refuses more
    └── DeadlineExceeded    the export timed out

The clients of GitHub and Jira, and the exporter, convert the errors of libraries to these.
"""

from __future__ import annotations


class FlowTelemetryError(Exception):
    """Base of these errors; its text is a message for the user."""


class SettingsError(FlowTelemetryError):
    """An input has an unusable value; the text names the input."""


class MissingSecretError(SettingsError):
    """An input lacks its secret: it works in other runs, for those of forks get no secrets."""


class ReportError(FlowTelemetryError):
    """A file of a job cannot be read; the text names the file."""


class SelectionError(FlowTelemetryError):
    """The subject of the export is ambiguous, or missing in the event."""


class DeadlineExceeded(FlowTelemetryError):
    """The export took longer than `timeout`."""


class BudgetExceeded(FlowTelemetryError):
    """No more requests to GitHub: `max-requests` or its rate limit is used up, or it refuses."""


class SourceError(FlowTelemetryError):
    """GitHub or a tracker could not be read."""


class NotFoundError(SourceError):
    """The requested thing does not exist, or the token cannot see it."""


class AccessDeniedError(SourceError):
    """The token may not read something; the text has the server's reason.

    ``permissions`` are those of GitHub that the token lacks, such as `checks: read`; empty if
    unknown, or if the reason is another one.
    """

    def __init__(self, text: str, permissions: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.permissions = permissions


class AuthenticationError(SourceError):
    """The server does not accept the token."""


class PayloadError(SourceError):
    """A response is damaged, or differs from its documentation."""


class UnavailableError(SourceError):
    """The server did not respond in time, or with failures only."""
