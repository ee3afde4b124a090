"""The caller's audio on its short way past the SDK: over TCP and TLS, on asyncio's loop and uvloop's."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import uvloop

from bot.call.commands import CreateResponse, SendAudio, Truncate
from bot.call.events import CallerFacts, SessionFailed
from bot.errors import SessionLost
from bot.settings import load_settings
from bot.voicelive import Session, VoiceLive
from bot.voicelive import session as session_module
from tests.doctor_stand_ins import authority
from tests.voicelive_stand_in import Line, StandIn

FRAME = bytes(960)  # 20 ms
ON_THE_WIRE = 1340  # bytes of a frame, its message and its header

type Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Loop:
    new_loop: Loop = request.param
    return new_loop


@pytest.fixture(params=[False, True], ids=["tcp", "tls"])
def tls(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext | None:
    if not request.param:
        return None
    house = authority(tmp_path)
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", house.trusting())
    return house.serving()


def run(loop: Loop, test: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(bounded())


async def opened(service: StandIn, **settings: object) -> Session:
    loaded = load_settings({"azure_voice_live_api_key": "k", **settings}, env_file=None)
    return await VoiceLive(loaded, endpoint=service.endpoint).open(CallerFacts("CA1"), limit=5)


def numbered(number: int) -> bytes:
    return number.to_bytes(2, "little") * 480


def test_audio_arrives_in_order_among_everything_else(loop: Loop, tls: ssl.SSLContext | None) -> None:
    async def test() -> None:
        async with StandIn(tls=tls) as service:
            session = await opened(service)
            for number in range(100):
                # Several in one turn of the loop: what the socket has not taken yet goes the long way.
                if not session.hear(numbered(number)):
                    await session.execute(SendAudio(numbered(number)))
                if number % 7 == 0:
                    await session.execute(Truncate("i", 0, number))
                if number % 3 == 0:
                    await asyncio.sleep(0)
            await session.execute(CreateResponse())
            await service.until(lambda: "response.create" in service.kinds())
            await session.close()
        order = [
            base64.b64decode(event["audio"])[0] if "audio" in event else -event["audio_end_ms"]
            for event in service.heard[1:-1]
        ]
        assert order == [
            said for number in range(100) for said in ((number, -number) if number % 7 == 0 else (number,))
        ]

    run(loop, test())


def test_a_frame_now_and_then_never_goes_the_long_way(loop: Loop, tls: ssl.SSLContext | None) -> None:
    async def test() -> None:
        async with StandIn(tls=tls) as service:
            session = await opened(service)
            for number in range(1, 20):
                assert session.hear(FRAME)
                await service.until(lambda n=number: len(service.heard) == 1 + n)  # type: ignore[misc]  # one a turn
            await session.close()

    run(loop, test())


def test_a_service_that_takes_nothing_is_told_no_more_than_a_little_and_is_lost(
    loop: Loop, tls: ssl.SSLContext | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stalls(line: Line) -> None:
        await line.accept()
        line.stop_reading()
        await asyncio.Event().wait()

    monkeypatch.setattr(session_module, "SEND_SECONDS", 0.1)

    async def test() -> None:
        async with StandIn(stalls, tls=tls) as service:
            session = await opened(service)
            waited = 0

            async def talk() -> None:
                nonlocal waited
                while True:
                    await asyncio.sleep(0)
                    if not session.hear(FRAME):
                        await session.execute(SendAudio(FRAME))
                        waited += 1

            with pytest.raises(SessionLost, match="took no data"):
                await talk()
            assert waited * ON_THE_WIRE < 300_000  # aiohttp looks whether it may go on every 256 KiB
            await session.close()

    run(loop, test())


async def closes(line: Line) -> None:
    await line.hang_up(1000, "bye")


async def drops(line: Line) -> None:
    line.drop()


@pytest.mark.parametrize("goes", [closes, drops])
def test_nothing_is_written_to_a_service_that_has_gone(
    goes: Callable[[Line], Awaitable[None]], loop: Loop, tls: ssl.SSLContext | None
) -> None:
    async def script(line: Line) -> None:
        await line.accept()
        await line.hear()
        await goes(line)

    async def test() -> None:
        async with StandIn(script, tls=tls) as service:
            session = await opened(service)
            assert session.hear(FRAME)
            assert isinstance(await session.receive(), SessionFailed)
            assert not session.hear(FRAME)
            with pytest.raises(SessionLost):
                await session.execute(SendAudio(FRAME))
            await session.close()

    run(loop, test())


def test_a_session_that_was_closed_hears_nothing(loop: Loop, tls: ssl.SSLContext | None) -> None:
    async def test() -> None:
        async with StandIn(tls=tls) as service:
            session = await opened(service)
            closing = asyncio.create_task(session.close())
            await asyncio.sleep(0)
            assert not session.hear(FRAME)  # after our goodbye nothing may follow
            await closing
            assert not session.hear(FRAME)
        assert service.kinds() == ["session.update"]
        assert service.closed_with == [1000]

    run(loop, test())


def test_who_wants_to_see_everything_sees_audio_too(loop: Loop) -> None:
    async def test() -> None:
        async with StandIn() as service:
            session = await opened(service, voice_live_verbose=True)
            assert not session.hear(FRAME)
            await session.close()

    run(loop, test())
