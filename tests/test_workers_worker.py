from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry, Counter

from bot.call.events import CallerFacts
from bot.metrics import CallMetrics
from tests.fakes import FakePlanner, FakeSource, until
from tests.test_workers_news import line
from webhooks.workers import news, worker
from webhooks.workers.figures import families_of
from webhooks.workers.news import Channel
from webhooks.workers.worker import Beside, Sharing, singly

FACTS = CallerFacts("CA1", caller="+14255550100")


def sharing(told: list[news.News]) -> Sharing:
    switchboard = Sharing(FakeSource(), FakePlanner(), CallMetrics(CollectorRegistry()), max_calls=1)
    switchboard.tell = told.append
    return switchboard


async def test_a_call_is_told_of_at_once_and_so_is_that_there_is_no_more_room() -> None:
    told: list[news.News] = []
    async with sharing(told) as switchboard:
        assert switchboard.standing() == news.Standing(0, True)
        assert switchboard.expect(FACTS)
        assert told == [news.Standing(1, False, "CA1")]
        assert not switchboard.expect(CallerFacts("CA2"))
        assert len(told) == 1


async def test_the_end_of_a_call_is_told_to_the_others_where_it_is_not_known_here() -> None:
    told: list[news.News] = []
    async with sharing(told) as switchboard:
        switchboard.expect(FACTS)
        told.clear()
        switchboard.ended("CA2")
        assert told == [news.Ended("CA2")]
        switchboard.ended_elsewhere("CA3")
        switchboard.ended_elsewhere("CA1")
        await until(lambda: switchboard.live == 0)
        switchboard.ended("CA1")
        assert told == [news.Ended("CA2")], "what another worker told, and what is known, is told nobody"


@pytest.fixture
def counted() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("x", "", registry=registry).inc(2)
    return registry


async def answered(supervisor: Channel[news.FromWorker], beside: Beside, registry: CollectorRegistry) -> None:
    """Be the supervisor, and the worker's own listening, for one question."""
    question = await supervisor.receive()
    assert isinstance(question, news.AskFigures)
    beside.asked[question.question].set_result(families_of(registry))


async def test_the_figures_of_all_are_added_up(counted: CollectorRegistry) -> None:
    mine, supervisor = await line()
    beside = Beside(mine)
    for _ in range(2):
        answering = asyncio.create_task(answered(supervisor, beside, counted))
        everybody = await beside.figures(counted)
        await answering
        assert everybody.get_sample_value("x_total") == 4
    assert beside.asked == {}
    await mine.close()
    await supervisor.close()


async def test_where_nobody_answers_there_are_at_least_ones_own(
    counted: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_ANSWER_WITHIN", 0.05)
    mine, supervisor = await line()
    beside = Beside(mine)
    assert (await beside.figures(counted)).get_sample_value("x_total") == 2
    assert beside.asked == {}
    await mine.close()
    await supervisor.close()


def test_every_error_of_a_group_is_found() -> None:
    one, other = ValueError("one"), ValueError("other")
    assert singly(ExceptionGroup("", [one, ExceptionGroup("", [other])])) == [one, other]
