"""The bot as a process of its own, as an operator runs it: start, signals, refusal to start."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.engine.scripted import ScriptedParts
from bot.engine.server import EngineServer
from bot.simulator import Line, listen, place_call

COMMAND = Path(sys.executable).with_name("voicebot")


async def voicebot(*arguments: str, folder: Path, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        cwd=folder,
        env={**os.environ, "LOG_LEVEL": "info", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def serving(folder: Path, **environment: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A bot on a free port, answering by an engine with scripted parts."""
    async with EngineServer(ScriptedParts()) as engine:
        process = await voicebot(
            "serve", "--port", "0", folder=folder, AZURE_VOICE_LIVE_ENDPOINT=engine.endpoint, **environment
        )
        try:
            assert process.stdout is not None
            line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
            url = next(word for word in line.split() if word.startswith("http://"))
            yield url, process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def test_a_bot_that_is_told_to_stop_lets_its_calls_end_first(tmp_path: Path) -> None:
    async with serving(tmp_path) as (url, process):

        async def script(line: Line) -> None:
            await line.until_spoken_to()
            process.send_signal(signal.SIGTERM)
            await line.wait(0.5)
            late = await place_call(url, listen)
            assert late.said_by_twiml
            assert not late.assistant_heard
            await line.until_quiet()

        call = await place_call(url, script)
        assert call.ended_by == "caller"
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_second_signal_ends_it_now(tmp_path: Path) -> None:
    async with serving(tmp_path) as (url, process):

        async def script(line: Line) -> None:
            await line.until_spoken_to()
            process.send_signal(signal.SIGTERM)
            await line.wait(0.5)
            process.send_signal(signal.SIGTERM)
            await line.wait(20)

        call = await place_call(url, script)
        assert await asyncio.wait_for(process.wait(), 30) == 128 + signal.SIGTERM
        assert call.ended_by != "caller"
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()


async def test_calls_left_over_when_the_time_to_drain_is_up_hear_a_word(tmp_path: Path) -> None:
    async with serving(tmp_path, DRAIN_SECONDS="1") as (url, process):

        async def script(line: Line) -> None:
            await line.until_spoken_to()
            process.send_signal(signal.SIGTERM)
            await line.wait(20)

        call = await place_call(url, script)
        assert call.said_by_twiml
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_caller_who_is_interrupted_hangs_up_and_keeps_the_recording(tmp_path: Path) -> None:
    async with serving(tmp_path) as (url, _):
        caller = await voicebot("call", "--url", url, folder=tmp_path)
        assert caller.stdout is not None
        said = b""
        while b"  bot  " not in said:  # something was heard
            said += await asyncio.wait_for(caller.stdout.readline(), 30)
        caller.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(caller.communicate(), 30)
    assert caller.returncode == 0, err.decode()
    assert b"ended by the caller" in out
    assert (tmp_path / "heard.wav").stat().st_size > 44


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PORT": "eighty"}, "PORT should be a valid integer"),
        ({"AZURE_VOICE_LIVE_ENDPOINT": "http://example.com"}, "AZURE_VOICE_LIVE_ENDPOINT should begin with https://"),
        ({"TWILIO_AUTH_TOKEN": "t0ken"}, "PUBLIC_URL is missing"),
        ({"HOST": "203.0.113.1"}, "HOST and PORT should be a free address"),
        (
            {
                "AZURE_VOICE_LIVE_ENDPOINT": "https://example.com",
                "VOICE_LIVE_MODEL": "gpt-realtime-2",
                "VOICE_LIVE_TURN_DETECTION": "server_vad",
                "VOICE_LIVE_TRANSCRIPTION": "azure-speech",
            },
            "VOICE_LIVE_TURN_DETECTION should be",
        ),
    ],
)
async def test_a_wrong_setting_is_one_clear_message_and_exit_code_2(
    environment: dict[str, str], says: str, tmp_path: Path
) -> None:
    process = await voicebot("serve", folder=tmp_path, **environment)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert says in err.decode()
    assert "Traceback" not in out.decode() + err.decode()
    assert "t0ken" not in err.decode()


async def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await voicebot("serve", "--port", str(taken.getsockname()[1]), folder=tmp_path)
        _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert "is not (Address already in use)" in err.decode()
