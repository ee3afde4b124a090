"""The short way for texts against uvicorn's own protocol, byte for byte, with no socket between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.speedups import apply_mask

from webhooks import protocols
from webhooks.protocols import LARGEST_MESSAGE, SteadyWebSocket

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PADDING = bytes(2 * LARGEST_MESSAGE)  # ends every frame that is not whole, and is nonsense after one that is
PIECEMEAL = 300  # bytes that uvicorn's own gets one by one: of what comes together with nonsense, it drops all
CLOSE = Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True)


class Wire:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.out = b""
        self.lost: Callable[[None], None]
        self.closed = self.aborted = self.paused = False

    def write(self, data: bytes) -> None:
        assert not (self.closed and data), "nothing is written to what was closed"
        self.out += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True
        self.lost(None)

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_extra_info(self, name: str) -> None:
        return None


class Line[Kind: WebSocketsSansIOProtocol]:
    """A protocol that has accepted, and its wire."""

    def __init__(self, kind: type[Kind]) -> None:
        config = Config(_waits, lifespan="off", ws=kind, ws_max_size=LARGEST_MESSAGE, ws_ping_interval=None,
                        ws_per_message_deflate=False, log_config=None)  # fmt: skip
        config.load()
        self.wire = Wire()
        self.protocol = kind(config, ServerState(), {})
        self.wire.lost = self.protocol.connection_lost

    def comes(self, data: bytes) -> None:
        if data and not self.wire.closed:
            self.protocol.data_received(data)

    def reads(self) -> bool:
        return not self.wire.paused

    async def heard(self) -> list[Any]:
        return [await self.protocol.receive() for _ in range(self.protocol.queue.qsize())]


async def _waits(scope: object, receive: object, send: object) -> None:
    with suppress(asyncio.CancelledError):  # at the test's end, which uvicorn would log as a fault
        await asyncio.Event().wait()


@asynccontextmanager
async def accepted[Kind: WebSocketsSansIOProtocol](kind: type[Kind]) -> AsyncIterator[Line[Kind]]:
    line = Line(kind)
    protocol = line.protocol
    protocol.connection_made(cast(asyncio.Transport, line.wire))
    protocol.data_received(UPGRADE)
    await protocol.receive()
    await protocol.send({"type": "websocket.accept"})
    line.wire.out = b""
    yield line
    tasks = list(protocol.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def frame(opcode: int, body: bytes, last: bool, masked: bool, reserved: int) -> bytes:
    """A frame of any kind, also of those that are forbidden."""
    length, mask = len(body), 0x80 * masked
    if length < 126:
        head = bytes((0x80 * last | reserved | opcode, mask | length))
    elif length < 65_536:
        head = bytes((0x80 * last | reserved | opcode, mask | 126)) + length.to_bytes(2)
    else:
        head = bytes((0x80 * last | reserved | opcode, mask | 127)) + length.to_bytes(8)
    return head + (b"abcd" + apply_mask(body, b"abcd") if masked else body)


bodies = (
    st.binary(max_size=10)
    | st.text(max_size=5).map(str.encode)
    | st.sampled_from([125, 126, 65_535, 65_536, 65_537]).map(lambda length: b"x" * length)
)
frames = st.builds(
    frame,
    st.sampled_from([0, 0, 1, 1, 1, 2, 9, 10, 11]),
    bodies,
    st.booleans(),
    st.sampled_from([True] * 29 + [False]),
    st.sampled_from([0] * 29 + [0x40]),
)
begun = frames.map(lambda after: frame(1, b"be", last=False, masked=True, reserved=0) + after)
some = st.one_of(*[frames] * 6, begun, st.binary(min_size=1, max_size=14), st.just(CLOSE))


@settings(max_examples=400)
@given(st.lists(some, max_size=8).map(b"".join), st.lists(st.integers(0, 100_000), max_size=8))
async def test_the_application_and_the_peer_see_what_uvicorns_own_would_show_them(data: bytes, at: list[int]) -> None:
    async with accepted(WebSocketsSansIOProtocol) as own, accepted(SteadyWebSocket) as ours:
        for number in range(min(len(data), PIECEMEAL)):
            own.comes(data[number : number + 1])
        own.comes(data[PIECEMEAL:])
        own.comes(PADDING)
        for start, end in pairwise([0, *sorted({place % (len(data) + 1) for place in at}), len(data)]):
            ours.comes(data[start:end])
        ours.comes(PADDING)
        expected, heard = await own.heard(), await ours.heard()
        if len(data) < PIECEMEAL:
            # The padding comes at once, so a text that it completes is lost to uvicorn's.
            assert len(heard) - len(expected) in (0, 1)
        assert heard[: len(expected) - 1] == expected[:-1]
        assert heard[-1] == expected[-1]
        assert [event["type"] for event in heard].count("websocket.disconnect") == 1
        assert (ours.wire.out, ours.wire.closed) == (own.wire.out, own.wire.closed)


async def test_nonsense_after_nonsense_costs_nothing() -> None:
    async with accepted(SteadyWebSocket) as line:
        line.comes(frame(3, b"", last=True, masked=True, reserved=0) * 10_000)
        assert [event["type"] for event in await line.heard()] == ["websocket.disconnect"]


async def test_the_peers_goodbye_is_read_though_nobody_took_what_it_said_before() -> None:
    async with accepted(SteadyWebSocket) as line:
        line.comes(frame(1, b"unread", last=True, masked=True, reserved=0) * 40)
        assert not line.reads()
        await line.protocol.send({"type": "websocket.close", "code": 1000, "reason": ""})
        assert line.reads()
        line.comes(frame(2, b"still talking", last=True, masked=True, reserved=0))
        line.comes(frame(1, b"still talking", last=True, masked=True, reserved=0))
        assert line.reads()
        assert [event["type"] for event in await line.heard()][40:] == ["websocket.disconnect"]
        line.comes(CLOSE)
        assert line.wire.closed


@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
async def test_reading_stops_when_much_waits_and_goes_on_when_all_is_taken(opcode: Opcode) -> None:
    async with accepted(SteadyWebSocket) as line:
        for number in range(1, 40):
            line.comes(frame(opcode, b"text", last=True, masked=True, reserved=0))
            assert line.reads() == (number < 16)
        for left in reversed(range(39)):
            await line.protocol.receive()
            assert line.reads() == (left == 0)


async def test_pings_of_a_peer_who_reads_nothing_are_not_answered_into_memory() -> None:
    ping = frame(Opcode.PING, b"?" * 125, last=True, masked=True, reserved=0)
    async with accepted(SteadyWebSocket) as line:
        line.comes(ping)
        answered = line.wire.out
        assert answered == Frame(Opcode.PONG, b"?" * 125).serialize(mask=False)
        line.protocol.pause_writing()
        line.comes(ping * 1000)
        assert line.wire.out == answered
        line.protocol.resume_writing()
        line.comes(ping)
        assert line.wire.out == answered * 2


async def test_a_peer_who_takes_nothing_is_dropped_at_the_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "_GOODBYE_WITHIN", 0.01)
    async with accepted(SteadyWebSocket) as line:
        line.protocol.pause_writing()
        with pytest.raises(ClientDisconnected):
            await line.protocol.send({"type": "websocket.close", "code": 1000, "reason": ""})
        assert line.wire.aborted
