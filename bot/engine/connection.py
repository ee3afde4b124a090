"""One client's connection: the tasks around a `Session`. It moves frames, audio and words, and decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bot.engine.asking import ask_server
from bot.engine.delivery import SPEED, Cutter, Pace
from bot.engine.faults import NO_FAULTS, Faults
from bot.engine.formats import BYTES_PER_MS
from bot.engine.parts import Call, Listener, Mind, Parts, Reply, Say, ServerCall
from bot.engine.protocol import Session
from bot.engine.work import (
    AbandonUtterance,
    BeginUtterance,
    CallServer,
    FeedUtterance,
    FinishUtterance,
    ListTools,
    Output,
    Respond,
    Send,
    StopResponding,
)

_log = logging.getLogger(__name__)

_MOST_FRAMES = 4096  # waiting for a client that does not read; about half an hour of speech in deltas
_MOST_AUDIO = 4096  # windows waiting for a listener: two minutes
_LONGEST_THOUGHT = 30.0  # seconds

type Clock = Callable[[], float]
type Sleep = Callable[[float], Awaitable[Any]]
type Utterance = BeginUtterance | FeedUtterance | FinishUtterance | AbandonUtterance


class _Over(Exception):
    """The connection is over: end its tasks."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """The last thing to write. drop: cut the TCP connection without a word."""

    code: int = 1000
    reason: str = ""
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """How a connection is served. lifetime: seconds; speed: how much faster than it plays audio is delivered."""

    clock: Clock
    sleep: Sleep
    lifetime: float
    speed: float = SPEED
    faults: Faults = NO_FAULTS


class Connection:
    """Serves one client until it leaves, its session expires or the engine closes."""

    def __init__(
        self,
        websocket: ServerConnection,
        session: Session,
        parts: Parts,
        terms: Terms,
        record: Callable[[str | bytes], None],
    ) -> None:
        self._websocket = websocket
        self._session = session
        self._parts = parts
        self._terms = terms
        self._record = record
        self._listener: Listener = parts.listener()
        self._mind: Mind = parts.mind()
        self._frames: asyncio.Queue[str | bytes | _Ending] = asyncio.Queue(_MOST_FRAMES)
        self._utterances: asyncio.Queue[Utterance] = asyncio.Queue(_MOST_AUDIO)
        self._tasks = asyncio.TaskGroup()
        self._reply: tuple[str, asyncio.Task[None]] | None = None
        self._deltas = 0
        self._rubbish_sent = not terms.faults.rubbish

    async def serve(self) -> None:
        """Serve the client to the end. Returns, whatever the client did."""
        try:
            async with self._tasks:
                self._tasks.create_task(self._write())
                self._tasks.create_task(self._listen())
                self._tasks.create_task(self._expire())
                self._perform(self._session.open())
                await self._read()
                raise _Over
        except* _Over:
            pass
        finally:
            self._listener.abandon()

    # --- The socket ---------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            async for message in self._websocket:
                self._record(message)
                try:
                    outputs = self._session.receive(message)
                except Exception:  # noqa: BLE001 - a part that fails costs one event, not the call
                    _log.exception("the engine failed on an event of session %s", self._session.session_id)
                    outputs = self._session.trouble("The event could not be handled.")
                self._perform(outputs)
        except ConnectionClosed:
            return

    async def _write(self) -> None:
        try:
            while True:
                frame = await self._frames.get()
                if isinstance(frame, _Ending):
                    await self._end(frame)
                    return
                await self._websocket.send(frame)
        except ConnectionClosed:
            return  # the reader sees it too, and ends the connection

    async def _end(self, ending: _Ending) -> None:
        if ending.drop:
            self._websocket.transport.abort()
        else:
            await self._websocket.close(ending.code, ending.reason)

    async def _expire(self) -> None:
        await self._terms.sleep(self._terms.lifetime)
        self._perform(self._session.expire())
        self._put(_Ending(1001, "session_expired"))

    # --- What the session wants done ----------------------------------------------------------------------------

    def _perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            match output:
                case Send(event):
                    self._send(event)
                case Respond():
                    self._reply = (output.response_id, self._tasks.create_task(self._respond(output)))
                case StopResponding(response_id):
                    if self._reply is not None and self._reply[0] == response_id:
                        self._reply[1].cancel()
                case ListTools() | CallServer():
                    self._tasks.create_task(self._ask_server(output))
                case _:
                    self._hand_to_listener(output)

    def _send(self, event: dict[str, Any]) -> None:
        self._put(msgspec.json.encode(event).decode())
        if event["type"] == "response.audio.delta":
            self._deltas += 1
            if self._deltas == self._terms.faults.drop_after_deltas:
                self._put(_Ending(drop=True))
        if not self._rubbish_sent and event["type"] == self._terms.faults.rubbish_after:
            self._rubbish_sent = True
            for frame in self._terms.faults.rubbish:
                self._put(frame)

    def _put(self, frame: str | bytes | _Ending) -> None:
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            _log.warning("session %s ends: its client does not read", self._session.session_id)
            self._websocket.transport.abort()

    def _hand_to_listener(self, utterance: Utterance) -> None:
        try:
            self._utterances.put_nowait(utterance)
        except asyncio.QueueFull:
            _log.warning("session %s ends: its listener does not listen", self._session.session_id)
            self._websocket.transport.abort()

    # --- The listener -------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Let the listener take one utterance after the other, in order, while the socket goes on."""
        while True:
            utterance = await self._utterances.get()
            try:
                outputs = await self._hear(utterance)
            except Exception:  # noqa: BLE001 - a listener that fails costs one turn, not the call
                _log.exception("the listener failed in session %s", self._session.session_id)
                if not isinstance(utterance, FinishUtterance):
                    continue
                outputs = self._session.not_heard(utterance.item_id, "The words could not be recognised.")
            self._perform(outputs)

    async def _hear(self, utterance: Utterance) -> Sequence[Output]:
        match utterance:
            case BeginUtterance(pcm):
                self._listener.begin(self._mind.expected(self._session.lines()))
                self._listener.feed(pcm)
            case FeedUtterance(pcm):
                self._listener.feed(pcm)
            case FinishUtterance(item_id):
                return self._session.heard(item_id, await self._listener.finish())
            case AbandonUtterance():
                self._listener.abandon()
        return ()

    async def _ask_server(self, asked: ListTools | CallServer) -> None:
        self._perform(await ask_server(self._parts, self._session, asked, _LONGEST_THOUGHT))

    # --- The mind and the speaker -------------------------------------------------------------------------------

    async def _respond(self, respond: Respond) -> None:
        response_id = respond.response_id
        try:
            replies: Sequence[Reply] = [Say(respond.say)] if respond.say else await self._think(respond)
            pace = Pace(self._terms.speed)
            stall = _Stalling(self._terms, respond.number)
            for reply in _joined(replies):
                if isinstance(reply, Call):
                    self._perform(self._session.calls(response_id, reply))
                elif isinstance(reply, ServerCall):
                    self._perform(self._session.calls_server(response_id, reply))
                else:
                    await self._say(respond, reply.text, pace, stall)
        except Exception:  # noqa: BLE001 - a mind or speaker that fails costs one response, not the call
            _log.exception("response %s failed", response_id)
            self._perform(self._session.failed(response_id, "server_error", "The response could not be made."))
        else:
            self._perform(self._session.finished(response_id))

    async def _think(self, respond: Respond) -> Sequence[Reply]:
        lines = self._session.lines()
        async with asyncio.timeout(_LONGEST_THOUGHT):
            if any(line.role != "system" for line in lines):
                return await self._mind.answer(lines, respond.brief, respond.hint)
            return await self._mind.greet(respond.brief, respond.hint)

    async def _say(self, respond: Respond, text: str, pace: Pace, stall: _Stalling) -> None:
        self._perform(self._session.says(respond.response_id, text))
        if respond.speaks:
            cutter = Cutter()
            async with AsyncExitStack() as stack:
                pieces = self._parts.speaker.speak(text, respond.voice)
                if isinstance(pieces, AsyncGenerator):
                    await stack.enter_async_context(aclosing(pieces))
                async for pcm in pieces:
                    for delta in cutter.feed(pcm):
                        await self._deliver(respond, delta, pace, stall)
            if rest := cutter.rest():
                await self._deliver(respond, rest, pace, stall)
        self._perform(self._session.said(respond.response_id))

    async def _deliver(self, respond: Respond, delta: bytes, pace: Pace, stall: _Stalling) -> None:
        wait = pace.wait(delta, self._terms.clock())
        await self._terms.sleep(wait)
        await stall.before(delta)
        self._perform(self._session.audio(respond.response_id, delta))


class _Stalling:
    """The fault of a reply whose audio stops for a while."""

    def __init__(self, terms: Terms, number: int) -> None:
        self._stall = terms.faults.stall if terms.faults.hits(number) else None
        self._sleep = terms.sleep
        self._delivered_ms = 0.0

    async def before(self, delta: bytes) -> None:
        """Wait, once, where enough was delivered before this delta."""
        if self._stall is not None and self._delivered_ms >= self._stall.after_ms:
            seconds, self._stall = self._stall.seconds, None
            await self._sleep(seconds)
        self._delivered_ms += len(delta) / BYTES_PER_MS


def _joined(replies: Sequence[Reply]) -> list[Reply]:
    """The replies with what is said in one go as one message; wordless ones are left out."""
    joined: list[Reply] = []
    for reply in replies:
        if isinstance(reply, Say) and not reply.text.strip():
            continue
        last = joined[-1] if joined else None
        if isinstance(reply, Say) and isinstance(last, Say):
            joined[-1] = Say(f"{last.text} {reply.text}")
        else:
            joined.append(reply)
    return joined
