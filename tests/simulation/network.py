"""The network between the program and the fakes: time, faults, and the end of the program."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from tests.fakes.faults import Answer, Request, status
from tests.simulation.clock import SimulatedClock
from tests.simulation.plan import SweepPlan
from tests.simulation.recorder import Killed
from tests.simulation.transport import Ask, RandomFaults, expired_token, refused
from tests.simulation.worlds import Worlds

SECONDS_PER_REQUEST = 0.15


class Network:
    """The network of one sweep; ``unreadable`` are paths with the status that always answers."""

    def __init__(
        self,
        plan: SweepPlan,
        worlds: Worlds,
        clock: SimulatedClock,
        *,
        seed: int,
        unreadable: Mapping[str, int],
    ) -> None:
        self.requests = 0
        self._plan = plan
        self._worlds = worlds
        self._clock = clock
        self._unreadable = unreadable
        self._faults = RandomFaults(salt=f"{seed} {plan.number}", share=plan.fault_share)
        self._tries: Counter[tuple[str, bytes]] = Counter()
        self._dead = False
        self._lock = threading.Lock()

    def kill(self) -> None:
        """End the program: none of its threads gets another response."""
        self._dead = True

    def ask_github(self, request: Request) -> Answer:
        """Return GitHub's answer, or a fault in its place."""
        return self._ask(request, self._worlds.ask_github, expired=self._plan.github_token_expired)

    def ask_jira(self, request: Request) -> Answer:
        """Return Jira's answer, or a fault in its place."""
        return self._ask(request, self._worlds.ask_jira, expired=self._plan.jira_token_expired)

    def _ask(self, request: Request, ask: Ask, *, expired: bool) -> Answer:
        tries = self._count(request)
        self._clock.sleep(SECONDS_PER_REQUEST)
        self._worlds.advance()
        if self._plan.outage:
            raise refused()
        if expired:
            return expired_token()
        if request.path in self._unreadable:
            code = self._unreadable[request.path]
            return status(code, '{"message": "Not Found", "errorMessages": ["Not allowed"]}')
        return self._faults.apply(request, tries, ask)

    def _count(self, request: Request) -> int:
        """Return how often this request was sent.

        Raises:
            Killed: the program has ended.
        """
        with self._lock:
            self.requests += 1
            most = self._plan.kill_after_requests
            self._dead = self._dead or (most is not None and self.requests > most)
            if self._dead:
                raise Killed
            self._tries[request.target, request.body] += 1
            return self._tries[request.target, request.body]
