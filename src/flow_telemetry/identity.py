"""Flow references and the trace and span ids derived from them, version 1.

Many processes send the spans of one feature on many days. The spans share one trace because each id
is a hash of the entity's own key, so the processes need not know each other. The recipe and its
test vectors are a public contract (``docs/reference/identity.md``): another output would be
version 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

TRACE_RECIPE = "flow-telemetry/trace/v1"
SPAN_RECIPE = "flow-telemetry/span/v1"
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FOLDED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceIdentity:
    """The ids of one trace: a namespace and the reference of the entity at its root.

    ``root`` is a flow reference, ``namespace`` the result of `normalize_namespace`.
    """

    root: str
    namespace: str = ""

    @property
    def trace_id(self) -> str:
        """The trace id as 32 lower-case hexadecimal digits."""
        return trace_id(self.root, namespace=self.namespace)

    def span_id(self, reference: str) -> str:
        """Return the id, 16 lower-case hexadecimal digits, of an entity's span in this trace."""
        return span_id(self.root, reference, namespace=self.namespace)

    def traceparent(self, reference: str) -> str:
        """Return the W3C ``traceparent`` of an entity's span: sampled, and not random."""
        return f"00-{self.trace_id}-{self.span_id(reference)}-01"


def trace_id(root: str, *, namespace: str = "") -> str:
    """Return the trace id of the trace whose root is the flow reference ``root``."""
    return _hash(f"{TRACE_RECIPE}\n{namespace}\n{root}", length=16)


# The spans of a job's steps name the same parent one after another.
@lru_cache(maxsize=64)
def span_id(root: str, reference: str, *, namespace: str = "") -> str:
    """Return the span id of ``reference`` in the trace whose root is ``root``.

    The root is part of the recipe, so one thing has different span ids in different traces.
    """
    return _hash(f"{SPAN_RECIPE}\n{namespace}\n{root}\n{reference}", length=8)


def _hash(text: str, *, length: int) -> str:
    digest = sha256(text.encode("utf-8", errors="surrogatepass")).digest()[:length]
    while not any(digest):  # W3C Trace Context does not allow an id of zeros only.
        text += "\n"
        digest = sha256(text.encode("utf-8", errors="surrogatepass")).digest()[:length]
    return digest.hex()


def normalize_namespace(text: str) -> str:
    """Return the namespace without blanks at its ends.

    Raises:
        ValueError: it contains a control character, so two recipes could be equal.
    """
    namespace = text.strip()
    if _CONTROL_CHARACTERS.search(namespace):
        raise ValueError("a namespace cannot contain control characters")
    return namespace


def fold(text: str) -> str:
    """Return ``text`` with A to Z as lower case and every other character as it is.

    GitHub compares names of owners and repositories in this way. Full Unicode folding would depend
    on the Unicode version of the runtime.
    """
    return text.translate(_FOLDED)


def upper(text: str) -> str:
    """Return ``text`` with a to z as upper case and every other character as it is."""
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in text)


def host_of(url: str) -> str:
    """Return the host of ``url``, lower case, with its port if that is not the default.

    Raises:
        ValueError: the text is not a URL.
    """
    split_url = urlsplit(url)
    authority = fold(split_url.netloc.rpartition("@")[2])
    # `split_url.hostname` removes the brackets of an IPv6 address and folds all of Unicode.
    with_port = split_url.port is not None or authority.endswith(":")
    host = authority.rpartition(":")[0] if with_port else authority
    if split_url.port is None or split_url.port == _DEFAULT_PORTS.get(split_url.scheme):
        return host
    return f"{host}:{split_url.port}"


