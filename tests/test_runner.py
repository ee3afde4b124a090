import asyncio
import gc
import weakref
from collections.abc import Sequence
from itertools import pairwise

import pytest

from bot.call.commands import (
    AddText,
    AddToolOutput,
    Clear,
    CreateResponse,
    Farewell,
    Mark,
    Outcome,
    Play,
    RunTool,
    SendAudio,
    Turn,
)
from bot.call.events import (
    AudioDelta,
    CallerAudio,
    Event,
    Leave,
    LegEnded,
    LegStarted,
    ResponseCreated,
    ResponseDone,
    SessionFailed,
    SpeechStarted,
    SpeechStopped,
    Tick,
    ToolCalled,
    ToolFinished,
)
from bot.call.machine import Output
from bot.call.policy import Policy
from bot.call.reports import Report, State, StateChanged
from bot.errors import SessionRefused
from bot.runner import TICK, NoTools, Runner, SessionLine, Tools
from tests.fakes import FakeLeg, FakeSession, FakeSource, started_leg, until


class House:
    """A runner with a clock that a test turns."""

    def __init__(self, leg: FakeLeg, source: FakeSource, tools: Tools | None = None) -> None:
        self.now = 0.0
        self.early = 0.0  # seconds by which a sleep ends before its time
        self.reports: list[Report] = []
        self.leg, self.source = leg, source
        self._asleep: list[tuple[float, asyncio.Event]] = []
        self.runner = Runner(
            leg, self.open, Policy(), watch=self.watch, clock=lambda: self.now, sleep=self.sleep, tools=tools
        )

    async def open(self, history: Sequence[Turn]) -> SessionLine:
        return await self.source.open(None, history, limit=5)  # type: ignore[arg-type]  # the fake asks no facts

    def watch(self, report: Report, at: float) -> None:
        self.reports.append(report)

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._asleep.append((self.now + seconds, event))
        await event.wait()

    async def passes(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            await self.moves(TICK)

    async def moves(self, seconds: float) -> None:
        """Let time pass in one step."""
        self.now += seconds
        for at, event in list(self._asleep):
            if at <= self.now + self.early + 1e-6:
                self._asleep.remove((at, event))
                event.set()
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def session(self) -> FakeSession:
        return self.source.sessions[-1]


async def test_a_call_runs_from_greeting_to_hang_up_and_leaves_nothing() -> None:
    house = House(started_leg(), FakeSource())
    before = asyncio.all_tasks()
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions and house.session.asked)
    assert isinstance(house.session.asked[0], CreateResponse)
    house.leg.events.put_nowait(CallerAudio(b"\0\0"))
    await until(lambda: SendAudio(b"\0\0") in house.session.asked)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task
    assert house.session.closed
    assert house.runner.farewell is None
    assert asyncio.all_tasks() == before


async def test_a_call_that_is_over_is_out_of_memory_without_the_garbage_collector() -> None:
    async def call() -> list[weakref.ref[object]]:
        house = House(started_leg(), FakeSource())
        task = asyncio.create_task(house.runner.run())
        await until(lambda: house.source.sessions and house.session.asked)
        house.leg.events.put_nowait(LegEnded("hung up"))
        await task
        parts: list[object] = [house.runner, house.session, house.leg]
        left = [weakref.ref(part) for part in parts]
        del house.runner  # the test's own circle
        return left

    gc.disable()
    try:
        left = await call()
        assert [kept() for kept in left] == [None, None, None]
    finally:
        gc.enable()


async def test_audio_of_a_reply_goes_to_the_leg_in_order() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions)
    house.session.events.put_nowait(ResponseCreated("r"))
    house.session.events.put_nowait(AudioDelta("r", "i", 0, bytes(19200)))
    await until(lambda: len(house.leg.told) == 6)
    assert [type(command) for command in house.leg.told] == [Mark, Mark, Play, Mark, Play, Mark]
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task


async def test_what_waits_for_a_slow_leg_is_thrown_away_by_a_clear() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions and house.leg.told)
    house.leg.gate.clear()
    house.session.events.put_nowait(ResponseCreated("r"))
    house.session.events.put_nowait(AudioDelta("r", "i", 0, bytes(19200)))
    await asyncio.sleep(0)
    await until(lambda: house.session.events.empty())
    house.leg.gate.set()
    house.session.events.put_nowait(SpeechStarted("q"))
    await until(lambda: Clear() in house.leg.told)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task
    assert house.leg.told[-1] == Clear()


async def test_a_session_that_is_lost_is_replaced_with_what_was_said() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions)
    first = house.session
    first.events.put_nowait(SessionFailed("lost"))
    await until(lambda: len(house.source.sessions) == 2)
    assert first.closed
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task
    assert house.session.closed


