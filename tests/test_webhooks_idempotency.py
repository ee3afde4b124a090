from __future__ import annotations

import asyncio

import pytest

from webhooks import idempotency
from webhooks.dial_rules import Answer, refusal
from webhooks.idempotency import Answers


class Deed:
    """Does something, and counts."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.done = 0

    async def __call__(self) -> Answer:
        self.done += 1
        await asyncio.sleep(0)
        return self.answers[min(self.done, len(self.answers)) - 1]


PLACED = Answer(202, "placed", {"call_id": "CA1"}, binding=True)


async def test_without_a_key_everything_is_done() -> None:
    deed = Deed(PLACED)
    async with asyncio.TaskGroup() as tasks:
        answers = Answers(tasks)
        await answers.once("", "a", deed)
        await answers.once("", "a", deed)
    assert deed.done == 2


async def test_with_a_key_it_is_done_once() -> None:
    deed = Deed(PLACED)
    async with asyncio.TaskGroup() as tasks:
        answers = Answers(tasks)
        first, second = await asyncio.gather(answers.once("k", "a", deed), answers.once("k", "a", deed))
        third = await answers.once("k", "a", deed)
    assert deed.done == 1
    assert {first.how, second.how, third.how} == {"placed", "repeated"}
    assert first.body == second.body == third.body


async def test_a_refusal_leaves_the_key_free() -> None:
    deed = Deed(refusal(503, "full", "Full."), PLACED)
    async with asyncio.TaskGroup() as tasks:
        answers = Answers(tasks)
        assert (await answers.once("k", "a", deed)).status == 503
        assert (await answers.once("k", "b", deed)).status == 202


@pytest.mark.parametrize("key", ["a b", "ä", "x" * 256, "a\n"])
async def test_a_key_that_is_none_is_refused(key: str) -> None:
    deed = Deed(PLACED)
    async with asyncio.TaskGroup() as tasks:
        assert (await Answers(tasks).once(key, "a", deed)).status == 400
    assert not deed.done


async def test_the_oldest_keys_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MOST_REMEMBERED", 2)
    deed = Deed(PLACED)
    async with asyncio.TaskGroup() as tasks:
        answers = Answers(tasks)
        for key in ("k1", "k2", "k3", "k3", "k2"):
            await answers.once(key, "a", deed)
        assert deed.done == 3
        await answers.once("k1", "a", deed)
    assert deed.done == 4
