"""The response that the model is making, those that we asked for, and those that nobody wants to hear any more."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from bot.call.commands import CreateResponse
from bot.call.events import ResponseDone

_REMEMBERED = 32  # of responses and items whose late audio is dropped
_MOST_FAILURES = 1  # in a row; one more and the session is of no use


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the end of a response means, and what is asked for next."""

    class Kind(Enum):
        """How a response ended, as the caller sees it."""

        IGNORED = auto()  # nobody waited for it, or it was cut off
        SATISFIED = auto()  # the caller heard it
        FAILED = auto()  # nothing was heard; it is asked for again
        BROKEN_OFF = auto()  # it failed in the middle
        BLOCKED = auto()  # the service would not let the model say it
        HOPELESS = auto()  # it failed again: this session does not answer

    kind: Kind
    next: list[CreateResponse] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Request:
    command: CreateResponse
    insist: bool  # ask again if it is refused
    free: bool  # the model finds the words
    overtaken: bool = False  # the caller pressed a key since


class ResponseDesk:
    """Keeps track of responses: at most one is active, and one refused or failed is asked for again."""

    def __init__(self) -> None:
        self._active = ""
        self._items: list[str] = []  # of the active response
        self._spoke = False  # whether it has had audio
        self._acted = False  # whether it has called a function
        self._asked: _Request | None = None  # sent, not yet created
        self._making: _Request | None = None  # what the active response is taken to answer
        self._plan: CreateResponse | None = None  # to be asked once nothing is active
        self._failures = 0
        self._verbatim = True  # whether the service speaks given words
        self._unwanted: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def active(self) -> bool:
        """Whether a response is being made, or was asked for."""
        return bool(self._active) or self._asked is not None

    @property
    def making(self) -> bool:
        """Whether a response is being made."""
        return bool(self._active)

    @property
    def free(self) -> bool:
        """Whether the model finds the words of the active response itself."""
        return self._making is None or self._making.free

    def is_making(self, response_id: str) -> bool:
        """Whether this response is being made."""
        return bool(response_id) and response_id == self._active

    # --- what is asked for

    def ask(self, request: CreateResponse, *, insist: bool = True) -> list[CreateResponse]:
        """Ask now, or once the active response has ended. insist: ask again if it is refused."""
        if self.active:
            if insist:
                self._plan = request
            return []
        free = not request.say
        if request.say and not self._verbatim:
            request = _in_other_words(request)
        self._asked = _Request(request, insist, free)
        return [request]

    def plan(self, request: CreateResponse) -> None:
        """Ask for this after the response that is being made or was just asked for."""
        self._plan = request

    def forget_plans(self) -> None:
        """The caller spoke: what was planned has been overtaken."""
        self._plan = None

    def refused(self) -> None:
        """The last request was refused because another response is active; it is asked again after that one.

        The service tells of the other response first, so that by now it may have been taken for the answer.
        """
        request = self._asked or self._making
        self._asked = self._making = None
        if request is not None and request.insist and not request.overtaken:
            self._plan = request.command

    def rejected(self) -> list[CreateResponse] | None:
        """The service does not take the last request as it was. None: nor would it take it otherwise."""
        request, self._asked = self._asked, None
        if request is None or not request.command.say:
            return None
        self._verbatim = False
        return self.ask(request.command, insist=request.insist)

    # --- what comes

    def created(self, response_id: str, *, overtaken: bool) -> bool:
        """The model began a response; False where nobody wants it. overtaken: the caller speaks."""
        self._active, self._items, self._spoke, self._acted = response_id, [], False, False
        self._making, self._asked = self._asked, None
        if overtaken or (self._making is not None and self._making.overtaken):
            self.drop_active()
            return False
        return True

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
            self._spoke = True
            self._failures = 0

    def acted(self, response_id: str) -> bool:
        """The model called a function in this response: that is an answer too. False: nobody wants it any more."""
        if response_id in self._unwanted:
            return False
        if response_id == self._active:
            self._acted = True
            self._failures = 0
        return True

    def spoke(self, response_id: str) -> bool:
        """Whether anything of the active response was heard, if it is this one."""
        return self._spoke and response_id == self._active

    def items_of(self, response_id: str) -> list[str]:
        """The items of the active response, if it is this one."""
        return list(self._items) if response_id == self._active else []

    def drop_item(self, item_id: str) -> None:
        """Nobody wants to hear more of this item."""
        self._unwanted.append(item_id)

    def drop_active(self) -> bool:
        """Nobody wants to hear more of the active response; False where nobody did before."""
        if not self._active or self._active in self._unwanted:
            return False
        self._unwanted.append(self._active)
        return True

    def drop_asked(self) -> None:
        """Nobody wants to hear what was asked for and has not begun."""
        if self._asked is not None:
            self._asked = replace(self._asked, overtaken=True)

    def done(self, event: ResponseDone) -> Verdict:
        """Take the end of a response. What the verdict asks for counts as asked for."""
        if event.response_id != self._active:
            return Verdict(Verdict.Kind.IGNORED)
        unwanted, spoke, making = event.response_id in self._unwanted, self._spoke, self._making
        acted = self._acted
        self._active, self._items, self._spoke, self._acted, self._making = "", [], False, False, None
        if unwanted or event.status == "cancelled":
            return Verdict(Verdict.Kind.IGNORED, self._take_plan())
        if acted or (spoke and event.status != "failed"):  # of what it has called, it will speak
            return Verdict(Verdict.Kind.SATISFIED, self._take_plan())
        self._failures += 1
        if self._failures > _MOST_FAILURES:
            return Verdict(Verdict.Kind.HOPELESS)
        if spoke:
            return Verdict(Verdict.Kind.BROKEN_OFF)
        if event.status == "incomplete":
            return Verdict(Verdict.Kind.BLOCKED)
        return Verdict(Verdict.Kind.FAILED, self.ask(making.command if making is not None else CreateResponse()))

    def lost(self) -> bool:
        """The session is gone, and its responses with it; whether a reply was broken off."""
        broken_off = self._spoke and self._active not in self._unwanted
        self._active, self._items, self._spoke, self._acted, self._failures = "", [], False, False, 0
        self._asked = self._making = self._plan = None
        return broken_off

    def _take_plan(self) -> list[CreateResponse]:
        plan, self._plan = self._plan, None
        return self.ask(plan) if plan is not None else []


def _in_other_words(request: CreateResponse) -> CreateResponse:
    return CreateResponse(instructions=f'Say exactly this, word for word, and nothing else: "{request.say}"')