async def test_a_session_that_is_of_no_use_is_closed_at_once() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions)
    first = house.session
    for response in ("a", "b"):
        first.events.put_nowait(ResponseCreated(response))
        first.events.put_nowait(ResponseDone(response, "failed", "rate_limit_exceeded"))
    await until(lambda: len(house.source.sessions) == 2)
    await until(lambda: first.closed)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task


async def test_a_session_that_takes_nothing_more_is_replaced() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions and house.session.asked)
    house.session.broken = True
    house.leg.events.put_nowait(CallerAudio(b"\0\0"))
    await until(lambda: len(house.source.sessions) == 2)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task
    assert all(session.closed for session in house.source.sessions)


async def test_a_refused_session_is_tried_again_and_then_the_leg_is_closed() -> None:
    house = House(started_leg(), FakeSource(SessionRefused("no"), SessionRefused("no")))
    await house.runner.run()
    assert house.leg.closed is Outcome.FAILED
    assert house.runner.farewell == Farewell(Outcome.FAILED)


async def test_a_session_that_hangs_is_given_up_by_the_clock() -> None:
    house = House(started_leg(), FakeSource(hangs=2))
    task = asyncio.create_task(house.runner.run())
    await asyncio.sleep(0)
    await house.passes(6)
    await task
    assert house.leg.closed is Outcome.FAILED
    assert len(house.source.histories) == 2


async def test_a_leg_that_breaks_ends_the_call() -> None:
    house = House(started_leg(), FakeSource())
    house.leg.broken = True
    await house.runner.run()
    assert StateChanged(State.ERROR, "gone") in house.reports


async def test_an_operator_can_end_a_call() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions)
    house.runner.leave(Leave("the house closes"))
    house.session.events.put_nowait(ResponseCreated("r"))
    await house.passes(9)
    await task
    assert house.leg.closed is Outcome.CLOSING


async def test_a_leg_that_takes_nothing_does_not_stop_the_clock() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions and house.session.asked)
    house.leg.gate.clear()
    house.session.events.put_nowait(ResponseCreated("r"))
    house.session.events.put_nowait(AudioDelta("r", "i", 0, bytes(19200)))
    house.session.events.put_nowait(ResponseDone("r", "completed"))
    house.session.events.put_nowait(SpeechStopped("q"))
    await until(lambda: house.session.events.empty())
    await house.passes(6)
    assert len(house.source.sessions) == 2
    house.leg.gate.set()
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task


def ticks_of(house: House) -> list[float]:
    """When the call machine looks at the clock, from here on."""
    ticks: list[float] = []
    receive = house.runner._call.receive

    def remember(event: Event, now: float) -> list[Output]:
        if isinstance(event, Tick):
            ticks.append(now)
        return receive(event, now)

    house.runner._call.receive = remember  # type: ignore[method-assign]  # the machine has no window to look through
    return ticks


def longest_gap(ticks: list[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(ticks))


async def test_time_passes_evenly_where_no_frames_come_though_sleep_ends_a_little_early() -> None:
    house = House(FakeLeg(), FakeSource())
    ticks = ticks_of(house)
    task = asyncio.create_task(house.runner.run())
    await asyncio.sleep(0)
    house.early = 0.0008  # as uvloop's may
    for _ in range(50):
        await house.moves(TICK - house.early)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task
    assert len(ticks) >= 49
    assert longest_gap(ticks) < 2 * TICK


@pytest.mark.parametrize("chunk", [0.01, 0.02, 0.06, 0.3])
async def test_frames_of_any_length_bring_the_time_and_without_them_it_goes_on(chunk: float) -> None:
    house = House(started_leg(), FakeSource())
    ticks = ticks_of(house)
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions and house.session.asked)
    for _ in range(round(3 / chunk)):
        house.leg.events.put_nowait(CallerAudio(bytes(round(48_000 * chunk))))
        await house.moves(chunk)
    assert len(ticks) >= 3 / max(2 * TICK, chunk)
    assert longest_gap(ticks) <= max(2 * TICK, chunk) + 1e-6
    await house.passes(2)  # nothing comes
    assert longest_gap(ticks) <= 0.6 + 1e-6
    assert ticks[-1] > house.now - 2 * TICK
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task


async def test_the_clock_goes_on_while_the_session_takes_nothing() -> None:
    house = House(started_leg(), FakeSource())
    ticks = ticks_of(house)
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions and house.session.asked)
    for _ in range(50):
        house.leg.events.put_nowait(CallerAudio(b"\0\0"))
        await house.moves(0.02)
    house.session.busy = True
    house.session.gate.clear()
    for _ in range(100):
        house.leg.events.put_nowait(CallerAudio(b"\0\0"))
        await house.moves(0.02)
    assert longest_gap(ticks) <= 0.6 + 1e-6
    assert ticks[-1] > house.now - 2 * TICK
    house.session.gate.set()
    house.runner.stop("the test is over")
    await task


