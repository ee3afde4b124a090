import asyncio
import gc
import weakref
from contextvars import ContextVar
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bot.call.commands import CreateResponse, Farewell, Outcome
from bot.call.events import CallerAudio, CallerFacts, Leave, LegEnded, LegStarted, SessionFailed
from bot.call.policy import Policy
from bot.call.reports import State, StateChanged
from bot.errors import SessionRefused, SwitchboardFull
from bot.metrics import CallMetrics
from bot.persona import Sentences
from bot.plan import CallPlan
from bot.switchboard import Switchboard
from tests.fakes import FakeLeg, FakePlanner, FakeSession, FakeSource, started_leg, until

FACTS = CallerFacts("CA1", caller="+14255550100")
_request: ContextVar[str] = ContextVar("request")


def switchboard(source: FakeSource, max_calls: int = 2) -> Switchboard:
    return Switchboard(source, FakePlanner(), CallMetrics(CollectorRegistry()), max_calls=max_calls)


class CountingPlanner(FakePlanner):
    """Remembers for whom it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.planned: list[str] = []

    def plan(self, facts: CallerFacts, persona_name: str = "") -> CallPlan:
        self.planned.append(persona_name)
        return super().plan(facts, persona_name)


async def test_connecting_begins_when_a_call_is_announced_and_the_stream_claims_it() -> None:
    source = FakeSource()
    async with switchboard(source) as board:
        assert board.expect(FACTS)
        await until(lambda: source.sessions)
        leg = FakeLeg(LegStarted(), LegEnded("hung up"))
        await board.answer(FACTS, leg)
        assert len(source.sessions) == 1
    assert source.sessions[0].closed
    assert board.live == 0


async def test_a_second_announcement_changes_nothing() -> None:
    source = FakeSource()
    async with switchboard(source) as board:
        assert board.expect(FACTS)
        assert board.expect(FACTS)
        await until(lambda: source.sessions)
        assert board.live == 1
        assert len(source.sessions) == 1
        board.ended("CA1")
        await until(lambda: board.live == 0)
    assert source.sessions[0].closed


async def test_one_call_too_many_is_not_taken() -> None:
    async with switchboard(FakeSource(), max_calls=1) as board:
        before = board.ready
        assert board.expect(FACTS)
        assert (before, board.ready, board.full) == (True, False, True)
        assert not board.expect(CallerFacts("CA2"))
        with pytest.raises(SwitchboardFull):
            await board.answer(CallerFacts("CA2"), started_leg())


async def test_a_call_that_was_not_announced_here_is_taken_if_there_is_room() -> None:
    source = FakeSource()
    async with switchboard(source) as board:
        await board.answer(FACTS, FakeLeg(LegStarted(), LegEnded("hung up")))
    assert all(session.closed for session in source.sessions)


async def test_a_second_stream_of_a_call_replaces_the_first() -> None:
    source = FakeSource()
    async with switchboard(source) as board:
        broken, leg = started_leg(), started_leg()
        first = asyncio.create_task(board.answer(FACTS, broken))
        await until(lambda: source.sessions)
        second = asyncio.create_task(board.answer(FACTS, leg))
        await first
        assert source.sessions[0].closed
        assert board.live == 1
        leg.events.put_nowait(LegEnded("hung up"))
        await second
    assert len(source.sessions) == 2


async def test_the_farewell_is_known_while_the_session_is_still_being_closed() -> None:
    source = FakeSource()
    async with switchboard(source) as board:
        leg = started_leg()
        call = asyncio.create_task(board.answer(FACTS, leg))
        await until(lambda: source.sessions and source.sessions[0].asked)
        source.sessions[0].close_gate.clear()
        source.failures.append(SessionRefused("no"))
        source.sessions[0].events.put_nowait(SessionFailed("lost"))
        await until(lambda: leg.closed)
        assert not call.done()
        assert board.farewell("CA1") == Farewell(Outcome.FAILED)
        source.sessions[0].close_gate.set()
        await call


async def test_a_failed_connection_before_the_stream_does_not_disturb_other_calls() -> None:
    source = FakeSource(SessionRefused("429"), SessionRefused("429"))
    async with switchboard(source) as board:
        board.expect(FACTS)
        await asyncio.sleep(0.01)
        leg = started_leg()
        await board.answer(FACTS, leg)
        assert leg.closed is Outcome.FAILED
        assert board.farewell("CA1") == Farewell(Outcome.FAILED)
        assert board.ready


async def test_a_caller_who_hung_up_is_owed_no_farewell() -> None:
    async with switchboard(FakeSource()) as board:
        await board.answer(FACTS, FakeLeg(LegStarted(), LegEnded("hung up")))
        assert board.farewell("CA1") is None
        assert board.farewell("CA unknown") is None


async def test_a_fault_in_one_call_stays_there() -> None:
    class BadLeg(FakeLeg):
        async def receive(self) -> LegStarted:
            raise ZeroDivisionError

    async with switchboard(FakeSource()) as board:
        leg = BadLeg()
        await board.answer(FACTS, leg)
        assert leg.closed is Outcome.FAILED
        assert board.farewell("CA1") == Farewell(Outcome.FAILED)
        assert board.ready


async def test_a_follower_sees_a_call_from_its_beginning_to_its_end() -> None:
    async with switchboard(FakeSource()) as board:
        leg = started_leg()
        call = asyncio.create_task(board.answer(FACTS, leg))
        await until(lambda: board.live)
        follow = board.follow("CA1")
        assert follow is not None
        leg.events.put_nowait(CallerAudio(b"\0\0"))
        leg.events.put_nowait(LegEnded("hung up"))
        seen = [entry.report async for entry in follow]
        await call
        assert StateChanged(State.ENDED, "hung up") in seen
        late = board.follow("CA1")
        assert late is not None
        assert [entry.report async for entry in late] == seen
        assert board.follow("CA2") is None


async def test_the_reports_of_a_call_are_forgotten_before_the_call_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.switchboard._PAST_FEEDS", 2)
    async with switchboard(FakeSource()) as board:
        for number in range(4):
            await board.answer(CallerFacts(f"CA{number}"), FakeLeg(LegStarted(), LegEnded("hung up")))
        assert [board.follow(f"CA{number}") is not None for number in range(4)] == [False, False, True, True]
        assert board.elapsed("CA0") is not None


async def test_a_follower_who_is_behind_reads_to_the_end_of_a_call_that_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.switchboard._PAST_FEEDS", 1)
    async with switchboard(FakeSource()) as board:
        await board.answer(FACTS, FakeLeg(LegStarted(), LegEnded("hung up")))
        follow = board.follow("CA1")
        assert follow is not None
        await board.answer(CallerFacts("CA2"), FakeLeg(LegStarted(), LegEnded("hung up")))
        assert board.follow("CA1") is None
        assert StateChanged(State.ENDED, "hung up") in [entry.report async for entry in follow]


async def test_a_session_does_not_hold_on_to_the_request_that_announced_its_call() -> None:
    seen: list[str] = []

    class CuriousSource(FakeSource):
        async def open(self, *args: Any, **more: Any) -> FakeSession:  # noqa: ANN401 - as the fake takes them
            seen.append(_request.get("nothing"))
            return await super().open(*args, **more)

    async with switchboard(source := CuriousSource()) as board:
        _request.set("the webhook's")
        assert board.expect(FACTS)
        await until(lambda: source.sessions)
        board.ended("CA1")
        await until(lambda: board.live == 0)
    assert seen == ["nothing"]


async def test_an_operator_hangs_up_and_transfers_calls_that_run() -> None:
    async with switchboard(FakeSource()) as board:
        for call_id, reach_in, farewell in (
            ("CA1", board.hang_up, Farewell(Outcome.HANGUP)),
            (
                "CA2",
                lambda call_id: board.transfer(call_id, "+14255550100"),
                Farewell(Outcome.TRANSFER, "+14255550100", words=Sentences().transfer),
            ),
        ):
            assert not reach_in(call_id)
            leg = started_leg()
            call = asyncio.create_task(board.answer(CallerFacts(call_id), leg))
            await until(lambda: board.live)
            assert reach_in(call_id)
            await call
            assert leg.closed is farewell.outcome
            assert board.farewell(call_id) == farewell
            assert not reach_in(call_id)


async def test_a_call_without_a_telephone_network_cannot_be_transferred() -> None:
    async with switchboard(FakeSource()) as board:
        leg = started_leg()
        call = asyncio.create_task(board.answer(CallerFacts("CA1", transferable=False), leg))
        await until(lambda: board.live)
        assert not board.transfer("CA1", "+14255550100")
        assert board.hang_up("CA1")
        await call


async def test_the_board_shows_a_call_from_its_announcement_to_its_end() -> None:
    async with switchboard(FakeSource()) as board:
        board.expect(CallerFacts("CA1", "+14255550123", "+14255550199"))
        [row] = board.board.changes(0)
        assert (row.caller, row.called, row.over) == ("***23", "***99", False)
        assert board.elapsed("CA1") is not None
        await board.answer(FACTS, FakeLeg(LegStarted(), LegEnded("hung up")))
        [row] = board.board.changes(0)
        assert (row.state, row.over, row.outcome) == (State.ENDED, True, "caller")
        assert board.elapsed("CA unknown") is None
    assert board.board.closed


async def test_a_draining_house_takes_no_calls_and_lets_those_it_has_end() -> None:
    async with switchboard(FakeSource()) as board:
        leg = started_leg()
        call = asyncio.create_task(board.answer(FACTS, leg))
        await until(lambda: board.live)
        board.drain()
        assert not board.ready
        assert not board.expect(CallerFacts("CA2"))
        waiting = asyncio.create_task(board.drained(60))
        leg.events.put_nowait(LegEnded("hung up"))
        await call
        await waiting
        assert leg.closed is Outcome.HANGUP


async def test_calls_left_when_the_house_closes_leave_by_the_safety_net() -> None:
    source = FakeSource(hangs=1)
    async with switchboard(source) as board:
        leg = started_leg()
        call = asyncio.create_task(board.answer(FACTS, leg))
        await until(lambda: board.live)
        board.drain()
        await board.drained(0)
        await call
        assert leg.closed is Outcome.CLOSING


async def test_the_house_stays_open_until_a_caller_who_was_let_go_has_heard_why() -> None:
    async with switchboard(FakeSource()) as board:
        leg = started_leg()
        call = asyncio.create_task(board.answer(FACTS, leg))
        await until(lambda: board.live)
        board.drain()
        draining = asyncio.create_task(board.drained(0))
        await call
        await asyncio.sleep(0.3)
        assert not draining.done()
        assert board.farewell("CA1") == Farewell(Outcome.CLOSING)
        await draining


async def test_a_stream_that_comes_when_the_house_closes_is_let_go_with_a_word() -> None:
    async with switchboard(FakeSource()) as board:
        board.expect(FACTS)
        board.drain()
        draining = asyncio.create_task(board.drained(0))
        await asyncio.sleep(0.3)
        leg = started_leg()
        await board.answer(FACTS, leg)
        assert leg.closed is Outcome.CLOSING
        board.farewell("CA1")
        await draining


async def sent_away(board: Switchboard) -> asyncio.Task[None]:
    """A call whose caller was just told to wait for somebody else."""
    leg = started_leg()
    call = asyncio.create_task(board.answer(FACTS, leg))
    await until(lambda: board.live and leg.events.empty())
    assert board.transfer("CA1", "+14255550199")
    await asyncio.sleep(0.3)  # the clock's next look
    assert leg.closed is Outcome.TRANSFER
    return call


async def test_who_comes_back_before_the_old_session_is_closed_comes_back_to_the_same_conversation() -> None:
    source, planner = FakeSource(), CountingPlanner()
    async with Switchboard(source, planner, CallMetrics(CollectorRegistry()), max_calls=2) as board:
        board.expect(FACTS, persona="night")
        await until(lambda: source.sessions)
        source.sessions[0].close_gate.clear()
        call = await sent_away(board)
        assert not call.done()
        assert board.farewell("CA1") is not None
        assert board.expect(FACTS, returns="Nobody answered.", persona="night")
        await until(lambda: len(source.sessions) == 2)
        leg = started_leg()
        back = asyncio.create_task(board.answer(FACTS, leg))
        await until(lambda: CreateResponse(instructions="Nobody answered.") in source.sessions[1].asked)
        source.sessions[0].close_gate.set()
        await call
        assert board.live == 1
        leg.events.put_nowait(LegEnded("hung up"))
        await back
        assert board.live == 0
    assert planner.planned == ["night"]  # a file that changes meanwhile is for new calls


async def test_coming_back_does_not_prolong_the_longest_call() -> None:
    planner = FakePlanner(Policy(longest_call=2.0))
    async with Switchboard(FakeSource(), planner, CallMetrics(CollectorRegistry()), max_calls=2) as board:
        await (await sent_away(board))
        await asyncio.sleep(1)
        assert board.expect(FACTS, returns="")
        leg = started_leg()
        async with asyncio.timeout(1.5):
            await board.answer(FACTS, leg)
        assert leg.closed is Outcome.LIMIT


@pytest.mark.parametrize("why", ["draining", "full"])
async def test_who_comes_back_is_no_new_call_for_a_house_that_takes_none(why: str) -> None:
    async with switchboard(FakeSource(), max_calls=1) as board:
        await (await sent_away(board))
        if why == "full":
            assert board.expect(CallerFacts("CA2"))
        else:
            board.drain()
        assert not board.expect(CallerFacts("CA3"), returns="Nobody answered.")
        assert board.expect(FACTS, returns="Nobody answered.")


async def test_a_house_that_drains_waits_for_who_comes_back() -> None:
    async with switchboard(FakeSource()) as board:
        await (await sent_away(board))
        board.drain()
        draining = asyncio.create_task(board.drained(60))
        await asyncio.sleep(0.15)
        assert board.expect(FACTS, returns="")
        leg = started_leg()
        call = asyncio.create_task(board.answer(FACTS, leg))
        await asyncio.sleep(0.3)
        assert leg.closed is None
        leg.events.put_nowait(LegEnded("hung up"))
        await call
        await draining


async def test_a_house_that_drains_waits_for_a_transfer_that_rings_until_the_call_is_over() -> None:
    async with switchboard(FakeSource()) as board:
        await (await sent_away(board))
        assert board.farewell("CA1") is not None  # the safety net has it dialled
        board.drain()
        draining = asyncio.create_task(board.drained(60))
        await asyncio.sleep(0.3)
        assert not draining.done()
        board.ended("CA1")
        await draining


async def test_nobody_comes_back_once_the_house_closes() -> None:
    async with switchboard(FakeSource()) as board:
        await (await sent_away(board))
        board.drain()
        await board.drained(0)
        assert not board.expect(FACTS, returns="Nobody answered.")


@pytest.mark.virtual_time
async def test_who_presses_keys_before_coming_back_has_time_for_them() -> None:
    async with switchboard(FakeSource()) as board:
        leg = started_leg()
        call = asyncio.create_task(board.answer(FACTS, leg))
        await until(lambda: board.live and leg.events.empty())
        board._let_go("CA1", Leave("keys", Farewell(Outcome.DIGITS, digits="w" * 32), at_once=True))
        await call
        assert board.expect(FACTS, returns="")
        await asyncio.sleep(25)
        assert board.live == 1
        await asyncio.sleep(25)
        assert board.live == 0


async def test_a_broken_stream_is_not_counted_as_a_hang_up() -> None:
    registry = CollectorRegistry()
    async with Switchboard(FakeSource(), FakePlanner(), CallMetrics(registry), max_calls=2) as board:
        await board.answer(FACTS, FakeLeg(LegStarted(), LegEnded("broken", failed=True)))
        board.expect(CallerFacts("CA2"))
        board.ended("CA2")
        await until(lambda: board.live == 0)
    assert registry.get_sample_value("voicebot_calls_ended_total", {"outcome": "broken"}) == 1
    assert registry.get_sample_value("voicebot_calls_ended_total", {"outcome": "caller"}) == 1


async def test_nothing_is_kept_of_the_leg_of_a_call_that_is_over() -> None:
    async with switchboard(FakeSource()) as board:
        leg = FakeLeg(LegStarted(), LegEnded("hung up"))
        gone = weakref.ref(leg)
        await board.answer(FACTS, leg)
        del leg
        gc.collect()
        assert gone() is None


async def test_a_session_that_nobody_claims_is_given_up() -> None:
    source = FakeSource()
    async with switchboard(source) as board:
        board.expect(FACTS)
        await until(lambda: source.sessions)
    assert source.sessions[0].closed