def format_timestamp(time: datetime) -> str:
    """Return an aware time in UTC to the second, as references have it: ``…T03:43:00Z``."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def repository_reference(host: str, full_name: str) -> str:
    """Return ``github.com/acme/shop``, the start of all references to entities of GitHub."""
    return fold(f"{host}/{full_name}")


def pull_request_reference(repository: str, number: int) -> str:
    """Return the reference of a pull request of a repository reference."""
    return f"{repository}/pull/{number}"


def github_issue_reference(repository: str, number: int) -> str:
    """Return the reference of a GitHub issue of a repository reference."""
    return f"{repository}/issues/{number}"


def jira_reference(key: str) -> str:
    """Return the reference of a Jira issue: its key in upper case."""
    return f"jira/{upper(key)}"


def tracker_reference(tracker: str, key: str) -> str:
    """Return the reference of an item of another tracker; the key is not normalized."""
    return f"{tracker}/{key}"


def run_reference(repository: str, run_id: int, attempt: int) -> str:
    """Return the reference of one attempt of a workflow run of a repository reference."""
    return f"{repository}/actions/runs/{run_id}/attempts/{attempt}"


def job_reference(repository: str, run_id: int, job_id: int) -> str:
    """Return the reference of a job; ``job_id`` is the API's ``id``.

    Old ``html_url`` values contain a different number, which identifies nothing.
    """
    return f"{repository}/actions/runs/{run_id}/job/{job_id}"


def step_reference(job: str, number: int, occurrence: int = 1) -> str:
    """Return the reference of a step; ``occurrence`` is above 1 for a repeated number."""
    suffix = f":{occurrence}" if occurrence > 1 else ""
    return f"{job}#step:{number}{suffix}"


def queued_reference(owner: str) -> str:
    """Return the reference of the waiting time of a run or job for a runner."""
    return f"{owner}#queued"


def start_wait_reference(run: str) -> str:
    """Return the reference of the time that a run waited before any of its jobs was created."""
    return f"{run}#waiting:start:1"


def measured_reference(owner: str) -> str:
    """Return the reference of the measurements that a runner made of a step or job."""
    return f"{owner}#measured"


def approval_reference(owner: str, number: int) -> str:
    """Return the reference of a job's wait for an approval, numbered from 1."""
    return f"{owner}#waiting:approval:{number}"


def deployment_reference(repository: str, number: int) -> str:
    """Return the reference of a deployment of a repository reference."""
    return f"{repository}/deployments/{number}"


def delivery_reference(deployment: str, change: str) -> str:
    """Return the reference of the delivery of one change by a deployment."""
    return f"{deployment}#delivers:{change}"


def phase_reference(change: str, phase: str, number: int) -> str:
    """Return the reference of a phase; all phases of that name of a change are numbered from 1."""
    return f"{change}#phase:{phase}:{number}"


def status_reference(item: str, number: int) -> str:
    """Return the reference of a status interval; all those of an item are numbered from 1."""
    return f"{item}#status:{number}"


def blocked_reference(item: str, number: int) -> str:
    """Return the reference of the ``number``-th blocked interval, over all open periods."""
    return f"{item}#blocked:{number}"


def life_reference(owner: str, number: int) -> str:
    """Return the reference of a life of a pull request or item; ``number`` counts from 1.

    In a feature trace, the span of the owner itself is that of its first life.
    """
    return f"{owner}#life:{number}"


def event_reference(owner: str, kind: str, identifier: str) -> str:
    """Return the reference of an event of its owner.

    ``kind`` is the last word of the event's name. ``identifier`` is the number of a comment, review
    or deployment status, the sha of a commit, else the result of `event_identifier`.
    """
    return f"{owner}#event:{kind}:{identifier}"


def log_line_reference(step: str, number: int) -> str:
    """Return the reference of a line of a step's log; lines are numbered from 1."""
    return f"{step}#log:{number}"


def exception_reference(case: str, number: int) -> str:
    """Return the reference of a failure of a test case; its failures are numbered from 1."""
    return f"{case}#exception:{number}"


def event_identifier(time: datetime, subject: str = "") -> str:
    """Return the identifier of an event without a number: its time, and its subject if any."""
    return f"{format_timestamp(time)}:{subject}" if subject else format_timestamp(time)


def as_of(reference: str, time: datetime) -> str:
    """Return the root of a separate feature trace: of a snapshot, or of a later closing."""
    return f"{reference}@{format_timestamp(time)}"
