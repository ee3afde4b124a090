"""The Voice Live side of the load: a stand-in that speaks just enough of the protocol, and keeps the times.

It sends what the service sends and in its order, so the bot does for every reply what it would do in production;
what it hears is counted, not understood. All times are `time.monotonic`.
"""

from __future__ import annotations

import asyncio
from binascii import b2a_base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from time import monotonic

import msgspec
import numpy as np
from aiohttp import web

BYTES_PER_SECOND = 48_000  # 16-bit mono at 24 kHz
SPEED = 10.0  # audio is delivered so many times faster than it is spoken

_FIRST_CHUNKS = (0.2, 0.3)  # seconds of audio in the first deltas; the others hold half a second
_CHUNK = 0.5
_TRANSCRIPT = "Good morning, we are open from nine to five, and on Saturdays until one."


class _Session(msgspec.Struct):
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class _Append(msgspec.Struct, tag="input_audio_buffer.append", tag_field="type"):
    audio: bytes


class _Update(msgspec.Struct, tag="session.update", tag_field="type"):
    session: _Session


class _Create(msgspec.Struct, tag="response.create", tag_field="type"):
    pass


class _Truncate(msgspec.Struct, tag="conversation.item.truncate", tag_field="type"):
    item_id: str
    audio_end_ms: int


class _Delete(msgspec.Struct, tag="conversation.item.delete", tag_field="type"):
    item_id: str


_decoder = msgspec.json.Decoder(_Append | _Update | _Create | _Truncate | _Delete)


@dataclass(slots=True)
class Reply:
    """One reply. deltas: when each left, and how many bytes of PCM the session had been sent before it."""

    item_id: str
    response_id: str
    deltas: list[tuple[float, int]] = field(default_factory=list)
    sent_ms: int = 0
    cut_off: bool = False