async def test_audio_never_overtakes_what_waits_for_the_session() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions and house.session.asked)
    house.session.asked.clear()
    house.session.gate.clear()
    house.session.events.put_nowait(ResponseCreated("r"))
    house.session.events.put_nowait(AudioDelta("r", "i", 0, bytes(19200)))
    await until(lambda: house.session.events.empty())
    house.session.events.put_nowait(SpeechStarted("q"))  # truncates what was not heard
    await until(lambda: house.session.events.empty())
    for number in range(3):
        house.leg.events.put_nowait(CallerAudio(bytes([number, 0])))
    await until(lambda: house.leg.events.empty())
    assert house.session.asked == []
    house.session.gate.set()
    await until(lambda: len(house.session.asked) >= 4)
    assert [type(command) for command in house.session.asked][-3:] == [SendAudio] * 3
    assert not isinstance(house.session.asked[0], SendAudio)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task


async def test_a_call_that_is_stopped_ends_at_once_and_in_order() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions)
    house.runner.stop("the network reports the end")
    await task
    assert house.session.closed
    assert not house.runner.broken


async def test_a_cancelled_call_closes_its_session_and_says_that_it_ended() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert house.session.closed
    assert house.reports[-1] == StateChanged(State.ERROR, "the call was torn down")
    assert house.leg.closed is not None


async def test_a_leg_that_ends_before_it_starts_opens_nothing() -> None:
    house = House(FakeLeg(LegEnded("never began")), FakeSource())
    await house.runner.run()
    assert house.source.histories == []


async def test_a_second_start_does_no_harm() -> None:
    house = House(FakeLeg(LegStarted(), LegEnded("hung up")), FakeSource())
    await house.runner.run()
    assert all(session.closed for session in house.source.sessions)


class SlowTools:
    """Functions that answer when a test lets them."""

    def __init__(self) -> None:
        self.asked: list[RunTool] = []
        self.stopped: list[str] = []
        self.gate = asyncio.Event()

    async def run(self, command: RunTool) -> ToolFinished:
        self.asked.append(command)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped.append(command.call_id)
            raise
        return ToolFinished(command.call_id, f"{command.name} is done")


async def calling(tools: Tools) -> tuple[House, asyncio.Task[None]]:
    house = House(started_leg(), FakeSource(), tools)
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions)
    for event in (ResponseCreated("r"), ToolCalled("r", "a", "f", "{}"), ToolCalled("r", "b", "g", "{}")):
        house.session.events.put_nowait(event)
    house.session.events.put_nowait(ResponseDone("r", "completed"))
    await until(lambda: house.session.events.empty())
    return house, task


async def test_functions_run_side_by_side_and_the_call_goes_on_meanwhile() -> None:
    tools = SlowTools()
    house, task = await calling(tools)
    await until(lambda: len(tools.asked) == 2)
    house.leg.events.put_nowait(CallerAudio(b"\0\0"))
    await until(lambda: SendAudio(b"\0\0") in house.session.asked)
    before = len(house.session.asked)
    tools.gate.set()
    await until(lambda: len(house.session.asked) == before + 3)
    given = house.session.asked[before:]
    assert AddToolOutput("a", "f is done") in given
    assert AddToolOutput("b", "g is done") in given
    assert given[-1] == CreateResponse()
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task


async def test_functions_are_stopped_when_the_call_is_over() -> None:
    tools = SlowTools()
    house, task = await calling(tools)
    await until(lambda: len(tools.asked) == 2)
    before = len(house.session.asked)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task
    assert sorted(tools.stopped) == ["a", "b"]
    assert len(house.session.asked) == before


async def test_a_function_goes_on_when_its_session_is_lost_and_the_next_one_gets_the_result() -> None:
    tools = SlowTools()
    house, task = await calling(tools)
    await until(lambda: len(tools.asked) == 2)
    house.session.events.put_nowait(SessionFailed("lost"))
    await until(lambda: len(house.source.sessions) == 2)
    tools.gate.set()
    await until(lambda: AddText("(f has answered: f is done)") in house.session.asked)
    assert not any(isinstance(command, AddToolOutput) for command in house.session.asked)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task


async def test_without_functions_the_model_is_told_so() -> None:
    house, task = await calling(NoTools())
    await until(lambda: AddToolOutput("a", "There is no function f.") in house.session.asked)
    house.leg.events.put_nowait(LegEnded("hung up"))
    await task


async def test_an_operator_is_not_put_off_by_a_house_that_closes() -> None:
    house = House(started_leg(), FakeSource())
    task = asyncio.create_task(house.runner.run())
    await until(lambda: house.source.sessions)
    house.runner.leave(Leave("an operator hung up", Farewell(Outcome.HANGUP), at_once=True))
    house.runner.leave(Leave("the house closes"))
    await house.passes(0.2)
    await task
    assert house.leg.closed is Outcome.HANGUP
