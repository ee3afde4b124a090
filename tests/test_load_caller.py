"""A caller of the load behaves as Twilio does. Real sockets, virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.load.metronome import Metronome
from bot.load.phoning import Phone
from bot.load.record import CallRecord
from bot.load.script import Pause, Script
from bot.load.target import Target
from tests.simulator_bot import tone

pytestmark = pytest.mark.virtual_time

LISTENING = Script((Pause(seconds=30.0),))


class Server:
    """One Media Streams socket, whose messages a test reads and answers."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.got: list[tuple[float, dict[str, Any]]] = []
        self.sid = ""

    async def listen(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                async for message in self.socket:
                    event = json.loads(message.data)
                    self.got.append((loop.time(), event))
                    self.sid = event.get("streamSid", self.sid)
        except TimeoutError:
            pass

    async def play(self, audio: bytes, mark: str = "") -> None:
        payload = base64.b64encode(audio).decode()
        await self.socket.send_json({"event": "media", "streamSid": self.sid, "media": {"payload": payload}})
        if mark:
            await self.mark(mark)

    async def mark(self, name: str) -> None:
        await self.socket.send_json({"event": "mark", "streamSid": self.sid, "mark": {"name": name}})

    async def clear(self) -> None:
        await self.socket.send_json({"event": "clear", "streamSid": self.sid})

    def of(self, event: str) -> list[tuple[float, dict[str, Any]]]:
        return [(at, message) for at, message in self.got if message["event"] == event]

    def marks(self) -> list[tuple[float, str]]:
        return [(at, message["mark"]["name"]) for at, message in self.of("mark")]


@asynccontextmanager
async def serving(act: Callable[[Server], Awaitable[None]]) -> AsyncIterator[tuple[str, list[Server]]]:
    servers: list[Server] = []

    async def media(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        servers.append(Server(socket))
        await act(servers[-1])
        return socket

    app = web.Application()
    app.router.add_get("/media", media)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"ws://{host}:{port}/media", servers
    finally:
        await runner.cleanup()


async def call(
    act: Callable[[Server], Awaitable[None]],
    *,
    seconds: float = 3.0,
    parameters: dict[str, str] | None = None,
    token: str = "",
    levels: bool = False,
) -> tuple[CallRecord, Server]:
    loop = asyncio.get_running_loop()
    hang_up = asyncio.Event()
    loop.call_later(seconds, hang_up.set)
    async with serving(act) as (url, servers), aiohttp.ClientSession() as http:
        metronome = Metronome(loop.time)
        target = Target(stream=url, parameters=parameters or {}, auth_token=token)
        phone = Phone(target, LISTENING, metronome, http, loop.time, levels=levels)
        record = await phone.call(0, hang_up)
        metronome.close()
    return record, servers[0]


async def test_twilios_messages_come_in_its_order_with_its_strings() -> None:
    async def act(server: Server) -> None:
        await server.listen(60)

    record, server = await call(act, parameters={"token": "abc", "x": "1"})
    events = [message["event"] for _, message in server.got]
    assert events[:2] == ["connected", "start"]
    assert set(events[2:-1]) == {"media"}
    assert events[-1] == "stop"
    start = server.got[1][1]
    assert start["sequenceNumber"] == "1"
    assert start["start"]["customParameters"] == {"token": "abc", "x": "1"}
    assert start["start"]["callSid"] == record.call_sid
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    media = [message for _, message in server.of("media")]
    assert [message["sequenceNumber"] for message in media] == [str(2 + n) for n in range(len(media))]
    assert [message["media"]["chunk"] for message in media] == [str(1 + n) for n in range(len(media))]
    assert [message["media"]["timestamp"] for message in media] == [str(20 * n) for n in range(len(media))]
    assert {len(base64.b64decode(message["media"]["payload"])) for message in media} == {160}
    assert {message["streamSid"] for message in media} == {start["streamSid"]}
    assert server.got[-1][1]["sequenceNumber"] == str(2 + len(media))


async def test_frames_leave_every_20_ms_and_do_not_drift() -> None:
    async def act(server: Server) -> None:
        await server.listen(60)

    record, server = await call(act, seconds=20)
    times = [at for at, _ in server.of("media")]
    assert len(times) == pytest.approx(1000, abs=3)
    assert all(abs(at - times[0] - 0.02 * n) < 0.002 for n, at in enumerate(times))
    assert record.sent[-1] - record.first_due == pytest.approx(0.02 * (len(times) - 1), abs=0.002)


async def test_a_mark_comes_back_when_what_is_before_it_was_played() -> None:
    async def act(server: Server) -> None:
        await server.listen(0.5)
        await server.mark("at once")
        await server.play(tone(0.3), "after 300")
        await server.play(tone(0.5), "after 800")
        await server.listen(60)

    _, server = await call(act)
    began = server.marks()[0][0]
    assert [name for _, name in server.marks()] == ["at once", "after 300", "after 800"]
    assert [at - began for at, _ in server.marks()] == pytest.approx([0, 0.3, 0.8], abs=0.002)


async def test_a_clear_gives_every_mark_back_and_stops_the_sound() -> None:
    async def act(server: Server) -> None:
        await server.listen(0.5)
        await server.play(tone(1.0), "first")
        await server.play(tone(1.0), "second")
        await server.listen(0.4)
        await server.clear()
        await server.play(tone(0.2), "third")
        await server.listen(60)

    record, server = await call(act)
    began = record.media_at[0]
    assert [(round(at - began, 2), name) for at, name in server.marks()] == [
        (0.4, "first"),
        (0.4, "second"),
        (0.6, "third"),
    ]
    assert list(record.played) == [pytest.approx(3200, abs=8), 0, 1600]
    assert list(record.media_bytes) == [8000, 16000, 17600]


async def test_the_handshake_is_signed_where_there_is_a_token() -> None:
    signatures: list[str] = []

    async def act(server: Server) -> None:
        signatures.append(server.socket._req.headers.get("X-Twilio-Signature", ""))  # type: ignore[union-attr]  # open
        await server.listen(60)

    await call(act, seconds=1)
    await call(act, seconds=1, token="a token")
    assert signatures[0] == ""
    assert len(signatures[1]) == 28


async def test_long_and_split_messages_are_taken_whole() -> None:
    async def act(server: Server) -> None:
        await server.listen(0.2)
        payload = base64.b64encode(tone(20.0)).decode()
        text = json.dumps({"event": "media", "streamSid": server.sid, "media": {"payload": payload}})
        await server.socket.send_frame(text[:1000].encode(), aiohttp.WSMsgType.TEXT)
        await server.listen(60)

    record, _ = await call(act, levels=True)
    assert record.warnings == {31951: 1}  # half a message

    async def whole(server: Server) -> None:
        await server.listen(0.2)
        await server.play(tone(20.0))
        await server.socket.ping()
        await server.listen(60)

    record, _ = await call(whole, levels=True)
    assert record.media_bytes[-1] == 160_000
    assert len(record.heard_levels) == 1000
    assert not record.warnings


async def test_audio_beyond_ten_minutes_is_thrown_away_with_one_warning() -> None:
    async def act(server: Server) -> None:
        await server.listen(0.2)
        for _ in range(14):
            await server.play(bytes(50 * 8000))
        await server.listen(60)

    record, _ = await call(act)
    assert record.warnings == {31931: 1}
    assert record.media_bytes[-1] == 12 * 50 * 8000


async def test_a_server_that_stops_reading_fails_the_call() -> None:
    async def act(server: Server) -> None:
        transport = server.socket._req.transport  # type: ignore[union-attr]  # it is open
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        await asyncio.sleep(1000)

    record, _ = await call(act, seconds=900)
    assert record.failure == "the server stopped reading the stream (31903)"
    assert record.ended - record.placed < 900