class Session:
    """One session of the stand-in.

    appends: when audio came in, and how many bytes had come by then; sent: bytes of audio that went out; heard_ms:
    what the bot says was heard of an item that it cut off, 0 for one that it deleted; greeted: set after the first
    reply, which the bot asks for.
    """

    def __init__(self, socket: web.WebSocketResponse, greeting: float) -> None:
        self.appends: list[tuple[float, int]] = []
        self.replies: list[Reply] = []
        self.heard_ms: dict[str, int] = {}
        self.greeted = asyncio.Event()
        self._greeting = greeting  # seconds
        self._socket = socket
        self._appended = 0
        self.sent = 0
        self._active: Reply | None = None
        self._serial = count(1)

    async def run(self, configured: Callable[[str, Session], None]) -> None:
        """Hold the session until the bot ends it. configured: is told whose session it is."""
        await self._send("session.created", session={"id": "session_1"})
        async with asyncio.TaskGroup() as tasks:
            greeting: asyncio.Task[None] | None = None
            async for message in self._socket:
                now = monotonic()
                try:
                    event = _decoder.decode(message.data)
                except msgspec.ValidationError:
                    continue  # a kind that makes no difference here
                match event:
                    case _Append(audio):
                        self._appended += len(audio)
                        self.appends.append((now, self._appended))
                    case _Update(session):
                        await self._send("session.updated", session={"id": "session_1"})
                        configured(session.metadata.get("call_id", ""), self)
                    case _Create():
                        if greeting is None:
                            greeting = tasks.create_task(self._greet())
                    case _Truncate(item_id, audio_end_ms):
                        self.heard_ms[item_id] = audio_end_ms
                    case _Delete(item_id):
                        self.heard_ms[item_id] = 0
            if greeting is not None:
                greeting.cancel()

    async def _greet(self) -> None:
        await self.reply(self._greeting)
        self.greeted.set()

    async def reply(self, seconds: float, *, speed: float = SPEED, stall_at: float = 0, stall: float = 0) -> Reply:
        """Send a reply of so many seconds. It stalls for `stall` seconds once `stall_at` seconds of it were sent."""
        number = next(self._serial)
        reply = self._active = Reply(f"item_{number}", f"response_{number}")
        self.replies.append(reply)
        ids = {"response_id": reply.response_id, "item_id": reply.item_id}
        item = {"id": reply.item_id, "type": "message", "role": "assistant", "content": []}
        part = {**ids, "content_index": 0}
        await self._send("response.created", response={"id": reply.response_id, "status": "in_progress"})
        await self._send("response.output_item.added", response_id=reply.response_id, item=item)
        await self._send("conversation.item.created", item=item)
        await self._send("response.content_part.added", **part, part={"type": "audio"})
        for word in _TRANSCRIPT.split():
            await self._send("response.audio_transcript.delta", **part, delta=f"{word} ")
        due = monotonic()
        for offset, length in _chunks(seconds):
            if stall and offset >= stall_at > 0:
                due, stall = monotonic() + stall, 0
            await asyncio.sleep(max(0.0, due - monotonic()))
            if reply.cut_off:
                return reply
            message = _delta(reply, length)
            reply.deltas.append((monotonic(), self.sent))
            self.sent += round(length * BYTES_PER_SECOND)
            reply.sent_ms += round(1000 * length)
            await self._socket.send_str(message)
            due += length / speed
        self._active = None
        await self._send("response.audio.done", **part)
        await self._send("response.audio_transcript.done", **part, transcript=_TRANSCRIPT)
        await self._send("response.content_part.done", **part, part={"type": "audio"})
        await self._send("response.output_item.done", response_id=reply.response_id, item=item)
        await self._send("response.done", response={"id": reply.response_id, "status": "completed"})
        return reply

    async def speech_started(self) -> float:
        """The caller begins to speak, which cancels the reply that is being made; returns when that was sent."""
        now = monotonic()
        await self._send("input_audio_buffer.speech_started", item_id="caller", audio_start_ms=0)
        if (reply := self._active) is not None:
            reply.cut_off, self._active = True, None
            details = {"type": "cancelled", "reason": "turn_detected"}
            response = {"id": reply.response_id, "status": "cancelled", "status_details": details}
            await self._send("response.done", response=response)
        return now

    async def speech_stopped(self) -> None:
        """The caller has finished, and what was said is written down."""
        item = f"caller_{next(self._serial)}"
        await self._send("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=0)
        await self._send("input_audio_buffer.committed", item_id=item)
        transcribed = "conversation.item.input_audio_transcription.completed"
        await self._send(transcribed, item_id=item, content_index=0, transcript="When are you open?")
        await self._send("conversation.item.created", item={"id": item, "type": "message", "role": "user"})

    async def _send(self, kind: str, **fields: object) -> None:
        event = {"type": kind, "event_id": "event_1", **fields}
        await self._socket.send_str(msgspec.json.encode(event).decode())


class ModelSide:
    """The stand-in. open: how many sessions are open now; opened: how many there have been."""

    def __init__(self, greeting: float) -> None:
        self.url = ""
        self.open = self.opened = 0
        self._greeting = greeting
        self._sessions: dict[str, asyncio.Future[Session]] = {}

    async def session(self, call_id: str) -> Session:
        """Wait for the session of this call, once it is configured and the first reply is out."""
        session = await self._expected(call_id)
        await session.greeted.wait()
        return session

    def forget(self, call_id: str) -> None:
        """Keep nothing more of a call that is over."""
        self._sessions.pop(call_id, None)

    def _expected(self, call_id: str) -> asyncio.Future[Session]:
        return self._sessions.setdefault(call_id, asyncio.get_running_loop().create_future())

    async def accept(self, request: web.Request) -> web.WebSocketResponse:
        """Hold one session."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.open += 1
        self.opened += 1
        try:
            await Session(socket, self._greeting).run(self._configured)
        except* ConnectionError:
            pass  # the bot hung up in the middle of a reply
        finally:
            self.open -= 1
        return socket

    def _configured(self, call_id: str, session: Session) -> None:
        expected = self._expected(call_id)
        if not expected.done():
            expected.set_result(session)


@asynccontextmanager
async def model_side(greeting: float = 1.0) -> AsyncIterator[ModelSide]:
    """Run a stand-in until the scope ends. greeting: seconds of the reply that the bot asks for at first."""
    model = ModelSide(greeting)
    app = web.Application()
    app.router.add_get("/{path:.*}", model.accept)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        model.url = f"http://{host}:{port}"
        yield model
    finally:
        await runner.cleanup()


def _chunks(seconds: float) -> list[tuple[float, float]]:
    """Where each delta of a reply begins and how long it is, in seconds."""
    chunks: list[tuple[float, float]] = []
    begins = 0.0
    while seconds - begins > 1e-6:
        length = _FIRST_CHUNKS[len(chunks)] if len(chunks) < len(_FIRST_CHUNKS) else _CHUNK
        length = min(length, seconds - begins)
        chunks.append((begins, length))
        begins += length
    return chunks


@cache
def _audio(length: float) -> str:
    """Base64 of noise, as loud as speech; always the same, since nobody listens."""
    noise = np.random.default_rng(1).normal(0, 3000, round(length * BYTES_PER_SECOND / 2))
    return b2a_base64(noise.clip(-32768, 32767).astype("<i2").tobytes(), newline=False).decode()


def _delta(reply: Reply, length: float) -> str:
    return (
        f'{{"type":"response.audio.delta","event_id":"event_1","response_id":"{reply.response_id}",'
        f'"item_id":"{reply.item_id}","output_index":0,"content_index":0,"delta":"{_audio(round(length, 3))}"}}'
    )
