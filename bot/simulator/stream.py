"""Twilio's end of one media stream: a WebSocket to the bot, the play-out buffer, and the network between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

import aiohttp

from bot.simulator.messages import MALFORMED, Clear, Mark, Media, Refused, Writer, read
from bot.simulator.network import Network, Pipe, Transit
from bot.simulator.result import PhoneCall

TOO_MUCH_BUFFERED = 31931
CONNECTION_TIMED_OUT, CONNECTION_REFUSED, BROKEN_PIPE = 31901, 31902, 31903
TLS_FAILED, HANDSHAKE_REFUSED, CLOSED_WITH_ERROR, PROTOCOL_BROKEN = 31910, 31920, 31921, 31924

HANDSHAKE_SECONDS = 10.0
_SEND_SECONDS = 5.0
_GOODBYE_SECONDS = 2.0
_CLOSED_AS_AGREED = (1000, 1001, 1005)


class _Over(Enum):
    BOT_CLOSED = 1
    CALLER_HUNG_UP = 2
    STUCK = 3


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """How the stream ended. error: as the status callback would report it; 0 for none."""

    hung_up: bool
    code: int | None
    error: int


async def connect(
    http: aiohttp.ClientSession, url: str, headers: dict[str, str]
) -> aiohttp.ClientWebSocketResponse | int:
    """Open the socket; where that fails, the number of Twilio's error for it."""
    timeouts = aiohttp.ClientWSTimeout(ws_close=_GOODBYE_SECONDS)
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            return await http.ws_connect(url, headers=headers, timeout=timeouts, max_msg_size=64 << 20)
    except TimeoutError:
        return CONNECTION_TIMED_OUT
    except aiohttp.WSServerHandshakeError:
        return HANDSHAKE_REFUSED
    except aiohttp.ClientSSLError:
        return TLS_FAILED
    except aiohttp.ClientConnectorError:
        return CONNECTION_REFUSED
    except (aiohttp.ClientError, OSError):
        return BROKEN_PIPE


class MediaStream:
    """One stream. `run` holds it from `connected` to its end; meanwhile `speak` and `press` are told what to send."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        call: PhoneCall,
        writer: Writer,
        *,
        network: Network,
        rng: Random,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._socket = socket
        self._call = call
        self._writer = writer
        self._clock = clock
        self._sleep = sleep
        self._sid = call.stream_sids[-1]
        began = clock()
        self._to_bot: Pipe[str | None] = Pipe(Transit(network.to_bot, rng, began), clock=clock, sleep=sleep)
        self._from_bot: Pipe[aiohttp.WSMessage | None] = Pipe(
            Transit(network.from_bot, rng, began), clock=clock, sleep=sleep
        )
        self._slowest = network.to_bot.delay + network.to_bot.jitter
        self._marks_changed = asyncio.Event()
        self._over: asyncio.Future[_Over] = asyncio.get_running_loop().create_future()
        self._code: int | None = None
        self._overflowed = False

    def speak(self, frame: bytes) -> None:
        """Send 20 ms of the caller; the frame may be lost on the way."""
        self._send(self._writer.media(frame), droppable=True)

    def press(self, digit: str) -> None:
        """Send a key."""
        self._send(self._writer.dtmf(digit))

    async def run(
        self, parameters: dict[str, str], hung_up: asyncio.Event, started: Callable[[], None]
    ) -> StreamEnded:
        """Hold the stream until the bot closes it, the caller hangs up, or it breaks."""
        self._send(self._writer.connected())
        self._send(self._writer.start(parameters))
        started()
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(work)
                for work in (self._read(), self._play(), self._return_marks(), self._write(), self._wait_for(hung_up))
            ]
            over = await self._over
            self._call.playout.clear(self._clock())  # nothing is played once the stream has gone
            if over is _Over.CALLER_HUNG_UP:
                await self._say_goodbye(running[3])
            # With the reader still at work: what the bot sends meanwhile must not turn the close into a reset.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * _GOODBYE_SECONDS):
                    await self._socket.close()
            for task in running:
                task.cancel()
        code = self._code if over is _Over.BOT_CLOSED else self._socket.close_code
        return StreamEnded(over is _Over.CALLER_HUNG_UP, code, self._error(over, code))

    # --- To the bot -----------------------------------------------------------------------------------------------

    def _send(self, message: str | None, *, droppable: bool = False) -> None:
        if self._over.done() and message is not None:
            return
        try:
            self._to_bot.put(message, droppable=droppable)
        except asyncio.QueueFull:
            self._end(_Over.STUCK)

    async def _write(self) -> None:
        while (message := await self._to_bot.get()) is not None:
            try:
                async with asyncio.timeout(_SEND_SECONDS):
                    await self._socket.send_str(message)
            except (TimeoutError, aiohttp.ClientError, ConnectionError):
                if not self._socket.closed:
                    self._end(_Over.STUCK)
                return  # the reader learns how it was closed

    async def _return_marks(self) -> None:
        playout = self._call.playout
        while True:
            self._marks_changed.clear()
            for name in playout.due(self._clock()):
                self._return_mark(name)
            due = playout.next_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.0, due - self._clock())):
                    await self._marks_changed.wait()

    def _return_mark(self, name: str) -> None:
        self._call.marks.append(name)
        self._send(self._writer.mark(name))

    async def _wait_for(self, hung_up: asyncio.Event) -> None:
        await hung_up.wait()
        if not self._over.done():
            self._send(self._writer.stop())
            self._end(_Over.CALLER_HUNG_UP)

    async def _say_goodbye(self, writing: asyncio.Task[None]) -> None:
        """Let `stop` out, after what is on its way before it."""
        self._send(None)
        await asyncio.wait({writing}, timeout=self._slowest + _GOODBYE_SECONDS)

    # --- From the bot ---------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                await self._from_bot.put_when_room(message)
            else:
                await self._from_bot.put_when_room(None)
                return

    async def _play(self) -> None:
        while (message := await self._from_bot.get()) is not None:
            if self._over.done():
                continue
            if message.type is aiohttp.WSMsgType.BINARY:
                self._call.warnings[MALFORMED] += 1
            else:
                self._obey(message.data)
        self._code = self._socket.close_code
        self._end(_Over.BOT_CLOSED)

    def _obey(self, text: str) -> None:
        playout, now = self._call.playout, self._clock()
        match read(text, self._sid):
            case Media(audio):
                if not playout.receive(audio, now) and not self._overflowed:
                    self._overflowed = True  # warned of once in a stream
                    self._call.warnings[TOO_MUCH_BUFFERED] += 1
            case Mark(name):
                playout.mark(name)
                self._marks_changed.set()
            case Clear():
                for name in playout.due(now) + playout.clear(now):
                    self._return_mark(name)
                self._marks_changed.set()
            case Refused(code):
                self._call.warnings[code] += 1

    # --- The end --------------------------------------------------------------------------------------------------

    def _end(self, how: _Over) -> None:
        if not self._over.done():
            self._over.set_result(how)

    @staticmethod
    def _error(over: _Over, code: int | None) -> int:
        if over is _Over.CALLER_HUNG_UP or (over is _Over.BOT_CLOSED and code in _CLOSED_AS_AGREED):
            return 0
        if over is _Over.STUCK or code in (None, 1006):
            return BROKEN_PIPE
        return PROTOCOL_BROKEN if code == 1002 else CLOSED_WITH_ERROR
