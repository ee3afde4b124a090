from __future__ import annotations

import pytest

from bot.engine.chat import ChatMind
from bot.engine.parts import Brief, Line, Parts, Say
from bot.engine.real import open_parts
from bot.engine.receptionist import HOURS, Receptionist
from bot.engine.recognizer import Ears
from bot.errors import EngineError
from bot.settings import load_settings
from tests.engine_audio import spoken


async def test_a_question_is_heard_understood_and_answered() -> None:
    parts: Parts = await open_parts(load_settings(env_file=None))
    try:
        pcm = await spoken(parts.speaker, "What are your opening hours?", "espeak:caller")
        assert max(parts.detector().probability(pcm)) > 0.5
        mind, listener = parts.mind(), parts.listener()
        assert isinstance(mind, Receptionist)
        listener.begin(mind.expected(()))
        listener.feed(pcm)
        heard = await listener.finish()
        replies = await mind.answer([Line("user", heard.text, sure=heard.sure)], Brief())
        assert replies == [Say(HOURS)]
    finally:
        await parts.close()
        await parts.close()


async def test_a_chat_endpoint_replaces_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_ears: object) -> None:
        return

    monkeypatch.setattr(Ears, "start", nothing)
    parts = await open_parts(load_settings({"chat_endpoint": "http://127.0.0.1:9/v1"}, env_file=None))
    assert isinstance(parts.mind(), ChatMind)
    await parts.close()


async def test_ears_that_cannot_be_had_leave_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_ears: object) -> None:
        raise EngineError("no ears")

    monkeypatch.setattr(Ears, "start", fails)
    with pytest.raises(EngineError, match="no ears"):
        await open_parts(load_settings(env_file=None))
