"""A small Media Streams server for the load's tests: it carries a call to the model's side, with faults."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from bot.audio import Downsampler, Upsampler, mulaw

_STREAM = '<Stream url="ws://{host}/media" statusCallback="/status"/>'
_TWIML = f'<Response><Connect action="/after">{_STREAM}</Connect></Response>'


@dataclass
class Faults:
    """What goes wrong. Seconds; every: each so many-th is lost, 0 for none."""

    frames_late: float = 0.0
    audio_late: float = 0.0
    drop_frames_every: int = 0
    drop_audio_every: int = 0
    never_clears: bool = False
    never_tells: bool = False
    tells_more_ms: int = 0
    stalls: float = 0.0  # before the last delta of each reply
    dies_after: float = 0.0
    closes_after: float = 0.0
    webhook_status: int = 200
    twiml: str = _TWIML
    refuses_socket: bool = False
    mute: bool = False
    nonsense: bool = False


@dataclass
class Stream:
    """One call, as the server saw it."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sent_marks: dict[str, float] = field(default_factory=dict)
    cleared: list[float] = field(default_factory=list)
    dropped_frames: int = 0
    dropped_audio: int = 0

    def of(self, event: str) -> list[tuple[float, dict[str, Any]]]:
        """The messages of one kind, with their times."""
        return [
            (at, message) for at, message in zip(self.times, self.messages, strict=True) if message["event"] == event
        ]


class Bridge:
    """The server. model_url: to be set before the first call; ulaw: asks the model for mu-law."""

    def __init__(self, faults: Faults, *, ulaw: bool = False, named: bool = True) -> None:
        self.url = self.model_url = ""
        self.streams: list[Stream] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self._faults = faults
        self._ulaw = ulaw
        self._named = named

    async def webhook(self, request: web.Request) -> web.Response:
        """Answer Twilio."""
        self.asked.append((request.path, {name: str(value) for name, value in (await request.post()).items()}))
        self.headers.append(dict(request.headers))
        text = self._faults.twiml.format(host=request.host) if request.path == "/voice" else "<Response/>"
        return web.Response(text=text, content_type="text/xml", status=self._faults.webhook_status)

    async def media(self, request: web.Request) -> web.StreamResponse:
        """Carry one call."""
        if self._faults.refuses_socket:
            return web.Response(status=403)
        self.headers.append(dict(request.headers))
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        stream = Stream()
        self.streams.append(stream)
        async with aiohttp.ClientSession() as http, http.ws_connect(self.model_url, max_msg_size=0) as model:
            call = _Call(socket, model, stream, self._faults, ulaw=self._ulaw, named=self._named)
            work = [asyncio.ensure_future(each) for each in (call.from_caller(), call.from_model())]
            if self._faults.dies_after or self._faults.closes_after:
                work.append(asyncio.ensure_future(call.end(request)))
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        return socket


