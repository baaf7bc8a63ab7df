"""A fake GitHub of an organization: a world for each repository, behind one account of limits."""

from __future__ import annotations

import heapq
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.fakes import graphql
from tests.fakes.faults import Answer, Request
from tests.fakes.github import FakeGitHub, secondary_rate_limit
from tests.fakes.graphql_points import points_of
from tests.fakes.records import Run
from tests.fakes.world import DERIVED, World, happened, job, sha_of, step

from benchmarks.organization.history import Kind, RepositoryHistory, Thing
from benchmarks.organization.limits import Account

API = "https://api.github.com"
CENTRAL = "acme/telemetry"
_LIST = re.compile(r"/repos/[^/]+/[^/]+/(?:actions/runs|pulls|issues|deployments)")
_NAME = re.compile(r"/repos/([^/]+/[^/]+)")
_STEPS = ("Set up job", "Checkout", "Set up Python", "Install", "Lint", "Build", "Test", "Upload")
_JOBS = ("lint", "build", "test")
_NO_LAG = timedelta()


@dataclass(slots=True)
class Sides:
    """A repository as it is (``truth``), and as its lists show it, which is later."""

    truth: FakeGitHub
    listed: FakeGitHub


@dataclass(slots=True)
class OrganizationGitHub:
    """Answers the requests of a sweep, and counts them by repository and resource.

    ``sent`` counts (repository, `core` or `graphql`); requests of no repository have an empty name.
    ``points`` are those of all queries.
    Without an ``account`` nothing is limited. ``repository_in_hand`` answers queries by node ids.
    """

    now: Callable[[], datetime]
    account: Account | None
    address: str = API
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    points: int = 0
    central: FakeGitHub = field(init=False)
    _sides: dict[str, Sides] = field(default_factory=dict)
    _waiting: list[tuple[datetime, int, bool, str, Thing]] = field(default_factory=list)
    _moved_to: datetime | None = None
    _in_hand: str = CENTRAL
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Begin with the repository of the sweeping workflow."""
        self.central = self._serve(World(CENTRAL, brief=True))
        self.central.world.repository(CENTRAL, private=True)

    def add(self, histories: Iterable[RepositoryHistory], begin: datetime) -> None:
        """Add repositories. What ended before ``begin`` is there at once."""
        for each in histories:
            sides = Sides(*(self._serve(World(each.name, brief=True)) for _ in range(2)))
            self._sides[each.name] = sides
            for thing in each.things:
                if thing.ended_at + thing.late <= begin:
                    self._put(sides, thing, True, is_old=True)
                    continue
                # First what begins, then what ends.
                for at, is_end in ((thing.created_at, False), (thing.ended_at, True)):
                    heapq.heappush(self._waiting, (at, thing.number, is_end, each.name, thing))

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if request.path.startswith("/files/"):
            return self.central.storage.respond(request)
        is_query = request.path.endswith("/graphql")
        body = json.loads(request.body) if is_query else {}
        resource = "graphql" if is_query else "core"
        now = self.now()
        with self._lock:
            self.advance(now)
            name = self._name_of(request, body)
            self.sent[name, resource] += 1
            points = points_of(str(body.get("query", "")), body.get("variables") or {})
            self.points += points if is_query else 0
            if self.account is not None:
                of_hour = points if is_query else 1
                refused = self.account.take(resource, now.timestamp(), points=of_hour)
                headers = self.account.headers(resource, now.timestamp())
                if refused == "primary":
                    return _with(_primary_limit(), headers)
                if refused:
                    return _with(secondary_rate_limit(60 - int(now.timestamp()) % 60), headers)
            else:
                headers = {}
            answer = self._answer(request, body, name)
        return _with(answer, headers)

    def advance(self, now: datetime) -> None:
        """Let everything happen that is due."""
        while self._waiting and self._waiting[0][0] <= now:
            at, _, is_end, name, thing = heapq.heappop(self._waiting)
            sides = self._sides[name]
            if at > thing.ended_at:
                self._show_end(sides, thing)
            elif is_end and thing.late > _NO_LAG:
                self._put(sides, thing, True, is_old=False, lists=False)
                late = (thing.ended_at + thing.late, thing.number, True, name, thing)
                heapq.heappush(self._waiting, late)
            else:
                self._put(sides, thing, is_end, is_old=False)

    def problems(self) -> list[Exception]:
        """Return what the fakes could not answer."""
        fakes = [self.central]
        fakes += [fake for each in self._sides.values() for fake in (each.truth, each.listed)]
        return [problem for fake in fakes for problem in fake._errors]  # noqa: SLF001

    def stop(self) -> None:
        """Close the server of the central repository's artifacts."""
        self.central.storage.stop()

    def _serve(self, world: World) -> FakeGitHub:
        return FakeGitHub(
            world,
            rate_limit=None,
            address=self.address,
            now=lambda: self.now().timestamp(),
        )

    def _name_of(self, request: Request, body: Mapping[str, Any]) -> str:
        found = _NAME.match(request.path)
        variables = body.get("variables") or {}
        name = found[1] if found else f"{variables.get('owner')}/{variables.get('name')}"
        if name in self._sides or name == CENTRAL:
            self._in_hand = name
            return name
        # A query by node ids, whose repository is the one in hand; or one for many repositories.
        return self._in_hand if body and "owner0" not in variables else ""

    def _answer(self, request: Request, body: Mapping[str, Any], name: str) -> Answer:
        if name == CENTRAL:
            return self.central.respond(request)
        if name:
            sides = self._sides[name]
            fake = sides.listed if _LIST.fullmatch(request.path) else sides.truth
            answer = fake.respond(request)
            fake.requests.clear()
            return answer
        if body:
            return _json({"data": self._activity(body)})
        return self._repositories(request)

    def _activity(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a query about several repositories: of each its own part."""
        variables, found = body["variables"], {}
        fragment = body["query"].partition("fragment Activity")
        one = (
            "query One($owner0: String!, $name0: String!) {\n"
            "  r0: repository(owner: $owner0, name: $name0) { ...Activity }\n}\n"
            f"{fragment[1]}{fragment[2]}"
        )
        for number in range(len(variables) // 2):
            owner, short = variables[f"owner{number}"], variables[f"name{number}"]
            sides = self._sides.get(f"{owner}/{short}")
            world = self.central.world if sides is None else sides.truth.world
            payload = {"query": one, "variables": {"owner0": owner, "name0": short}}
            found[f"r{number}"] = graphql.answer(world, payload, set())["data"]["r0"]
        return found

    def _repositories(self, request: Request) -> Answer:
        names = [CENTRAL, *self._sides]
        size = int(request.query.get("per_page", 30))
        page = int(request.query.get("page", 1))
        answer: dict[str, Any] = {"total_count": len(names), "repositories": []}
        for name in names[(page - 1) * size : page * size]:
            asked = Request(
                method="GET",
                path=f"/repos/{name}",
                query={},
                target=f"/repos/{name}",
                headers={},
                body=b"",
                received_at=request.received_at,
            )
            fake = self.central if name == CENTRAL else self._sides[name].truth
            answer["repositories"].append(json.loads(fake.respond(asked).body))
        more = page * size < len(names)
        last = -(-len(names) // size)
        links = f'<{self.address}{request.path}?per_page={size}&page={{}}>; rel="{{}}"'
        link = ", ".join((links.format(page + 1, "next"), links.format(last, "last")))
        return _with(_json(answer), {"Link": link} if more else {})

    # What happens in a repository.

    def _put(
        self, sides: Sides, thing: Thing, is_end: bool, *, is_old: bool, lists: bool = True
    ) -> None:
        worlds = [sides.truth.world, *([sides.listed.world] if lists else [])]
        if thing.kind is Kind.RUN:
            run = _put_run(worlds[0], thing, is_end, is_old=is_old)
            for world in worlds[1:]:
                _show_run(world, run)
            return
        put = _put_change if thing.kind is Kind.CHANGE else _put_issue
        for world in worlds:
            put(world, thing, is_end)

    def _show_end(self, sides: Sides, thing: Thing) -> None:
        if thing.kind is Kind.RUN:
            (run,) = sides.truth.world.attempts_of(sides.truth.world.default, thing.number)
            _show_run(sides.listed.world, run)
        else:
            put = _put_change if thing.kind is Kind.CHANGE else _put_issue
            put(sides.listed.world, thing, True)


def _put_run(world: World, thing: Thing, is_end: bool, *, is_old: bool) -> Run:
    """Put a run of three jobs with eight steps each; an old one is only listed, and has one job."""
    seconds = (thing.ended_at - thing.created_at).total_seconds() - 5
    steps = [step(name, seconds / len(_STEPS)) for name in _STEPS]
    names = _JOBS[:1] if is_old else _JOBS
    jobs = [
        job(name, "success" if is_end else None, queued=5, steps=steps if is_end else ())
        if not is_old
        else job(name, queued=5, seconds=seconds)
        for name in names
    ]
    make = world.run if is_old else world.put_run
    return make(
        id=thing.number,
        run_number=thing.number,
        event="pull_request" if thing.change else "push",
        sha=sha_of(f"{thing.change} {thing.number}"),
        created_at=thing.created_at,
        updated_at=thing.ended_at if is_end else thing.created_at,
        jobs=jobs,
        branch=f"feature-{thing.change}" if thing.change else DERIVED,
    )


def _show_run(world: World, run: Run) -> None:
    with world.lock:
        world.revision += 1
        for position in range(len(world.attempts) - 1, -1, -1):
            if world.attempts[position].id == run.id:
                world.attempts[position] = run
                return
        world.attempts.append(run)


def _put_change(world: World, thing: Thing, is_end: bool) -> None:
    hours = (thing.ended_at - thing.created_at).total_seconds() / 3_600
    world.pull_request(
        thing.number,
        branch=f"feature-{thing.number}",
        opened_at=thing.created_at,
        merged_at=thing.ended_at if is_end else None,
        merge_commit_sha=sha_of(f"merge of {thing.number}") if is_end else None,
        timeline=[
            happened("review_requested", 600 * hours, subject="bob"),
            happened("reviewed", 1200 * hours, by="bob", facts={"state": "approved"}),
        ],
    )


def _put_issue(world: World, thing: Thing, is_end: bool) -> None:
    world.issue(
        thing.number,
        opened_at=thing.created_at,
        closed_at=thing.ended_at if is_end else None,
        timeline=[happened("labeled", 600, subject="feature")],
    )


def _json(payload: object, status: int = 200) -> Answer:
    body = json.dumps(payload, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(status=status, headers=headers, body=body)


def _primary_limit() -> Answer:
    return _json({"message": "API rate limit exceeded for installation ID 1."}, 403)


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return Answer(status=answer.status, headers={**answer.headers, **headers}, body=answer.body)
