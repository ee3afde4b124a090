"""The engine as a server on loopback: where Voice Live would be, for the unmodified SDK.

async with EngineServer(parts) as engine:
    async with connect(endpoint=engine.endpoint, credential=AzureKeyCredential("any"), model="gpt-4.1-mini"):
        ...
"""

from __future__ import annotations

import asyncio
import http
import logging
import time
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from bot.engine.checks import Refusal
from bot.engine.connection import Clock, Connection, Sleep, Terms
from bot.engine.delivery import SPEED
from bot.engine.faults import NO_FAULTS, Faults
from bot.engine.parts import Parts
from bot.engine.protocol import LARGEST_EVENT, Session, read_event
from bot.errors import EngineError
from bot.loopback import is_loopback

PATH = "/voice-live/realtime"
LIFETIME = 3600.0
"""Seconds until `expires_at` (60 minutes a session, documented; 3600 to 7200 s seen)."""

_log = logging.getLogger(__name__)

_AUDIO = "input_audio_buffer.append"
_HANDSHAKE_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_MOST_RECORDS = 1000


class EngineServer:
    """Voice Live on loopback; an asynchronous context manager.

    parts: ears, voice and mind; whoever made them closes them. faults: what goes wrong; may be replaced at any time,
    for the connections that follow. speed: how much faster than it plays audio is delivered (0: as it is made).
    clock, sleep: seconds on the loop's clock unless given. records: how many client events are kept for each session.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults = NO_FAULTS,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        wall_clock: Callable[[], float] = time.time,
        rng: Random | None = None,
        speed: float = SPEED,
        lifetime: float = LIFETIME,
        max_sessions: int = 500,
        records: int = _MOST_RECORDS,
    ) -> None:
        if not is_loopback(host):
            raise EngineError(f"The embedded engine listens on loopback only, not on {host}.")
        self.faults = faults
        self.opened = 0
        """How many sessions were opened so far."""
        self.sessions = 0
        """How many are open."""
        self.records: list[list[dict[str, Any]]] = []
        """Per session, in the order in which they were opened: the client's events but audio, up to a limit."""
        self._parts = parts
        self._host = host
        self._port = port
        self._clock = clock
        self._sleep = sleep
        self._wall_clock = wall_clock
        self._rng = rng or Random()  # noqa: S311 - ids of sessions on loopback are no secret
        self._speed = speed
        self._lifetime = lifetime
        self._max_sessions = max_sessions
        self._most_records = records
        self._connections = 0
        self._plans: WeakKeyDictionary[ServerConnection, Faults] = WeakKeyDictionary()
        self._closing = asyncio.Event()
        self._server: Server | None = None

    @property
    def endpoint(self) -> str:
        """The address to connect to, `http://127.0.0.1:PORT`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def received(self, kind: str) -> list[dict[str, Any]]:
        """All recorded client events of one type, session after session."""
        return [event for events in self.records for event in events if event.get("type") == kind]

    async def __aenter__(self) -> Self:
        try:
            self._server = await serve(
                self._handle,
                self._host,
                self._port,
                process_request=self._answer_upgrade,
                compression=None,
                # An event too large is answered with an error, up to twice its size; then the connection is closed.
                max_size=2 * LARGEST_EVENT,
                open_timeout=None if self.faults.hang_handshake else _HANDSHAKE_SECONDS,
                close_timeout=_CLOSE_SECONDS,
                ping_interval=None,  # the client pings, every 30 s
                server_header=None,
            )
        except OSError as problem:
            raise EngineError(f"The engine cannot listen on {self._host}:{self._port}: {problem}") from problem
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer_upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse an upgrade that Voice Live would refuse, or that is to go wrong."""
        url = urlsplit(request.path)
        if url.path != PATH:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "There is only the realtime API here.\n")
        self._connections += 1
        faults = self.faults.for_connection(self._connections)
        if faults.hang_handshake:
            await self._closing.wait()
        if faults.refuse_status:
            return connection.respond(http.HTTPStatus(faults.refuse_status), "Refused on request.\n")
        query = parse_qs(url.query)
        if not (request.headers.get("api-key") or request.headers.get("Authorization") or query.get("api-key")):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "Any key will do, but there has to be one.\n")
        if self.sessions >= self._max_sessions:
            return connection.respond(http.HTTPStatus.TOO_MANY_REQUESTS, "Too many sessions.\n")
        self._plans[connection] = faults
        return None

    async def _handle(self, websocket: ServerConnection) -> None:
        faults = self._plans.pop(websocket, NO_FAULTS)
        path = websocket.request.path if websocket.request is not None else ""
        query = parse_qs(urlsplit(path).query)
        lifetime = self._lifetime if faults.lifetime is None else faults.lifetime
        session = Session(
            self._parts.detector(),
            model=query.get("model", ["gpt-4.1-mini"])[0],
            now=self._wall_clock(),
            lifetime=lifetime,
            rng=self._rng,
            faults=faults,
        )
        clock = self._clock or asyncio.get_running_loop().time
        terms = Terms(clock, self._sleep, lifetime, self._speed, faults)
        self.opened += 1
        self.sessions += 1
        try:
            await Connection(websocket, session, self._parts, terms, self._recorder()).serve()
        finally:
            self.sessions -= 1

    def _recorder(self) -> Callable[[str | bytes], None]:
        events: list[dict[str, Any]] = []
        if self._most_records and len(self.records) < _MOST_RECORDS:
            self.records.append(events)

        def record(message: str | bytes) -> None:
            if len(events) >= self._most_records or (isinstance(message, str) and _is_audio(message)):
                return
            try:
                event = read_event(message)
            except Refusal:
                event = {"type": "", "raw": message[:200]}
            if event.get("type") != _AUDIO:
                events.append(event)

        return record


def _is_audio(message: str) -> bool:
    """Whether it is, so far as can be told without parsing it."""
    return _AUDIO in message[:100]
