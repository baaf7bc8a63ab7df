"""A fake Jira: its REST API over HTTP, as far as this project reads it, over a `JiraWorld`.

    with FakeJira(world, cloud=True, email="mona@example.com", token="secret") as jira:
        jira.script("/changelog", status(502))
        ... the program runs against jira.url ...
    assert jira.paths[-1].startswith("/rest/api/3/issue/ACME-57")

Cloud answers under /rest/api/3, and has forgotten the old search; Data Center answers under
/rest/api/2. Cloud takes a wrong token for none, and then shows nothing; Data Center refuses it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from tests.fakes import jira_query
from tests.fakes.faults import Answer, Request
from tests.fakes.jira_answers import Answers, page
from tests.fakes.jira_world import Issue, JiraWorld
from tests.fakes.server import FakeServer

Check = Callable[[str, str, Any], None]
_FAILED = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}


class FakeJira(FakeServer):
    """A context manager that serves `world` on loopback.

    `token`: the only one accepted (None: none is needed), on Cloud together with `email`.
    `largest_page`: the most items that it gives at once. `check(method, path, payload)` sees every
    answer of status 200 and may raise: the error is raised again when the context ends.
    """

    def __init__(
        self,
        world: JiraWorld,
        *,
        cloud: bool = True,
        email: str = "",
        token: str | None = None,
        path_prefix: str = "",
        address: str = "",
        largest_page: int = 100,
        check: Check | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.world = world
        self.cloud = cloud
        self.email = email
        self.token = token
        super().__init__(path_prefix=path_prefix, address=address)
        self.largest_page = largest_page
        self.check = check
        self.requests: list[Request] = []
        self._now = now

    @property
    def paths(self) -> list[str]:
        """The path of every request so far, without prefix and query."""
        return [request.path.removeprefix(self.path_prefix) for request in self.requests]

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request, as it leaves over HTTP."""
        with self._lock:
            self.requests.append(request)
        try:
            return self._script.apply(request, lambda: self._answer(request))
        except Exception as problem:  # noqa: BLE001 - raised again when the context ends
            self._errors.append(problem)
            return _refused(500, f"the fake Jira failed: {problem!r}")

    def _answer(self, request: Request) -> Answer:
        signed_in = self.token is None or request.headers.get("authorization") == self._credentials
        wrong = not signed_in and "authorization" in request.headers
        if wrong and not self.cloud:
            return _with(_refused(401, "Client must be authenticated"), _FAILED)
        with self._lock:
            answer = self._look_up(request, self.world if signed_in else JiraWorld())
        return _with(answer, _FAILED) if wrong else answer

    @property
    def _credentials(self) -> str:
        if not self.email:
            return f"Bearer {self.token}"
        pair = f"{self.email}:{self.token}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    def _look_up(self, request: Request, world: JiraWorld) -> Answer:
        answers = Answers(world, self.url, self.cloud)
        path = request.path.removeprefix(self.path_prefix)
        if path == "/rest/api/2/serverInfo":
            return self._given(path, answers.server())
        version, _, rest = path.removeprefix("/rest/api/").partition("/")
        if request.method != "GET" or version != ("3" if self.cloud else "2"):
            return _refused(404, "null for uri")
        lists = {"status": answers.statuses, "field": answers.fields}
        if rest in lists:
            return self._given(path, lists[rest]())
        if rest in ("search", "search/jql"):
            return self._search(path, rest, request.query, answers)
        found = re.fullmatch(r"issue/([^/]+)(?:/(changelog|comment))?", rest)
        issue = world.find(found[1]) if found else None
        if found is None or issue is None:
            return _refused(404, "Issue does not exist or you do not have permission to see it.")
        return self._of_issue(path, issue, found[2], request.query, answers)

    def _of_issue(
        self, path: str, issue: Issue, part: str | None, query: Mapping[str, str], answers: Answers
    ) -> Answer:
        start, size = int(query.get("startAt", 0)), self._size(query)
        if part == "comment":
            comments = map(answers.comment, issue.comments)
            return self._given(path, page(comments, "comments", start, size))
        entries = [answers.entry(entry) for entry in issue.entries]
        if part == "changelog":
            if not self.cloud:
                return _refused(404, "null for uri")
            return self._given(path, page(entries, "values", start, size, last=True))
        told = answers.issue(issue, _names(query))
        if query.get("expand") == "changelog":
            told["changelog"] = page(entries, "histories", 0, len(entries))
        return self._given(path, told)

    def _search(self, path: str, rest: str, query: Mapping[str, str], answers: Answers) -> Answer:
        if self.cloud != (rest == "search/jql"):
            return _refused(410 if self.cloud else 404, "The requested API has been removed.")
        try:
            jql, now = query.get("jql", ""), self._now()
            found = jira_query.search(answers.world, jql, cloud=self.cloud, now=now)
        except jira_query.QueryError as error:
            return _refused(400, str(error))
        issues = [answers.issue(issue, _names(query) or ("id",)) for issue in found]
        if query.get("expand") == "changelog":
            for told, issue in zip(issues, found, strict=True):
                entries = [answers.entry(entry) for entry in issue.entries]
                # Cloud has the latest, from the newest on; Data Center all in order.
                shown = entries[::-1][:40] if self.cloud else entries
                told["changelog"] = page(shown, "histories", 0, len(shown))
        size = self._size(query)
        if not self.cloud:
            return self._given(path, page(issues, "issues", int(query.get("startAt", 0)), size))
        start = int(query.get("nextPageToken", "at-0").removeprefix("at-"))
        part = {"issues": issues[start : start + size], "isLast": start + size >= len(issues)}
        after = {} if part["isLast"] else {"nextPageToken": f"at-{start + size}"}
        return self._given(path, {**part, **after})

    def _size(self, query: Mapping[str, str]) -> int:
        return min(int(query.get("maxResults", 50)), self.largest_page)

    def _given(self, path: str, payload: Any) -> Answer:
        if self.check is not None:
            self.check("GET", path, payload)
        return _json(200, payload)


def rate_limited(retry_after: int | None = 1) -> Answer:
    """Jira's answer to a client that asks too much; `retry_after` in seconds."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return _with(_refused(429, "Rate limit exceeded."), headers)


def _names(query: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(filter(None, query.get("fields", "").split(",")))


def _refused(code: int, message: str) -> Answer:
    return _json(code, {"errorMessages": [message], "errors": {}})


def _json(code: int, payload: object) -> Answer:
    headers = {"Content-Type": "application/json;charset=UTF-8"}
    return Answer(status=code, headers=headers, body=json.dumps(payload).encode())


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return replace(answer, headers={**answer.headers, **headers})
