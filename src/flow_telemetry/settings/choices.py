"""The choices that inputs offer, each an enumeration whose values are what users write."""

from __future__ import annotations

from enum import Enum


class Door(Enum):
    """The two ways into the program; their defaults differ."""

    ACTION = "action"
    COMMAND_LINE = "command line"


class Mode(Enum):
    """What an export is about; `auto` leaves it to the event that started the workflow."""

    AUTO = "auto"
    RUN = "run"
    CHANGE = "change"
    ITEM = "item"
    FEATURE = "feature"
    EVENT = "event"
    SWEEP = "sweep"
    CONTEXT = "context"


class Export(Enum):
    """Which part of a run that still goes on a step inside it sends."""

    RUN = "run"
    JOB = "job"
    REST = "rest"


class Detail(Enum):
    """The finest spans that are sent."""

    STEP = "step"
    JOB = "job"
    RUN = "run"


class TraceScope(Enum):
    """Which entity is the root of the live trace."""

    RUN = "run"
    CHANGE = "change"
    ITEM = "item"
    FEATURE = "feature"


class TrackerChoice(Enum):
    """Where work items are looked for."""

    AUTO = "auto"
    GITHUB = "github"
    JIRA = "jira"
    NONE = "none"


class Ancestors(Enum):
    """What of the changes that a push brought goes along with its run."""

    COMPLETED = "completed"
    NONE = "none"


class OldSpans(Enum):
    """What becomes of a span that is older than `max-span-age`."""

    SEND = "send"
    DROP = "drop"
    CLAMP = "clamp"


class PhaseSending(Enum):
    """When the phases of a change leave: with the change, or each when it ends."""

    COMPLETED = "completed"
    LIVE = "live"


class JobLogs(Enum):
    """Of which steps the lines of GitHub's logs leave as log records."""

    NONE = "none"
    FAILED = "failed"
    ALL = "all"


class LogLevel(Enum):
    """How much to tell."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"
