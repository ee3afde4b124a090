"""One session of the Voice Live stand-in: hears when the caller speaks, replies, and keeps the times.

It sends what the service sends and in its order, so a bot does for every reply what it would do in production. It
hears by loudness alone: the first loud 20 ms are the beginning of speech, half a second without any is its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

import audioop
import msgspec
from aiohttp import web

from bot.load import model_voice
from bot.load.record import Reply, SessionRecord
from bot.load.sound import LOUD

_TRANSCRIPT = "Good morning, we are open from nine to five, and on Saturdays until one."
_ULAW = "g711_ulaw"


@dataclass(frozen=True, slots=True)
class Manner:
    """How the stand-in behaves. Seconds; speed: audio is delivered so many times faster than it is spoken.

    hears: it hears when the caller speaks, and replies; otherwise it does what it is told to.
    """

    greeting: float = 1.5
    reply: float = 5.0
    silence: float = 0.5
    speed: float = 10.0
    hears: bool = True


class _Settings(msgspec.Struct):
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    input_audio_format: str = "pcm16"
    input_audio_sampling_rate: int | None = 24_000
    output_audio_format: str = "pcm16"


class _Append(msgspec.Struct, tag="input_audio_buffer.append", tag_field="type"):
    audio: bytes


class _Update(msgspec.Struct, tag="session.update", tag_field="type"):
    session: _Settings


class _Create(msgspec.Struct, tag="response.create", tag_field="type"):
    pass


class _Cancel(msgspec.Struct, tag="response.cancel", tag_field="type"):
    pass


class _Truncate(msgspec.Struct, tag="conversation.item.truncate", tag_field="type"):
    item_id: str
    audio_end_ms: int


class _Delete(msgspec.Struct, tag="conversation.item.delete", tag_field="type"):
    item_id: str


_decoder = msgspec.json.Decoder(_Append | _Update | _Create | _Cancel | _Truncate | _Delete)


class Session:
    """One session. greeted: set after the first reply, which the bot asks for; sent: bytes of audio that went out."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        manner: Manner,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.record = SessionRecord("", clock())
        self.greeted = asyncio.Event()
        self.sent = 0
        self._socket = socket
        self._manner = manner
        self._clock = clock
        self._sleep = sleep
        self._ulaw_in = self._ulaw_out = False
        self._rest = b""
        self._came = 0
        self._speaking = False
        self._quiet_frames = 0
        self._active: Reply | None = None
        self._replying: asyncio.Task[None] | None = None
        self._serial = count(1)

    async def run(self, configured: Callable[[Session], None]) -> None:
        """Hold the session until the bot ends it. configured: is told once whose session it is."""
        await self._send("session.created", session={"id": "session_1"})
        try:
            async with asyncio.TaskGroup() as tasks:
                async for message in self._socket:
                    now = self._clock()
                    try:
                        event = _decoder.decode(message.data)
                    except (msgspec.DecodeError, TypeError):
                        continue  # a kind that makes no difference here
                    match event:
                        case _Append(audio):
                            await self._hear(audio, now, tasks)
                        case _Update(settings):
                            await self._configure(settings)
                            configured(self)
                        case _Create():
                            self._answer(
                                tasks, self._manner.reply if self.greeted.is_set() else self._manner.greeting
                            )
                        case _Cancel():
                            await self._cut_off("client_cancelled")
                        case _Truncate(item_id, audio_end_ms):
                            self._told(item_id, audio_end_ms)
                            await self._send(
                                "conversation.item.truncated", item_id=item_id, audio_end_ms=audio_end_ms
                            )
                        case _Delete(item_id):
                            self._told(item_id, 0)
                            await self._send("conversation.item.deleted", item_id=item_id)
                if self._replying is not None:
                    self._replying.cancel()
        finally:
            self.record.ended = self._clock()

    async def reply(self, seconds: float, *, stall_at: float = 0, stall: float = 0) -> Reply:
        """Send a reply of so many seconds. It stalls for `stall` seconds once `stall_at` seconds of it were sent."""
        number = next(self._serial)
        reply = self._active = Reply(f"item_{number}", f"response_{number}")
        self.record.replies.append(reply)
        ids = {"response_id": reply.response_id, "item_id": reply.item_id}
        item = {"id": reply.item_id, "type": "message", "role": "assistant", "content": []}
        part = {**ids, "output_index": 0, "content_index": 0}
        await self._send("response.created", response={"id": reply.response_id, "status": "in_progress"})
        await self._send("response.output_item.added", response_id=reply.response_id, output_index=0, item=item)
        await self._send("conversation.item.created", item=item)
        await self._send("response.content_part.added", **part, part={"type": "audio"})
        for word in _TRANSCRIPT.split():
            await self._send("response.audio_transcript.delta", **part, delta=f"{word} ")
        due = self._clock()
        for begins, length in model_voice.deltas(min(seconds, model_voice.LONGEST_REPLY)):
            if stall and begins >= stall_at > 0:
                due, stall = self._clock() + stall, 0
            await self._sleep(max(0.0, due - self._clock()))
            if reply.cut_off:
                return reply
            await self._send_delta(reply, number, begins, length)
            due += length / self._manner.speed
        if reply.cut_off:
            return reply
        self._active = None
        await self._send("response.audio.done", **part)
        await self._send("response.audio_transcript.done", **part, transcript=_TRANSCRIPT)
        await self._send("response.content_part.done", **part, part={"type": "audio"})
        await self._send("response.output_item.done", response_id=reply.response_id, output_index=0, item=item)
        await self._send("response.done", response={"id": reply.response_id, "status": "completed"})
        return reply

    async def speech_started(self) -> float:
        """The caller begins to speak, which cancels the reply that is being made; returns when that was sent."""
        now = self._clock()
        self.record.speech_started.append(now)
        await self._send("input_audio_buffer.speech_started", item_id="caller", audio_start_ms=0)
        await self._cut_off("turn_detected")
        return now

    async def speech_stopped(self) -> None:
        """The caller has finished, and what was said is written down."""
        item = f"caller_{next(self._serial)}"
        await self._send("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=0)
        await self._send("input_audio_buffer.committed", item_id=item)
        transcribed = "conversation.item.input_audio_transcription.completed"
        await self._send(transcribed, item_id=item, content_index=0, transcript="When are you open?")
        await self._send("conversation.item.created", item={"id": item, "type": "message", "role": "user"})

    # --- From the bot ---------------------------------------------------------------------------------------------

    async def _configure(self, settings: _Settings) -> None:
        record = self.record
        self._ulaw_in = settings.input_audio_format == _ULAW
        self._ulaw_out = settings.output_audio_format == _ULAW
        rate = settings.input_audio_sampling_rate or 24_000
        record.frame_bytes = 160 if self._ulaw_in else rate // 50 * 2
        record.ratio = 1 if self._ulaw_out else 6
        record.call_sid = settings.metadata.get("call_id", "")
        await self._send("session.updated", session={"id": "session_1"})

    async def _hear(self, audio: bytes, now: float, tasks: asyncio.TaskGroup) -> None:
        record = self.record
        self._came += len(audio)
        record.append_at.append(now)
        record.append_bytes.append(self._came)
        size = record.frame_bytes
        if self._rest or len(audio) != size:
            audio = self._rest + audio
            whole = len(audio) - len(audio) % size
            self._rest = audio[whole:]
            for at in range(0, whole, size):
                await self._hear_frame(audio[at : at + size], tasks)
        else:
            await self._hear_frame(audio, tasks)

    async def _hear_frame(self, frame: bytes, tasks: asyncio.TaskGroup) -> None:
        level = audioop.rms(audioop.ulaw2lin(frame, 2) if self._ulaw_in else frame, 2)
        self.record.levels.append(level)
        if not self._manner.hears:
            return
        if level >= LOUD:
            self._quiet_frames = 0
            if not self._speaking:
                self._speaking = True
                await self.speech_started()
        elif self._speaking:
            self._quiet_frames += 1
            if self._quiet_frames * 0.02 >= self._manner.silence:
                self._speaking = False
                await self.speech_stopped()
                self._answer(tasks, self._manner.reply)

    def _answer(self, tasks: asyncio.TaskGroup, seconds: float) -> None:
        """Reply, unless a reply is being made already."""
        if self._replying is None or self._replying.done():
            self._replying = tasks.create_task(self._reply(seconds))

    async def _reply(self, seconds: float) -> None:
        await self.reply(seconds)
        self.greeted.set()

    async def _cut_off(self, reason: str) -> None:
        if (reply := self._active) is None:
            return
        reply.cut_off, self._active = True, None
        details = {"type": "cancelled", "reason": reason}
        await self._send(
            "response.done", response={"id": reply.response_id, "status": "cancelled", "status_details": details}
        )

    def _told(self, item_id: str, heard_ms: int) -> None:
        for reply in self.record.replies:
            if reply.item_id == item_id:
                reply.told_ms = heard_ms

    # --- To the bot -----------------------------------------------------------------------------------------------

    async def _send_delta(self, reply: Reply, number: int, begins: float, length: float) -> None:
        audio = model_voice.encoded(number, begins, length, ulaw=self._ulaw_out)
        message = (
            f'{{"type":"response.audio.delta","event_id":"event_1","response_id":"{reply.response_id}",'
            f'"item_id":"{reply.item_id}","output_index":0,"content_index":0,"delta":"{audio}"}}'
        )
        reply.deltas.append((self._clock(), self.sent))
        reply.levels.extend(model_voice.levels(number, begins, length))
        self.sent += round(length * 50) * 160 * self.record.ratio
        reply.ended = self.sent
        reply.sent_ms += round(1000 * length)
        await self._socket.send_str(message)

    async def _send(self, kind: str, **fields: object) -> None:
        event = {"type": kind, "event_id": "event_1", **fields}
        await self._socket.send_str(msgspec.json.encode(event).decode())
