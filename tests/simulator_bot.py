"""A stand-in bot for the simulator's tests: it answers with a test's TwiML and does on a stream what a test says."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import audioop
import numpy as np
from aiohttp import WSMsgType, web

SID = "AC" + "0" * 32
STREAM = '<Response><Connect action="/voice/after"><Stream url="ws://{host}/media"/></Connect></Response>'
BYE = "<Response><Hangup/></Response>"


def seeded(seed: int) -> Random:
    """Randomness that repeats."""
    return Random(seed)  # noqa: S311 - a test's


def tone_pcm(seconds: float, hertz: float = 440, rate: int = 8000, level: float = 8000) -> bytes:
    """16-bit little-endian mono; never silent for longer than half a period."""
    n = np.arange(round(seconds * rate))
    return (level * np.cos(2 * np.pi * hertz * n / rate)).astype("<i2").tobytes()


def tone(seconds: float, hertz: float = 440) -> bytes:
    """The same as mu-law at 8 kHz."""
    return audioop.lin2ulaw(tone_pcm(seconds, hertz), 2)


@dataclass
class Asked:
    """One request, as the bot saw it."""

    method: str
    path: str
    url: str
    form: dict[str, str]
    headers: dict[str, str]


@dataclass
class BotStream:
    """The bot's end of a stream."""

    socket: web.WebSocketResponse
    headers: dict[str, str]
    messages: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    start: dict[str, Any] = field(default_factory=dict)

    @property
    def sid(self) -> str:
        return str(self.start["streamSid"])

    async def next(self) -> dict[str, Any] | None:
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return None
        self.messages.append(json.loads(message.data))
        self.times.append(asyncio.get_running_loop().time())
        return self.messages[-1]

    async def until(self, event: str) -> dict[str, Any] | None:
        while (message := await self.next()) is not None:
            if message["event"] == event:
                return message
        return None

    async def until_voice(self) -> None:
        """Until the caller is heard."""
        while (message := await self.until("media")) is not None:
            if base64.b64decode(message["media"]["payload"]).strip(b"\xff\x7f"):
                return

    async def until_end(self) -> None:
        while await self.next() is not None:
            pass

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send_str(json.dumps(message))

    async def play(self, audio: bytes) -> None:
        payload = base64.b64encode(audio).decode()
        await self.send({"event": "media", "streamSid": self.sid, "media": {"payload": payload}})

    async def mark(self, name: str) -> None:
        await self.send({"event": "mark", "streamSid": self.sid, "mark": {"name": name}})

    async def clear(self) -> None:
        await self.send({"event": "clear", "streamSid": self.sid})

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]


type Answer = str | int | tuple[str, str]


class Bot:
    """Answers `answers[path]`: TwiML, a status, or (content type, body). `{host}` in it becomes the bot's own."""

    def __init__(self, on_stream: Callable[[BotStream], Awaitable[None]] | None = None, **answers: Answer) -> None:
        self.answers: dict[str, Answer] = {"/voice": STREAM, "/voice/after": BYE}
        self.answers |= {
            "/" + name.replace("_", "/", 1).replace("_", "-"): answer for name, answer in answers.items()
        }
        self.on_stream = on_stream
        self.refuse_stream = 0
        self.asked: list[Asked] = []
        self.streams: list[BotStream] = []
        self.reports: list[str] = []
        self.url = ""

    async def _answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(Asked(request.method, request.path, str(request.url), form, dict(request.headers)))
        answer = self.answers.get(request.path, "")
        if isinstance(answer, int):
            return web.Response(status=answer)
        kind, text = answer if isinstance(answer, tuple) else ("text/xml", answer)
        return web.Response(text=text.replace("{host}", self.url.partition("//")[2]), content_type=kind)

    async def _media(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_stream:
            return web.Response(status=self.refuse_stream)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        stream = BotStream(socket, dict(request.headers))
        self.streams.append(stream)
        await stream.next()
        first = await stream.next()
        if first is not None:
            stream.start = first["start"]
            if self.on_stream:
                await self.on_stream(stream)
        await socket.close()
        return socket

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if not self.reports:
            return web.Response(status=404)
        return web.Response(text="\n".join(self.reports) + "\n")

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/media", self._media)
        app.router.add_get("/calls/{sid}/events", self._events)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self.url
        finally:
            await runner.cleanup()

    def form_of(self, path: str) -> dict[str, str]:
        return next(asked.form for asked in self.asked if asked.path == path)
