"""The errors that a user can meet, each a sentence that says what went wrong and what to do.

    FlowTelemetryError
    ├── SettingsError       an input or variable has an unusable value; names the input
    ├── SourceError         GitHub or a tracker could not be read
    │   ├── NotFoundError        the requested thing does not exist, or the token cannot see it
    │   ├── AccessDeniedError    the token lacks a permission; names it
    │   ├── AuthenticationError  the token is not accepted
    │   ├── PayloadError    an answer is damaged or has an unexpected form
    │   └── UnavailableError     no answer in time, or only failures of the server
    ├── ReportError         a file that a job left behind cannot be read; names it
    ├── SelectionError      what to export cannot be decided, such as which job is ours
    ├── BudgetExceeded      the requests to GitHub that were allowed are used up, or it refuses more
    └── DeadlineExceeded    the time for everything is used up

Errors of libraries never leave ``sources`` and ``export``: they are mapped there.
"""

from __future__ import annotations


class FlowTelemetryError(Exception):
    """Base of all errors here; its text is fit to be shown to the user as it is."""


class SettingsError(FlowTelemetryError):
    """An input has a value that cannot be used; the text names the input."""


class ReportError(FlowTelemetryError):
    """A file that a job left behind cannot be read; the text names the file."""


class SelectionError(FlowTelemetryError):
    """What to export cannot be decided from what is known."""


class DeadlineExceeded(FlowTelemetryError):
    """The time that `timeout` gives for everything is used up."""


class BudgetExceeded(FlowTelemetryError):
    """No more is asked of GitHub: `max-requests`, hardly any rate limit is left, or it refuses."""


class SourceError(FlowTelemetryError):
    """GitHub or a tracker could not be read."""


class NotFoundError(SourceError):
    """The requested thing does not exist, or the token cannot see it."""


class AccessDeniedError(SourceError):
    """The token lacks a permission that the text names."""


class AuthenticationError(SourceError):
    """The token is not accepted at all."""


class PayloadError(SourceError):
    """An answer is damaged or does not have the form that its documentation gives."""


class UnavailableError(SourceError):
    """The server did not answer in time, or answered with failures only."""
