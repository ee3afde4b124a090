"""Twilio's media stream as a leg of a call: 8 kHz mu-law messages on its side, 24 kHz PCM and events on ours."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.audio import Downsampler, Upsampler, mulaw
from bot.call.commands import Outcome
from bot.call.events import (
    AudioLost,
    CallerAudio,
    CallerFacts,
    DigitPressed,
    LegEnded,
    LegEvent,
    LegStarted,
    MarkPlayed,
)
from bot.errors import LegClosed, LegStalled
from webhooks.bad_input import BadInput
from webhooks.gaps import SAMPLES_PER_MS, Timeline
from webhooks.media_messages import DIGITS, BadMessage, Dtmf, Frame, Mark, Media, Message, Start, Stop, Writer, parse
from webhooks.metrics import Meters

log = logging.getLogger(__name__)

SEND_SECONDS = 5.0

_HEAD_START = 15.0  # seconds of sound that may run ahead of the clock
_SECOND = 1000 * SAMPLES_PER_MS
_AHEAD = 4800  # bytes of PCM, a tenth of a second
_SILENCE = b"\xff"  # mu-law for zero


class Socket(Protocol):
    """What a leg needs of a WebSocket. Each method raises LegClosed once the other side has gone."""

    def receive(self) -> Awaitable[str | bytes]:
        """Wait for the next message."""
        ...

    async def send(self, text: str) -> None:
        """Send one message, waiting as long as the peer takes none."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close the socket; `reason` is at most 123 bytes."""
        ...


class MediaStream:
    """One stream that began with a valid token. Implements `bot.leg.Leg`.

    facts: whose call it is. `clock` dates the summary in the log; the time limits run on the event loop's clock.
    """

    def __init__(
        self,
        socket: Socket,
        start: Start,
        facts: CallerFacts,
        meters: Meters,
        bad: BadInput,
        *,
        send_seconds: float = SEND_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.facts = facts
        self._socket = socket
        self._stream_sid = start.stream
        self._writer = Writer(start.stream)
        self._meters = meters
        self._bad = bad
        self._send_seconds = send_seconds
        self._clock = clock
        self._began = clock()
        self._timeline = Timeline()
        self._up = Upsampler()
        self._down = Downsampler()
        self._waiting: deque[LegEvent] = deque([LegStarted()])
        self._ended: LegEnded | None = None
        self._closed = False
        self._stalled = False
        self._placed = 0  # samples taken, silence for missing ones included
        self._frames = self._dropped = self._missing_ms = 0

    # --- From the caller ----------------------------------------------------------------------------------------

    async def receive(self) -> LegEvent:
        """Wait for what the caller's side does next; after `LegEnded` it is `LegEnded` for ever.

        A socket that is half-open says nothing; the call machine notices that no audio comes.
        """
        while not self._waiting and self._ended is None:
            try:
                self._take(await self._socket.receive())
            except LegClosed:
                self._ended = self._after_close()
        if self._waiting:
            return self._waiting.popleft()
        return self._ended or self._after_close()

    def _after_close(self) -> LegEnded:
        if self._closed:
            return LegEnded("closed by us")
        return LegEnded("the socket broke without a stop", failed=True)

    def _take(self, raw: str | bytes) -> None:
        try:
            message = parse(raw)
            self._understand(message)
        except BadMessage as bad:
            self._bad.take(bad.kind)
            if self._bad.too_much:
                self._ended = LegEnded("nothing but nonsense from the stream", failed=True)
        else:
            self._bad.good()

    def _understand(self, message: Message) -> None:
        if isinstance(message, Media):
            self._check_stream(message.stream_sid)
            if message.media.track == "inbound":
                self._hear(message.media)
        elif isinstance(message, Mark):
            self._check_stream(message.stream_sid)
            self._waiting.append(MarkPlayed(message.mark.name))
        elif isinstance(message, Dtmf):
            self._check_stream(message.stream_sid)
            if message.dtmf.digit not in DIGITS:
                raise BadMessage("digit")
            self._waiting.append(DigitPressed(message.dtmf.digit))
        elif isinstance(message, Stop):
            self._check_stream(message.stream_sid)
            self._ended = LegEnded("the stream stopped")
        elif isinstance(message, Start):
            raise BadMessage("second-start")

    def _check_stream(self, stream_sid: str) -> None:
        if stream_sid != self._stream_sid:
            raise BadMessage("foreign-stream")

    def _hear(self, frame: Frame) -> None:
        ulaw = frame.payload
        if not ulaw:
            raise BadMessage("empty-frame")
        missing = self._timeline.place(frame.milliseconds, len(ulaw))
        if missing is None or self._too_fast(missing + len(ulaw)):
            self._dropped += 1
            self._meters.dropped_frames.inc()
            return
        self._frames += 1
        if missing:
            self._fill(missing)
        self._waiting.append(CallerAudio(self._up.process(mulaw.decode(ulaw))))

    def _too_fast(self, samples: int) -> bool:
        """Whether more sound would have come than time has passed: nobody speaks faster, and somebody pays for it."""
        allowed = (self._clock() - self._began + _HEAD_START) * _SECOND
        if self._placed + samples > allowed:
            return True
        self._placed += samples
        return False

    def _fill(self, missing: int) -> None:
        """Stand in for frames that never came, a second at a time, so that no event grows out of measure."""
        self._missing_ms += missing // SAMPLES_PER_MS
        self._meters.missing_audio.inc(missing / _SECOND)
        self._waiting.append(AudioLost(missing / _SECOND))
        while missing > 0:
            now = min(missing, _SECOND)
            self._waiting.append(CallerAudio(self._up.process(mulaw.decode(_SILENCE * now))))
            missing -= now

    # --- To the caller ------------------------------------------------------------------------------------------

    async def play(self, pcm: bytes) -> None:
        """Queue audio at Twilio. pcm: 16-bit little-endian mono at 24 kHz. Raises LegClosed or LegStalled.

        Its beginning goes ahead: what the caller hears next does not wait until half a second of sound is converted.
        """
        for piece in (pcm[:_AHEAD], pcm[_AHEAD:]):
            if ulaw := mulaw.encode(self._down.process(piece)):
                await self._send(self._writer.media(ulaw))

    async def mark(self, name: str) -> None:
        """Ask for `MarkPlayed(name)` once everything queued was played. Raises LegClosed or LegStalled."""
        await self._send(self._writer.mark(name))

    async def clear(self) -> None:
        """Empty Twilio's queue; the next audio begins from silence. Raises LegClosed or LegStalled."""
        self._down.reset()
        await self._send(self._writer.clear)

    async def _send(self, text: str) -> None:
        if self._closed:
            raise LegClosed("the stream was closed by us")
        if self._stalled:
            raise LegStalled("the stream has stalled before")
        try:
            async with asyncio.timeout(self._send_seconds):
                await self._socket.send(text)
        except TimeoutError:
            self._stalled = True
            raise LegStalled(f"the stream took no data for {self._send_seconds:g} s") from None

    async def close(self, outcome: Outcome) -> None:
        """Close the socket; Twilio goes on with `/voice/after`. Never raises; closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(self._send_seconds):
                await self._socket.close(1000, outcome.value)
        except LegClosed:
            pass
        except TimeoutError:
            log.warning("call=%s the stream could not be closed in time", self.facts.call_id)

    def summary(self) -> str:
        """What went through, in words for the log."""
        return (
            f"{self._clock() - self._began:.1f} s, {self._frames} frames, {self._missing_ms} ms missing, "
            f"{self._dropped} frames late, {self._bad.total} messages odd"
        )
