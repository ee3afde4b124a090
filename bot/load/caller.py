"""One caller on one stream: Twilio's side of it, driven by the metronome and by what comes from the socket.

There is no task and no queue for a caller while it talks. Twilio's rules are those of the simulator: messages are
read by `bot.simulator.messages`, play-out is `bot.simulator.playout`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import floor

from bot.load.ear import Ear
from bot.load.metronome import Metronome
from bot.load.record import FRAME_SECONDS, CallRecord
from bot.load.script import Script
from bot.load.stream_socket import StreamSocket
from bot.load.talker import Talker
from bot.simulator.messages import MALFORMED, Clear, Mark, Media, Refused, Writer, read
from bot.simulator.stream import TOO_MUCH_BUFFERED

_GOLDEN = 0.6180339887498949  # spreads any number of callers evenly over 20 ms, in whatever order they come
_MEDIA = (
    b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"%b"},'
    b'"streamSid":"%b"}'
)


class _Writer(Writer):
    """Twilio's messages, and frames whose base64 is made already."""

    def frame(self, payload: bytes) -> bytes:
        """20 ms of the caller. There are fifty a second for each call."""
        self._sequence += 1
        self._chunk += 1
        sid = self._stream_sid.encode()
        return _MEDIA % (self._sequence, self._chunk, (self._chunk - 1) * 20, payload, sid)


class Caller:
    """Talks and listens until the script or the socket is at its end.

    over: set then; stream_sid: identifies the stream. account_sid: as `start` says it; levels: keep how loud is what
    comes, so that it can be recognised.
    """

    def __init__(
        self,
        record: CallRecord,
        script: Script,
        metronome: Metronome,
        clock: Callable[[], float],
        *,
        account_sid: str,
        levels: bool,
    ) -> None:
        self.over = asyncio.Event()
        self._record = record
        self._metronome = metronome
        self._clock = clock
        self._ear = Ear(record, levels=levels)
        self._talker = Talker(script, self._ear, record, record.number)
        self.stream_sid = f"MZ{record.call_sid[2:]}"
        self._writer = _Writer(account_sid, record.call_sid, self.stream_sid)
        self._socket: StreamSocket | None = None
        self._marks_at = 0.0  # when the metronome looks after the marks next; 0: not at all

    def begin(self, socket: StreamSocket, parameters: dict[str, str]) -> None:
        """Say `connected` and `start`, and talk from now on."""
        self._socket = socket
        self._send(self._writer.connected())
        self._record.started = now = self._clock()
        self._send(self._writer.start(parameters))
        phase = self._record.number * _GOLDEN % 1 * FRAME_SECONDS
        due = (floor(now / FRAME_SECONDS) + 1) * FRAME_SECONDS + phase
        self._record.first_due = due
        self._metronome.at(due, self._frame)

    def hang_up(self) -> None:
        """Say `stop`; nothing is said or played after it."""
        if not self.over.is_set():
            self._send(self._writer.stop())
        self.end()

    def end(self) -> None:
        """The stream is over: nothing more is played."""
        if not self.over.is_set():
            self._ear.hang_up(self._clock())
            self.over.set()

    # --- To the server --------------------------------------------------------------------------------------------

    def _frame(self, due: float) -> float | None:
        socket = self._socket
        if self.over.is_set() or socket is None:
            return None
        if socket.stuck:
            self._record.failure = "the server stopped reading the stream (31903)"
            self.end()
            return None
        now = self._clock()
        frame = self._talker.next(now)
        if self._talker.finished:
            self.hang_up()
            return None
        record = self._record
        record.sent.append(now)
        record.levels.append(frame.level)
        socket.send(self._writer.frame(frame.payload))
        if self._talker.digit:
            self._send(self._writer.dtmf(self._talker.digit))
        # From the first, so that rounding does not add up.
        return record.first_due + len(record.sent) * FRAME_SECONDS

    def _return_marks(self, due: float) -> float | None:
        if self.over.is_set() or self._marks_at != due:
            return None
        self._marks_at = 0.0
        self._send_marks(self._ear.due(self._clock()))
        self._look_after_marks()
        return None

    def _send_marks(self, names: list[str]) -> None:
        for name in names:
            self._send(self._writer.mark(name))

    def _look_after_marks(self) -> None:
        due = self._ear.next_mark()
        if due is not None and not self._marks_at:
            self._marks_at = due
            self._metronome.at(due, self._return_marks)

    def _send(self, message: str) -> None:
        if self._socket is not None:
            self._socket.send(message.encode())

    # --- From the server ------------------------------------------------------------------------------------------

    def hear(self, text: str, now: float) -> None:
        """Take one message."""
        if self.over.is_set():
            return
        match read(text, self.stream_sid):
            case Media(audio):
                if not self._ear.receive(audio, now) and not self._record.warnings[TOO_MUCH_BUFFERED]:
                    self._record.warnings[TOO_MUCH_BUFFERED] += 1  # Twilio warns once
            case Mark(name):
                self._ear.mark(name)
                self._send_marks(self._ear.due(now))
                self._look_after_marks()
            case Clear():
                self._send_marks(self._ear.clear(now))
                self._talker.cleared(now)
                self._marks_at = 0.0
            case Refused(code):
                self._record.warnings[code] += 1

    def hear_binary(self) -> None:
        """Take a message that Twilio would not."""
        self._record.warnings[MALFORMED] += 1
