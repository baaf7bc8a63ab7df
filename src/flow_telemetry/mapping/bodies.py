"""Bodies of the log records of events: a line of text for each, made of its attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.event_types import EventSubject, Sentence, find_named_type
from flow_telemetry.mapping.job_attributes import STEP_NAME
from flow_telemetry.rules.causes import RUNNERS_PATH
from flow_telemetry.telemetry import Attributes, LogRecord, Telemetry
from flow_telemetry.text import duration, one_line

# A body contains nothing but attributes of its record, and is made of these when logins are hidden
# and secrets are redacted. So it shows a person or a text only where the record does, and it is
# truncated after the redaction, which would not find half a secret.

LONGEST_BODY = 512
_LONGEST_FACT = 128
_LONGEST_MESSAGE = 256
_DIGITS_OF_SHA = 7

_REVIEWS = {
    "approved": Sentence("approved", "{change}"),
    "changes_requested": Sentence("requested", "changes", "in {change}"),
}
_OUTCOMES = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}
_DEPLOYMENT_NOUNS = {"rollback": "rollback", "redeploy": "redeployment"}
_LEVELS = {"failure": "error"}


def add_bodies(stream: Iterable[Telemetry], redact: Callable[[str], str]) -> Iterator[Telemetry]:
    """Yield the telemetry; records of events get their body, and lines of logs keep theirs.

    ``redact`` is for what only the sentence contains, such as a user's pattern of two words. The
    attributes are redacted already.
    """
    for item in stream:
        if isinstance(item, LogRecord) and item.event_name and item.body is None:
            body = one_line(redact(format_body(item.event_name, item.attributes)), LONGEST_BODY)
            yield replace(item, body=body or None)
        else:
            yield item


def format_body(event_name: str, attributes: Attributes) -> str:
    """Return the body of an event's record: one line of at most 512 characters.

    It has no control characters. It is empty if the name is not that of an event of ours. What
    the attributes do not contain is left out.
    """
    event_type = find_named_type(event_name)
    if event_type is None:
        return ""
    facts = _Facts(attributes)
    sentence = event_type.sentence
    if event_semconv.REVIEW_STATE in event_type.attributes:
        sentence = _REVIEWS.get(facts.text(event_semconv.REVIEW_STATE), sentence)
    what, rest = sentence.what.format_map(facts), sentence.rest.format_map(facts)
    actor = facts.text(event_semconv.ACTOR_LOGIN)
    if not sentence.verb:
        words = what
    elif actor:
        words = f"{actor} {sentence.verb} {what} {rest}"
    else:
        words = f"{what} was {sentence.verb} {rest}"
    repository = facts.text(semconv.GITHUB_REPOSITORY)
    # The key of an item says where it is.
    if repository and event_type.subject not in (EventSubject.WORK_ITEM, EventSubject.FEATURE):
        words += f" ({repository})"
    return one_line(" ".join(words.split()), LONGEST_BODY)


@dataclass(frozen=True, slots=True)
class _Facts(Mapping[str, str]):
    """The phrases of sentences, by their names in braces, made of a record's attributes."""

    attributes: Attributes

    def text(self, name: str, limit: int = _LONGEST_FACT) -> str:
        """Return an attribute as a line of text, empty if it is not set."""
        value = self.attributes.get(name, "")
        text = value if isinstance(value, (str, int, float)) else ", ".join(value)
        return " ".join(one_line(str(text), limit).split())

    def quoted(self, name: str, before: str = "") -> str:
        """Return an attribute in quotation marks after the words ``before``, else nothing."""
        text = self.text(name)
        return f'{before}"{text}"' if text else ""

    def after(self, words: str, name: str) -> str:
        """Return the words and the attribute after them, nothing if it is not set."""
        text = self.text(name)
        return f"{words} {text}" if text else ""

    def __getitem__(self, name: str) -> str:
        """Return a phrase.

        Raises:
            KeyError: there is none of this name.
        """
        return _PHRASES[name](self)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of phrases."""
        return iter(_PHRASES)

    def __len__(self) -> int:
        """Return the number of phrases."""
        return len(_PHRASES)


def _change(facts: _Facts) -> str:
    number = facts.text(semconv.VCS_CHANGE_ID)
    return f"pull request #{number}" + facts.quoted(work_semconv.VCS_CHANGE_TITLE, " ")


def _item(facts: _Facts) -> str:
    kind = facts.text(work_semconv.ITEM_TYPE) or "work item"
    key = facts.text(semconv.FLOW_WORK_ITEM_KEY)
    return f"{kind} {key}" + facts.quoted(work_semconv.ITEM_TITLE, " ")


def _deployment(facts: _Facts) -> str:
    noun = _DEPLOYMENT_NOUNS.get(facts.text(work_semconv.DEPLOYMENT_KIND), "deployment")
    sha = facts.text(semconv.VCS_REF_HEAD_REVISION)[:_DIGITS_OF_SHA]
    of_commit = f"of {sha}" if sha else ""
    number, place = facts.text(work_semconv.DEPLOYMENT_ID), _PHRASES["to_environment"](facts)
    return f"{noun} {number} {of_commit} {place}"


def _outcome(facts: _Facts) -> str:
    status = _OUTCOMES.get(facts.text(work_semconv.DEPLOYMENT_STATUS))
    return status or facts.quoted(work_semconv.DEPLOYMENT_STATE, "is now ") or "has a new status"


def _commit(facts: _Facts) -> str:
    sha = facts.text(event_semconv.EVENT_ID)[:_DIGITS_OF_SHA]
    return f"commit {sha}" if sha else "a commit"


def _after_first_commit(facts: _Facts) -> str:
    seconds = facts.attributes.get(names.LEAD_TIME)
    if not isinstance(seconds, (int, float)):
        return ""
    return f"{duration(seconds)} after its first commit"


def _step(facts: _Facts) -> str:
    step = facts.quoted(STEP_NAME, "step ")
    return f"{step} of" if step else ""


def _job(facts: _Facts) -> str:
    number = facts.text(semconv.CICD_PIPELINE_TASK_RUN_ID)
    return facts.quoted(semconv.CICD_PIPELINE_TASK_NAME, "job ") or f"job {number}"


def _run(facts: _Facts) -> str:
    number = facts.text(semconv.CICD_PIPELINE_RUN_ID)
    return "of " + (facts.quoted(semconv.CICD_PIPELINE_NAME) or f"run {number}")


def _annotation(facts: _Facts) -> str:
    path = facts.text(semconv.GITHUB_ANNOTATION_PATH)
    line = facts.text(semconv.GITHUB_ANNOTATION_LINE)
    place = "" if path in ("", RUNNERS_PATH) else f"{path}:{line}: " if line else f"{path}: "
    return place + facts.text(semconv.GITHUB_ANNOTATION_MESSAGE, _LONGEST_MESSAGE)


def _slow_run(facts: _Facts) -> str:
    took, usual = (
        facts.attributes.get(name)
        for name in (event_semconv.RUN_DURATION, event_semconv.RUN_USUAL_DURATION)
    )
    run = _run(facts).removeprefix("of ")
    if not isinstance(took, (int, float)) or not isinstance(usual, (int, float)):
        return f"{run} took longer than usual"
    parts = facts.text(event_semconv.RUN_SLOW_PARTS, _LONGEST_MESSAGE)
    words = f"{run} took {duration(took)}, usually {duration(usual)}"
    return f"{words}: {parts}" if parts else words


_PHRASES: Mapping[str, Callable[[_Facts], str]] = {
    "change": _change,
    "item": _item,
    "commit": _commit,
    "label": lambda facts: facts.quoted(event_semconv.EVENT_LABEL),
    "assignee": lambda facts: facts.text(event_semconv.EVENT_ASSIGNEE),
    "to_assignee": lambda facts: facts.after("to", event_semconv.EVENT_ASSIGNEE),
    "from_reviewer": lambda facts: facts.after("from", event_semconv.EVENT_REVIEWER),
    "to_reviewer": lambda facts: facts.after("to", event_semconv.EVENT_REVIEWER),
    "without_merge": lambda facts: (
        "without a merge" if facts.text(work_semconv.VCS_CHANGE_STATE) == "closed" else ""
    ),
    "from_status": lambda facts: facts.quoted(event_semconv.STATUS_BEFORE, "from "),
    "to_status": lambda facts: facts.quoted(work_semconv.ITEM_STATUS, "to "),
    "by_reason": lambda facts: facts.quoted(event_semconv.BLOCKED_BY, "by "),
    "as_result": lambda facts: facts.quoted(work_semconv.ITEM_RESULT, "as "),
    "deployment": _deployment,
    "outcome": _outcome,
    "to_environment": lambda facts: facts.after("to", work_semconv.DEPLOYMENT_ENVIRONMENT_NAME),
    "after_first_commit": _after_first_commit,
    "level": lambda facts: (
        _LEVELS.get(level := facts.text(semconv.GITHUB_ANNOTATION_LEVEL), level) or "annotation"
    ),
    "step": _step,
    "job": _job,
    "run": _run,
    "annotation": _annotation,
    "slow_run": _slow_run,
}
