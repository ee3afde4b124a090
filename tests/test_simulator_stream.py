"""The ends that a stream can come to, in virtual time."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from bot.simulator import virtual_time
from bot.simulator.caller import place_call
from bot.simulator.result import PhoneCall
from bot.simulator.script import listen
from tests.simulator_bot import BYE, STREAM, Bot, BotStream, seeded, tone


def call(bot: Bot, **options: Any) -> PhoneCall:  # noqa: ANN401 - place_call's
    async def scenario() -> PhoneCall:
        async with bot.answering() as url:
            return await place_call(url, listen, rng=seeded(1), follow_reports=False, **options)

    return virtual_time.run(scenario())


@pytest.mark.parametrize(
    ("code", "error"), [(1000, None), (1001, None), (1002, 31924), (1008, 31921), (1009, 31921), (1011, 31921)]
)
def test_how_the_bot_closes_decides_what_twilio_reports(code: int, error: int | None) -> None:
    async def closes(stream: BotStream) -> None:
        await stream.until("media")
        await stream.socket.close(code=code)

    bot = Bot(closes)
    made = call(bot)
    assert made.close_codes == [code]
    assert made.stream_errors == ([error] if error else [])
    assert made.requests == ["POST /voice", "POST /voice/after", "POST /voice/status"]


def test_nobody_at_the_streams_address_is_a_refused_connection() -> None:
    made = call(Bot(voice=STREAM.replace("{host}", "127.0.0.1:9"), voice_after=BYE))
    assert made.stream_errors == [31902]
    assert made.ended_by == "twiml"


def test_a_handshake_that_never_ends_is_given_up() -> None:
    async def scenario() -> PhoneCall:
        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()

        mute = await asyncio.start_server(never, "127.0.0.1", 0)
        async with mute:
            host, port = mute.sockets[0].getsockname()
            bot = Bot(voice=STREAM.replace("{host}", f"{host}:{port}"))
            async with bot.answering() as url:
                return await place_call(url, listen, rng=seeded(1), follow_reports=False)

    made = virtual_time.run(scenario())
    assert made.stream_errors == [31901]
    assert made.seconds == pytest.approx(10, abs=0.1)


def test_a_server_that_breaks_off_in_the_handshake_is_a_broken_pipe() -> None:
    async def scenario() -> PhoneCall:
        async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.transport.abort()

        rude = await asyncio.start_server(breaks, "127.0.0.1", 0)
        async with rude:
            host, port = rude.sockets[0].getsockname()
            bot = Bot(voice=STREAM.replace("{host}", f"{host}:{port}"))
            async with bot.answering() as url:
                return await place_call(url, listen, rng=seeded(1), follow_reports=False)

    assert virtual_time.run(scenario()).stream_errors == [31903]


def test_more_than_ten_minutes_are_discarded_and_warned_of_once() -> None:
    async def floods(stream: BotStream) -> None:
        for _ in range(3):
            await stream.play(tone(1.0) * 400)
        await stream.until_end()

    made = call(Bot(floods), max_seconds=5)
    assert made.warnings == {31931: 1}
    assert made.playout.received == 400 * 8000


def test_a_bot_that_takes_nothing_for_long_is_a_broken_pipe() -> None:
    """Its socket's buffers fill with frames until sending stalls for five seconds."""

    async def scenario() -> PhoneCall:
        async def takes_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            key = next(line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-key"))
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept(key) + b"\r\n\r\n"
            )
            transport = writer.transport
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            await over.wait()
            transport.abort()

        over = asyncio.Event()
        deaf = await asyncio.start_server(takes_nothing, "127.0.0.1", 0)
        deaf.sockets[0]._sock.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)  # type: ignore[attr-defined] # asyncio's wrapper
        async with deaf:
            host, port = deaf.sockets[0].getsockname()
            bot = Bot(voice=STREAM.replace("{host}", f"{host}:{port}"))
            async with bot.answering() as url:
                try:
                    return await place_call(url, listen, rng=seeded(1), max_seconds=3000, follow_reports=False)
                finally:
                    over.set()

    def accept(key: str) -> bytes:
        import hashlib

        return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())  # noqa: S324

    from socket import SO_RCVBUF, SOL_SOCKET

    made = virtual_time.run(scenario())
    assert made.stream_errors == [31903]
    assert made.ended_by == "bot"
    assert made.seconds < 3000
