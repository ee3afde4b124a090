"""The README's two commands: a bot that answers by its embedded engine, and a caller who talks with it."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

from tests.e2e.test_process import voicebot


async def test_anyone_can_talk_to_the_bot_with_no_account_at_all(tmp_path: Path) -> None:
    bot = await voicebot("serve", "--port", "0", folder=tmp_path)
    try:
        assert bot.stdout is not None
        line = (await asyncio.wait_for(bot.stdout.readline(), 60)).decode()
        url = next(word for word in line.split() if word.startswith("http://"))
        caller = await voicebot(
            *("call", "--url", url, "--interrupt-after", "1"),
            *("--say", "What are your opening hours?", "--say", "Where are you?"),
            folder=tmp_path,
        )
        out, err = await asyncio.wait_for(caller.communicate(), 90)
    finally:
        bot.terminate()
        _, log = await bot.communicate()
    said = out.decode()
    assert caller.returncode == 0, said + err.decode()
    assert "what are your opening hours" in said
    assert "cut off" in said
    assert "where are you" in said
    assert "Mill Lane" in said
    assert "2 of 2 lines answered" in said
    assert "Traceback" not in log.decode()
    with wave.open(str(tmp_path / "heard.wav")) as heard:
        assert heard.getnframes() / heard.getframerate() > 8
