"""A fake GitHub: its REST API over HTTP, as far as this project reads it, over a `World`.

    with FakeGitHub(world) as github:
        github.script("/jobs", status(502), after=1)      # the second page fails once
        github.on_request = lambda count, path: ...       # the world moves on between requests
        ... the program runs against github.url ...
    assert github.paths[0] == "/repos/acme/shop/actions/runs/1000/attempts/1"

It pages, links and refuses as GitHub does: `Link` headers lead to /repositories/{id}/…, lists end
at 100 a page, permissions that are missing are named in a header.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.fakes import artifacts, comments, graphql, issues, listing, routes, run_logs
from tests.fakes.faults import Answer, Request
from tests.fakes.graphql_points import points_of
from tests.fakes.plans import RepositoryPlan
from tests.fakes.server import FakeServer
from tests.fakes.storage import Storage, Stored
from tests.fakes.world import World

DOCUMENTATION = "https://docs.github.com/rest"
Check = Callable[[str, str, Any], None]


class FakeGitHub(FakeServer):
    """A context manager that serves `world` on loopback.

    `token`: the only one accepted (None: any, or none). `denied`: permissions that the token lacks,
    such as "checks=read". `missing_fields`: what an older server's GraphQL schema lacks, such as
    "Issue.parent". `rate_limit`: requests an hour (None: a server that knows no limits, and
    sends no such headers); `point_limit`: GraphQL's points an hour (None: as many). `latency`:
    seconds before each answer. `check(method, path, payload)` sees every 2xx answer and may raise:
    the error is raised again when the context ends. Files are kept by `storage`, to which the
    answers lead.
    """

    def __init__(
        self,
        world: World,
        *,
        token: str | None = None,
        denied: Iterable[str] = (),
        missing_fields: Iterable[str] = (),
        path_prefix: str = "",
        address: str = "",
        rate_limit: int | None = 5000,
        point_limit: int | None = None,
        latency: float = 0.0,
        check: Check | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.world = world
        self.token = token
        self.denied = set(denied)
        self.missing_fields = frozenset(missing_fields)
        super().__init__(path_prefix=path_prefix, address=address)
        self.rate_limit = rate_limit
        self.point_limit = point_limit
        # By resource, as in the headers: requests of `core`, points of `graphql`.
        self.used: Counter[str] = Counter()
        self.latency = latency
        self.check = check
        # The user of the token: that of workflows, which is a bot.
        self.viewer = "github-actions[bot]"
        self.requests: list[Request] = []
        self.on_request: Callable[[int, str], object] = _nothing
        self.before_answer: Callable[[], object] = lambda: None
        self.storage = Storage()
        self._now = now
        self._reset_at = int(now()) + 3600
        self._encoded: dict[str, Answer] = {}
        self._encoded_revision = -1

    @property
    def graphql_path(self) -> str:
        """The path of the GraphQL API: on GitHub Enterprise Server it stands beside REST's."""
        return "/api/graphql" if self.path_prefix == "/api/v3" else f"{self.path_prefix}/graphql"

    @property
    def paths(self) -> list[str]:
        """Path and query of every request so far, without the prefix."""
        return [request.target.removeprefix(self.path_prefix) for request in self.requests]

    def stop(self) -> None:
        """Close the server of the API and that of the files."""
        super().stop()
        self.storage.stop()

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request, as it leaves over HTTP."""
        with self._lock:
            self.requests.append(request)
            count = len(self.requests)
        self._server.pause(self.latency)
        self.before_answer()
        try:
            with self._lock:
                self.on_request(count, request.target.removeprefix(self.path_prefix))
            return self._script.apply(request, lambda: self._answer(request, count))
        except Exception as problem:  # noqa: BLE001 - raised again when the context ends
            self._errors.append(problem)
            return _json(500, {"message": f"the fake GitHub failed: {problem!r}"})

    def _answer(self, request: Request, count: int) -> Answer:
        general = {**_GENERAL_HEADERS, "x-github-request-id": f"FA4E:{count:06X}"}
        refused = None
        if self.token is not None and not _bears(request, self.token):
            refused = _error(401, "Bad credentials")
        if self.rate_limit is not None:
            with self._lock:
                refused = self._beyond_limit(request) or refused
                general.update(self._rate_limit_headers(self._resource(request)))
        if refused is not None:
            return _with(refused, general)
        with self._lock, self.world.lock:
            return _with(self._look_up(request), general)

    def _resource(self, request: Request) -> str:
        return "graphql" if request.path == self.graphql_path else "core"

    def _limit(self, resource: str) -> int:
        if resource == "graphql" and self.point_limit is not None:
            return self.point_limit
        return self.rate_limit or 0

    def _beyond_limit(self, request: Request) -> Answer | None:
        """Count a request; return the refusal if the limit of its resource does not allow it."""
        resource, cost = self._resource(request), 1
        if resource == "graphql":
            asked = json.loads(request.body)
            cost = points_of(str(asked.get("query", "")), asked.get("variables") or {})
        self.used[resource] += cost
        if self.used[resource] <= self._limit(resource):
            return None
        if resource == "graphql":
            return graphql_rate_limit()
        return _error(403, "API rate limit exceeded for installation ID 1.", _RATE_LIMITS)

    def _look_up(self, request: Request) -> Answer:
        if request.method == "POST" and request.path == self.graphql_path:
            return self._answer_graphql(json.loads(request.body))
        path = request.path.removeprefix(self.path_prefix)
        write = routes.match_write(request.method, path)
        if write is not None:
            return self._answer_write(request, path, write)
        route = None
        if request.method == "GET" and request.path.startswith(self.path_prefix):
            route = routes.match(path)
        if route is None:
            return self._answer_list(request)
        permission = route.route.permission
        # Several permissions are alternatives.
        if self._denied_in(route.repository_name).issuperset(permission.split("; ")):
            answer = _error(403, "Resource not accessible by integration", route.route.docs)
        else:
            answer = self._encoded_once(request, route)
        return _with(answer, {"x-accepted-github-permissions": permission})

    def _denied_in(self, name: str) -> set[str]:
        try:
            return {*self.denied, *self.world.find_repository(name).denied}
        except KeyError:
            return self.denied

    def _answer_list(self, request: Request) -> Answer:
        """Answer a list of repositories, which belongs to no repository."""
        path = request.path.removeprefix(self.path_prefix)
        found = routes.match_list(path) if request.method == "GET" else None
        if found is None:
            return _error(404, "Not Found")
        route, values = found
        if route.token and route.token not in request.headers.get("authorization", ""):
            return _error(403, _NO_INSTALLATION, route.docs)
        try:
            page = listing.page_of(route.find(self.world, values), request.query)
        except KeyError:
            return _error(404, "Not Found", route.docs)
        if self.check is not None:
            self.check("GET", path, page.payload)
        link = listing.link_header(f"{self.url}{path}", request.query, page)
        headers = {"x-accepted-github-permissions": "metadata=read"}
        return _json(200, page.payload, {**headers, **({"Link": link} if link else {})})

    def _answer_write(self, request: Request, path: str, found: routes.WriteMatch) -> Answer:
        route = found.route
        try:
            home = self._visible_repository(found.repository_name, found.rest)
            denied = self._denied_in(found.repository_name)
            if denied.issuperset(route.permission.split("; ")):
                refused = _error(403, "Resource not accessible by integration", route.docs)
                return _with(refused, {"x-accepted-github-permissions": route.permission})
            made = route.write(self.world, home, found.values, request.body, self.viewer)
        except issues.MovedError as moved:
            location = {"Location": f"{self.url}{moved}"}
            return _with(_error(307, "Moved Permanently", route.docs), location)
        except comments.InvalidError as invalid:
            return _error(422, f"Validation Failed: {invalid}", route.docs)
        except comments.LockedError as locked:
            return _error(403, str(locked), route.docs)
        except KeyError:
            return _error(404, "Not Found", route.docs)
        if self.check is not None:
            self.check(request.method, path, made)
        return _json(route.success, made)

    def _answer_graphql(self, asked: Mapping[str, Any]) -> Answer:
        answer = graphql.answer(
            self.world, asked, self.denied, self.missing_fields, viewer=self.viewer
        )
        if self.check is not None:
            self.check("POST", "/graphql", {**asked, "answer": answer})
        return _json(200, answer)

    def _encoded_once(self, request: Request, route: routes.Match) -> Answer:
        if self._encoded_revision != self.world.revision:
            self._encoded.clear()
            self._encoded_revision = self.world.revision
        if request.target not in self._encoded:
            self._encoded[request.target] = self._encode(request, route)
        return self._encoded[request.target]

    def _encode(self, request: Request, found: routes.Match) -> Answer:
        try:
            home = self._visible_repository(found.repository_name, found.rest)
            answer = found.route.find(self.world, home, found.values, request.query)
        except routes.NoSuchCommitError as unknown:
            return _error(422, str(unknown), found.route.docs)
        except issues.MovedError as moved:
            location = {"Location": f"{self.url}{moved}"}
            return _with(_error(301, "Moved Permanently", found.route.docs), location)
        except (issues.DeletedError, artifacts.ExpiredError, run_logs.ExpiredError) as gone:
            return _error(410, _GONE[type(gone)], found.route.docs)
        except KeyError:
            return _error(404, "Not Found", found.route.docs)
        if isinstance(answer, Stored):
            return Answer(status=302, headers={"Location": self.storage.keep(answer)})
        page = listing.page_of(answer, request.query, as_text=self.check is None)
        if self.check is not None:
            self.check("GET", f"/repos/{home.full_name}{found.rest}", page.payload)
        # GitHub's links name the repository by its number, which a rename does not change.
        link = listing.link_header(
            f"{self.url}/repositories/{home.id}{found.rest}", request.query, page
        )
        text = _encoded(page.payload) if page.text is None else page.text
        return _text(200, text, {"Link": link} if link else {})

    def _visible_repository(self, name: str, rest: str) -> RepositoryPlan:
        if name.lower() not in self.world.repositories:
            for home in self.world.repositories.values():
                if name.lower() in (each.lower() for each in home.former_names):
                    raise issues.MovedError(f"/repositories/{home.id}{rest}")
        found = self.world.find_repository(name)
        if found.hidden:
            raise KeyError(name)
        return found

    def _rate_limit_headers(self, resource: str) -> dict[str, str]:
        limit, used = self._limit(resource), self.used[resource]
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - used)),
            "x-ratelimit-used": str(used),
            "x-ratelimit-reset": str(self._reset_at),
            "x-ratelimit-resource": resource,
        }


_GENERAL_HEADERS = {
    "Server": "GitHub.com",
    "x-github-media-type": "github.v3; format=json",
    "x-github-api-version-selected": "2022-11-28",
}
_NO_INSTALLATION = (
    "You must authenticate with an installation access token in order to list repositories for "
    "an installation."
)
_GONE = {
    issues.DeletedError: "This issue was deleted",
    artifacts.ExpiredError: "Artifact has expired",
    run_logs.ExpiredError: "Server Error",
}
_RATE_LIMITS = "/using-the-rest-api/rate-limits-for-the-rest-api"


def secondary_rate_limit(retry_after: int | None = 1, code: int = 403) -> Answer:
    """GitHub's answer to a client that asks too much at once; `retry_after` in seconds."""
    refused = _error(
        code,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        _RATE_LIMITS,
    )
    return _with(refused, {} if retry_after is None else {"retry-after": str(retry_after)})


def graphql_rate_limit(type_: str = "RATE_LIMIT", **headers: str) -> Answer:
    """GitHub's answer to a GraphQL query beyond the limit: status 200, and an error in the body."""
    error = {"type": type_, "message": "API rate limit already exceeded for installation ID 1."}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _json(200, {"errors": [error]}, named)


def _bears(request: Request, token: str) -> bool:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() in ("bearer", "token") and value == token


def _error(code: int, message: str, docs: str = "") -> Answer:
    payload = {"message": message, "documentation_url": DOCUMENTATION + docs, "status": str(code)}
    return _json(code, payload)


def _json(code: int, payload: object, headers: Mapping[str, str] | None = None) -> Answer:
    return _text(code, _encoded(payload), headers)


def _encoded(payload: object) -> str:
    return json.dumps(payload, separators=(",", ":"))


def _text(code: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(
        status=code,
        headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
        body=text.encode(),
    )


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return Answer(status=answer.status, headers={**answer.headers, **headers}, body=answer.body)


def _nothing(count: int, path: str) -> None:
    """Leave the world as it is, unless a test says otherwise."""