class _Call:
    def __init__(
        self,
        socket: web.WebSocketResponse,
        model: aiohttp.ClientWebSocketResponse,
        stream: Stream,
        faults: Faults,
        *,
        ulaw: bool,
        named: bool,
    ) -> None:
        self._socket = socket
        self._model = model
        self._stream = stream
        self._faults = faults
        self._ulaw = ulaw
        self._named = named
        self._clock = asyncio.get_running_loop().time
        self._up, self._down = Upsampler(), Downsampler()
        self._sid = ""
        self._frames = self._audios = 0
        self._item, self._item_sent, self._item_began, self._tail = "", 0.0, 0.0, 0.0
        self._later: set[asyncio.Task[None]] = set()

    async def from_caller(self) -> None:
        async for message in self._socket:
            event = json.loads(message.data)
            self._stream.messages.append(event)
            self._stream.times.append(self._clock())
            match event["event"]:
                case "start":
                    self._sid = event["streamSid"]
                    kind = "g711_ulaw" if self._ulaw else "pcm16"
                    session: dict[str, object] = {"input_audio_format": kind, "output_audio_format": kind}
                    if self._named:
                        session["metadata"] = {"call_id": event["start"]["callSid"]}
                    await self._model.send_json({"type": "session.update", "session": session})
                    await self._model.send_json({"type": "response.create"})
                case "media":
                    self._frames += 1
                    every = self._faults.drop_frames_every
                    if every and self._frames % every == 0:
                        self._stream.dropped_frames += 1
                        continue
                    audio = base64.b64decode(event["media"]["payload"])
                    audio = audio if self._ulaw else self._up.process(mulaw.decode(audio))
                    append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}
                    self._send_later(self._model, append, self._faults.frames_late)
                case "stop":
                    return

    async def from_model(self) -> None:
        async for message in self._model:
            event = json.loads(message.data)
            match event["type"]:
                case "response.audio.delta" if not self._faults.mute:
                    await self._play(event)
                case "input_audio_buffer.speech_started" if self._tail > self._clock():
                    await self._interrupt()

    async def _play(self, event: dict[str, Any]) -> None:
        audio = base64.b64decode(event["delta"])
        audio = audio if self._ulaw else mulaw.encode(self._down.process(audio))
        now = self._clock()
        if event["item_id"] != self._item:
            self._item, self._item_sent, self._item_began = event["item_id"], 0.0, max(now, self._tail)
        elif self._faults.stalls:
            await asyncio.sleep(max(0.0, self._tail - now) + self._faults.stalls)
            now = self._clock()
        self._audios += 1
        every = self._faults.drop_audio_every
        if every and self._audios % every == 0:
            self._stream.dropped_audio += len(audio) // 160
            return
        self._item_sent += len(audio) / 8000
        self._tail = max(now, self._tail) + len(audio) / 8000
        payload = base64.b64encode(audio).decode()
        mark = f"{self._item}:{self._audios}"
        late = self._faults.audio_late
        self._send_later(
            self._socket, {"event": "media", "streamSid": self._sid, "media": {"payload": payload}}, late
        )
        self._send_later(self._socket, {"event": "mark", "streamSid": self._sid, "mark": {"name": mark}}, late)
        self._stream.sent_marks[mark] = self._tail + late
        if self._faults.nonsense:
            await self._socket.send_str("no JSON")
            await self._socket.send_bytes(b"binary")

    async def _interrupt(self) -> None:
        now = self._clock()
        heard = min(self._item_sent, max(0.0, now - self._item_began))
        if not self._faults.never_clears:
            self._stream.cleared.append(now)
            await self._socket.send_json({"event": "clear", "streamSid": self._sid})
            self._tail = now
        if not self._faults.never_tells:
            told = round(1000 * heard) + self._faults.tells_more_ms
            truncate = {"type": "conversation.item.truncate", "item_id": self._item, "content_index": 0}
            await self._model.send_json({**truncate, "audio_end_ms": told})

    async def end(self, request: web.Request) -> None:
        await asyncio.sleep(self._faults.dies_after or self._faults.closes_after)
        if self._faults.dies_after:
            assert request.transport is not None
            request.transport.abort()
        else:
            await self._socket.close()

    def _send_later(
        self,
        socket: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
        message: Mapping[str, object],
        late: float,
    ) -> None:
        """In order: what waits as long goes in the order in which it came."""

        async def send() -> None:
            if late:
                await asyncio.sleep(late)
            if not socket.closed:
                await socket.send_json(message)

        task = asyncio.ensure_future(send())
        self._later.add(task)
        task.add_done_callback(self._later.discard)


@asynccontextmanager
async def bridge(faults: Faults | None = None, *, ulaw: bool = False, named: bool = True) -> AsyncIterator[Bridge]:
    """The server, on a port of its own, until the scope ends."""
    server = Bridge(faults or Faults(), ulaw=ulaw, named=named)
    app = web.Application()
    app.router.add_get("/media", server.media)
    app.router.add_post("/{path:.*}", server.webhook)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = "http://{}:{}".format(*runner.addresses[0][:2])
        yield server
    finally:
        await runner.cleanup()
