"""The response that the model is making, those that we asked for, and those that nobody wants to hear any more."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from bot.call.commands import CreateResponse
from bot.call.events import ResponseDone

_REMEMBERED = 32  # of responses and items whose late audio is dropped
_MOST_FAILURES = 1  # in a row; one more and the session is of no use


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the end of a response means, and what to ask for next."""

    class Kind(Enum):
        """How a response ended, as the caller sees it."""

        IGNORED = auto()  # nobody waited for it, or it was cut off
        SATISFIED = auto()  # the caller heard it
        FAILED = auto()  # nothing was heard; it is asked for again
        BROKEN_OFF = auto()  # it failed in the middle; the rest is asked for
        BLOCKED = auto()  # the service would not let the model say it
        HOPELESS = auto()  # it failed again: this session does not answer

    kind: Kind
    next: list[CreateResponse] = field(default_factory=list)


class ResponseDesk:
    """Keeps track of responses: at most one is active, and one refused or failed is asked for again."""

    def __init__(self) -> None:
        self._active = ""
        self._items: list[str] = []  # of the active response
        self._asked: tuple[CreateResponse, bool] | None = None  # sent, not yet created; whether to insist
        self._making: CreateResponse | None = None  # what the active response was asked for by
        self._plan: CreateResponse | None = None  # to be asked once nothing is active
        self._failures = 0
        self._unwanted: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def active(self) -> bool:
        """Whether a response is being made or was asked for."""
        return bool(self._active) or self._asked is not None

    def ask(self, request: CreateResponse, *, insist: bool = True) -> list[CreateResponse]:
        """Ask now, or once the active response has ended. insist: ask again if it is refused."""
        if self.active:
            if insist:
                self._plan = request
            return []
        self._asked = (request, insist)
        return [request]

    def plan(self, request: CreateResponse) -> None:
        """Ask for this after the response that is being made or was just asked for."""
        self._plan = request

    def forget_plans(self) -> None:
        """The caller spoke: what was planned has been overtaken."""
        self._plan = None

    def created(self, response_id: str) -> None:
        """The model began a response."""
        self._active = response_id
        self._items = []
        self._making = self._asked[0] if self._asked is not None else None
        self._asked = None

    def refused(self) -> None:
        """The last request was refused because another response is active."""
        if self._asked is not None:
            request, insist = self._asked
            self._asked = None
            if insist:
                self._plan = request

    def wants(self, response_id: str, item_id: str) -> bool:
        """Whether what comes for this item should be heard."""
        if response_id in self._unwanted or item_id in self._unwanted:
            return False
        if response_id == self._active and item_id not in self._items:
            self._items.append(item_id)
        return True

    def heard_from(self, response_id: str) -> None:
        """Audio of this response arrived: the session answers."""
        if response_id == self._active:
            self._failures = 0

    def items_of(self, response_id: str) -> list[str]:
        """The items of the active response, if it is this one."""
        return list(self._items) if response_id == self._active else []

    def drop_item(self, item_id: str) -> None:
        """Nobody wants to hear more of this item."""
        self._unwanted.append(item_id)

    def drop_active(self) -> None:
        """Nobody wants to hear more of the active response."""
        if self._active:
            self._unwanted.append(self._active)

    def done(self, event: ResponseDone) -> Verdict:
        """Take the end of a response. What the verdict asks for counts as asked for."""
        if event.response_id != self._active:
            return Verdict(Verdict.Kind.IGNORED)
        unwanted, spoke, making = event.response_id in self._unwanted, bool(self._items), self._making
        self._active, self._items, self._making = "", [], None
        if unwanted or event.status == "cancelled":
            return Verdict(Verdict.Kind.IGNORED, self._take_plan())
        if spoke and event.status != "failed":
            return Verdict(Verdict.Kind.SATISFIED, self._take_plan())
        self._failures += 1
        if self._failures > _MOST_FAILURES:
            return Verdict(Verdict.Kind.HOPELESS)
        again = making or CreateResponse()
        self._asked = (again, True)
        if spoke:
            return Verdict(Verdict.Kind.BROKEN_OFF)
        if event.status == "incomplete":
            return Verdict(Verdict.Kind.BLOCKED)
        return Verdict(Verdict.Kind.FAILED, [again])

    def lost(self) -> bool:
        """The session is gone, and its responses with it; whether a reply was broken off."""
        broken_off = bool(self._items) and self._active not in self._unwanted
        self._active, self._items, self._failures = "", [], 0
        self._asked = self._making = self._plan = None
        return broken_off

    def _take_plan(self) -> list[CreateResponse]:
        plan, self._plan = self._plan, None
        if plan is None:
            return []
        self._asked = (plan, True)
        return [plan]
