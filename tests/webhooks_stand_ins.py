"""Stand-ins for what the web side talks to, and a way to sign what Twilio would sign."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CollectorRegistry
from quart import Quart
from twilio.request_validator import RequestValidator

from bot.board import Board
from bot.call.commands import Farewell
from bot.call.events import CallerFacts, LegEnded, LegEvent
from bot.errors import LegClosed
from bot.feed import Entry, Feed
from bot.leg import Leg
from bot.persona import Sentences
from bot.settings import Settings, load_settings
from webhooks.app import create_app
from webhooks.bad_input import BadInput
from webhooks.media_messages import Start, StartFacts
from webhooks.metrics import Meters
from webhooks.protocols import LARGEST_MESSAGE, PromptHttp, SteadyWebSocket
from webhooks.stream import MediaStream

TOKEN = "0123456789abcdef0123456789abcdef"
OLD_TOKEN = "fedcba9876543210fedcba9876543210"
PUBLIC = "https://bot.example.com"
CALL = "CA" + "1" * 32
ACCOUNT = "AC" + "2" * 32
STREAM = "MZ" + "3" * 32
CALLER = "+14255550123"
CALLED = "+14255550199"
LOOPBACK = {"client": ("127.0.0.1", 40_000)}
OUTSIDE = {"client": ("203.0.113.7", 40_000)}

VOICE_FORM = {
    "CallSid": CALL,
    "AccountSid": ACCOUNT,
    "From": CALLER,
    "To": CALLED,
    "CallStatus": "ringing",
    "Direction": "inbound",
}


def settings(**overrides: object) -> Settings:
    return load_settings(overrides, env_file=None)


def signed(url: str, form: Mapping[str, object] | None = None, token: str = TOKEN) -> dict[str, str]:
    """The headers Twilio would send. url: as Twilio knows it, which need not be how we are asked."""
    signature: str = RequestValidator(token).compute_signature(url, form or {})
    return {"X-Twilio-Signature": signature}


class FakeSwitchboard:
    """Takes every call until told otherwise, and holds it by `hold`."""

    def __init__(self) -> None:
        self.full = self.draining = False
        self.ready = True
        self.live = 0
        self.takes = True
        self.expected: list[CallerFacts] = []
        self.over: list[str] = []
        self.returns: list[str | None] = []
        self.words = Sentences()
        self.farewells: dict[str, Farewell] = {}
        self.board = Board("boot")
        self.feeds: dict[str, Feed] = {}
        self.hung_up: list[str] = []
        self.transferred: list[tuple[str, str]] = []
        self.heard: list[LegEvent] = []
        self.answered: list[CallerFacts] = []
        self.finished = asyncio.Event()
        self.fault: Exception | None = None
        self.hold: Callable[[Leg], Awaitable[None]] = self.listen

    def expect(self, facts: CallerFacts, *, returns: str | None = None, persona: str = "") -> bool:
        if self.fault:
            raise self.fault
        if self.takes and facts.call_id not in {known.call_id for known in self.expected}:
            self.expected.append(facts)
        self.returns.append(returns)
        return self.takes

    def sentences(self, facts: CallerFacts) -> Sentences:
        return self.words

    async def answer(self, facts: CallerFacts, leg: Leg) -> None:
        self.answered.append(facts)
        try:
            await self.hold(leg)
        finally:
            self.finished.set()

    async def listen(self, leg: Leg) -> None:
        """Hear everything until the end."""
        while True:
            event = await leg.receive()
            self.heard.append(event)
            if isinstance(event, LegEnded):
                return

    def farewell(self, call_id: str) -> Farewell | None:
        return self.farewells.get(call_id)

    def ended(self, call_id: str) -> None:
        self.over.append(call_id)

    def follow(self, call_id: str, after: int = 0) -> AsyncIterator[Entry] | None:
        feed = self.feeds.get(call_id)
        return feed.follow(after) if feed else None

    def elapsed(self, call_id: str) -> float | None:
        return 12.5 if call_id in self.feeds else None

    def hang_up(self, call_id: str) -> bool:
        self.hung_up.append(call_id)
        return call_id in self.feeds

    def transfer(self, call_id: str, to: str) -> bool:
        self.transferred.append((call_id, to))
        return call_id in self.feeds


def make_app(switchboard: FakeSwitchboard, registry: CollectorRegistry | None = None, **overrides: object) -> Quart:
    return create_app(settings(**overrides), switchboard, registry=registry or CollectorRegistry())


class FakeSocket:
    """A socket whose peer is the test. `stuck`: it takes no data."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: list[tuple[int, str]] = []
        self.stuck = self.gone = False
        self._coming: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    def says(self, *messages: str | bytes) -> None:
        for message in messages:
            self._coming.put_nowait(message)

    def leaves(self) -> None:
        self.gone = True
        self._coming.put_nowait(None)

    async def receive(self) -> str | bytes:
        message = await self._coming.get()
        if message is None:
            raise LegClosed("gone")
        return message

    async def send(self, text: str) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.gone:
            raise LegClosed("gone")
        self.sent.append(text)

    async def close(self, code: int, reason: str) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.gone:
            raise LegClosed("gone")
        self.closed.append((code, reason))
        self.leaves()


def media_stream(line: FakeSocket, meters: Meters, *, send_seconds: float = 5.0) -> MediaStream:
    bad = BadInput(meters)
    bad.call_id = CALL
    start = Start(StartFacts(call_sid=CALL, stream_sid=STREAM), stream_sid=STREAM)
    facts = CallerFacts(CALL, CALLER, CALLED)
    return MediaStream(line, start, facts, meters, bad, send_seconds=send_seconds, clock=lambda: 0.0)


def frame(timestamp: int | str | None, ulaw: bytes = b"\xff" * 160, *, stream: str = STREAM) -> dict[str, object]:
    """One media message of Twilio's."""
    media: dict[str, str] = {"track": "inbound", "chunk": "1", "payload": base64.b64encode(ulaw).decode()}
    if timestamp is not None:
        media["timestamp"] = str(timestamp)
    return {"event": "media", "sequenceNumber": "4", "media": media, "streamSid": stream}


def start_message(token: str, call_id: str = CALL, **changes: object) -> dict[str, object]:
    start: dict[str, object] = {
        "accountSid": ACCOUNT,
        "streamSid": STREAM,
        "callSid": call_id,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token, "caller": CALLER, "called": CALLED},
    }
    return {"event": "start", "sequenceNumber": "1", "start": start | changes, "streamSid": STREAM}


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def served(app: Quart) -> AsyncIterator[int]:
    """Serve the application as the command does, on a port of its own."""
    config = uvicorn.Config(
        app,
        port=0,
        http=PromptHttp,
        ws=SteadyWebSocket,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        proxy_headers=False,
        log_config=None,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    await server.listening.wait()
    try:
        port: int = server.servers[0].sockets[0].getsockname()[1]
        yield port
    finally:
        server.should_exit = True
        await serving
