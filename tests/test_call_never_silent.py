"""After any schedule whatever the caller is not left in silence, neither by a dead service nor by a living one."""

from dataclasses import replace

from hypothesis import given, settings

from bot.call.commands import AnswerApproval, CancelResponse, CreateResponse, OpenSession, RunTool
from bot.call.events import (
    AudioDelta,
    AudioDone,
    Event,
    Leave,
    LegStarted,
    MarkPlayed,
    ResponseCreated,
    ResponseDone,
    ResponseRefused,
    ServerToolEnded,
    SessionReady,
    ToolFinished,
)
from bot.call.machine import Output
from tests.calls import FRAME, Telephone
from tests.test_call_machine import ANY_SCHEDULE, BUSY

POLICY = replace(BUSY, longest_silence=6.0, idle_after=10.0)
_KEYS_AWAITED = 20.0
_SLACK = 3.0  # for a step that is late by a tick, for the mark that a clear lost, and for the service to answer


class LivingService:
    """Answers what it is asked, a while later, one response at a time."""

    def __init__(self, phone: Telephone) -> None:
        self._phone = phone
        self._later: list[tuple[float, Event]] = []
        self._active = ""
        self._count = 0
        self._session = 0

    def take(self, out: list[Output]) -> None:
        for command in out:
            match command:
                case OpenSession():
                    self._later = [(at, event) for at, event in self._later if isinstance(event, ToolFinished)]
                    self._active = ""
                    self._after(0.4, SessionReady())
                case CreateResponse() if self._active:
                    self._after(0.1, ResponseRefused())
                case CreateResponse():
                    self._count += 1
                    name = self._active = f"living {self._count}"
                    self._after(0.1, ResponseCreated(name))
                    self._after(0.8, AudioDelta(name, f"item of {name}", 0, FRAME * 50))
                    self._after(0.9, AudioDone(name, f"item of {name}"))
                    self._after(0.9, ResponseDone(name, "completed"))
                case CancelResponse() if self._active:
                    self._later = [(at, e) for at, e in self._later if not isinstance(e, AudioDelta | ResponseDone)]
                    self._after(0.1, ResponseDone(self._active, "cancelled"))
                case RunTool(call_id):
                    self._after(1.0, ToolFinished(call_id, "done"))
                case AnswerApproval(approve=True):
                    self._after(1.0, ServerToolEnded("m"))
                case _:
                    pass

    def passes(self, seconds: float) -> None:
        end = self._phone.now + seconds
        while self._phone.now < end and not self._phone.call.over:
            self.take(self._phone.passes(0.1))
            due = [event for at, event in self._later if at <= self._phone.now]
            self._later = [(at, event) for at, event in self._later if at > self._phone.now]
            for event in due:
                if isinstance(event, ResponseDone) and event.response_id == self._active:
                    self._active = ""
                self.take(self._phone.happens(event))

    def _after(self, seconds: float, event: Event) -> None:
        self._later.append((self._phone.now + seconds, event))
        self._later.sort(key=lambda pair: pair[0])


def played(phone: Telephone, schedule: list[tuple[float, Event | str]]) -> None:
    """What happens in the schedule, with ticks in between; marks come back when they are due."""
    phone.happens(LegStarted())
    for pause, event in schedule:
        phone.passes(pause)
        if not isinstance(event, str | Leave):
            phone.happens(event)


@settings(max_examples=50, deadline=None)
@given(ANY_SCHEDULE)
def test_a_service_that_is_dead_from_now_on_is_noticed_and_the_caller_is_let_go(
    schedule: list[tuple[float, Event | str]],
) -> None:
    phone = Telephone(POLICY)
    played(phone, schedule)
    heard = phone.plays_until
    before = len(phone.out)
    phone.passes(60.0)
    assert phone.call.over
    asked_at_all = [o for o in phone.out[before:] if isinstance(o, CreateResponse | OpenSession)]
    longest = POLICY.longest_silence + POLICY.idle_after + _KEYS_AWAITED + _SLACK
    assert phone.now - heard <= longest or asked_at_all


@settings(max_examples=50, deadline=None)
@given(ANY_SCHEDULE)
def test_a_service_that_lives_is_heard_again_before_the_silence_is_long_and_lets_go_who_is_not_there(
    schedule: list[tuple[float, Event | str]],
) -> None:
    phone = Telephone(replace(POLICY, tool_digits={}))
    played(phone, [(pause, event) for pause, event in schedule if not isinstance(event, MarkPlayed)])
    service = LivingService(phone)
    service.take([o for o in phone.out if isinstance(o, RunTool | AnswerApproval)])
    service.take([OpenSession()])  # a session that works, whatever became of the one before
    service.take([CreateResponse()])
    for _ in range(300):
        service.passes(0.5)
        if phone.call.over:
            break
        assert phone.now - phone.plays_until <= POLICY.idle_after + POLICY.longest_silence + _SLACK
    assert phone.call.over
