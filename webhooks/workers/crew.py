"""The workers as the supervisor sees them, and which of them a connection is for. No process, no socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from webhooks.workers.figures import Family
from webhooks.workers.routing import NewCall, OfCall, OfHouse, OfWorker, Route

QUIET = 5.0  # seconds without a sign of life after which a worker gets no new calls
MOST_CALLS = 20_000  # whose worker is remembered; more than all workers remember themselves
MOST_DELIVERIES = 2000  # of calls that may be delivered a second time


@dataclass(eq=False)
class Member:
    """One worker. up: it takes connections; takes: it would take a call; live: its calls, as it says itself.

    given: calls handed to it since it last said so; heard: when that was.
    """

    number: int
    up: bool = False
    takes: bool = False
    live: int = 0
    given: int = 0
    heard: float = 0.0
    families: list[Family] = field(default_factory=list)

    @property
    def load(self) -> int:
        """Its calls, with those that it has not told of yet."""
        return self.live + self.given

    def gone(self) -> None:
        """Its process has ended, and its calls with it."""
        self.up = self.takes = False
        self.live = self.given = 0
        self.families = []


class Crew:
    """Chooses. clock: seconds, never going back."""

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self.members = [Member(number) for number in range(size)]
        self._clock = clock
        self._next = 0  # who is first among equals
        self._calls: dict[str, int] = {}  # whose they are
        self._deliveries: dict[bytes, int] = {}

    def choose(self, route: Route) -> Member | None:
        """The worker for a connection; None: nobody is there who could take it now."""
        match route:
            case NewCall(delivery):
                return self._second(delivery) or self._newcomer(delivery)
            case OfWorker(number):
                # Of a call whose worker is gone: another one answers it as a restarted process would.
                return self._up(number) or self._least()
            case OfCall(call_id):
                return self._up(self._calls.get(call_id, 0))
            case OfHouse(anyone):
                return self._up(0) or (self._least() if anyone else None)

    def call_is_of(self, call_id: str, number: int) -> None:
        """A worker tells of a call."""
        _remember(self._calls, call_id, number, MOST_CALLS)

    def forget_calls(self, number: int) -> None:
        """A worker is gone."""
        self._calls = {call_id: worker for call_id, worker in self._calls.items() if worker != number}

    @property
    def up(self) -> list[Member]:
        """Those who take connections."""
        return [member for member in self.members if member.up]

    @property
    def takes(self) -> bool:
        """Whether any of them would take a call."""
        return any(member.takes for member in self.up)

    def _up(self, number: int) -> Member | None:
        member = self.members[number] if number < len(self.members) else None
        return member if member is not None and member.up else None

    def _second(self, delivery: bytes) -> Member | None:
        return self._up(self._deliveries[delivery]) if delivery in self._deliveries else None

    def _newcomer(self, delivery: bytes) -> Member | None:
        member = self._least()
        if member is None:
            return None
        self._next = (member.number + 1) % len(self.members)
        member.given += 1
        if delivery:
            _remember(self._deliveries, delivery, member.number, MOST_DELIVERIES)
        return member

    def _least(self) -> Member | None:
        """Of those who would take a call the one with the fewest; of equals, in turns. Whoever is there, if none."""
        now, size = self._clock(), len(self.members)
        up = self.up
        willing = [member for member in up if member.takes and now - member.heard < QUIET] or up
        return min(willing, key=lambda one: (one.load, (one.number - self._next) % size), default=None)


def _remember[Key](memory: dict[Key, int], key: Key, number: int, most: int) -> None:
    memory.pop(key, None)
    memory[key] = number
    while len(memory) > most:
        del memory[next(iter(memory))]
