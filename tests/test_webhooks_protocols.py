"""The server's two protocols over real sockets, against a client that knows the rules and one that does not."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from quart import Quart, websocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from bot.framing import masked_text_frame
from tests.webhooks_stand_ins import served
from webhooks.protocols import LARGEST_MESSAGE, Inbox
from webhooks.serve import server


def echo() -> Quart:
    app = Quart(__name__, static_folder=None)

    @app.websocket("/echo")
    async def answer() -> None:
        await websocket.accept()
        while True:
            await websocket.send(await websocket.receive())

    return app


@asynccontextmanager
async def line() -> AsyncIterator[ClientConnection]:
    async with served(echo()) as port, connect(f"ws://127.0.0.1:{port}/echo", compression=None) as client:
        yield client


@pytest.mark.parametrize("length", [0, 1, 125, 126, 4000, LARGEST_MESSAGE - 1])
async def test_texts_of_every_length_come_back(length: int) -> None:
    async with line() as client:
        for text in ("a" * length, "ü" * (length // 2)):
            await client.send(text)
            assert await client.recv() == text


async def test_short_ways_and_long_ones_keep_their_order() -> None:
    async with line() as client:
        await client.send("first")
        await client.send(b"bytes")
        await client.send(["in ", "several ", "frames"])
        await (await client.ping())
        await client.send("last")
        assert [await client.recv() for _ in range(4)] == ["first", b"bytes", "in several frames", "last"]


async def test_frames_that_come_in_single_bytes_are_read() -> None:
    async with line() as client:
        for byte in masked_text_frame(b"slowly", b"abcd") + masked_text_frame(b"", b"efgh"):
            client.transport.write(bytes([byte]))
            await asyncio.sleep(0)
        assert [await client.recv(), await client.recv()] == ["slowly", ""]


@pytest.mark.parametrize(
    ("nonsense", "code"),
    [
        (masked_text_frame(b"\xff", b"abcd"), 1007),
        (Frame(Opcode.TEXT, b"bare").serialize(mask=False), 1002),
        (Frame(Opcode.CONT, b"of nothing").serialize(mask=True), 1002),
        (Frame(Opcode.TEXT, b"x" * (LARGEST_MESSAGE + 1)).serialize(mask=True), 1009),
        (b"\xf1\x80abcd", 1002),
    ],
    ids=["no-text", "unmasked", "continues-nothing", "too-large", "reserved-bits"],
)
async def test_nonsense_closes_the_connection_with_the_code_for_it(nonsense: bytes, code: int) -> None:
    async with line() as client:
        await client.send("fine")
        assert await client.recv() == "fine"
        client.transport.write(nonsense)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


async def test_who_speaks_before_the_handshake_is_answered_is_still_understood() -> None:
    accept = asyncio.Event()
    app = Quart(__name__, static_folder=None)

    @app.websocket("/late")
    async def answer() -> None:
        await accept.wait()
        await websocket.accept()
        for _ in range(2):
            await websocket.send(await websocket.receive())

    async with served(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /late HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await writer.drain()
        await asyncio.sleep(0.05)
        early = masked_text_frame(b"too early", b"abcd")
        writer.write(early[:4])  # and only half of it
        await writer.drain()
        await asyncio.sleep(0.05)
        accept.set()
        writer.write(early[4:] + masked_text_frame(b"in time", b"abcd"))
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(11) == b"\x81\x09too early"
        assert await reader.readexactly(9) == b"\x81\x07in time"
        writer.close()
        await writer.wait_closed()


async def test_an_inbox_wakes_its_reader_and_survives_a_reader_who_gives_up() -> None:
    inbox = Inbox()
    reader = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait({reader})
    inbox.put_nowait({"type": "websocket.receive", "text": "news"})
    inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})
    assert inbox.qsize() == 2
    assert [(await inbox.get())["type"], (await inbox.get())["type"]] == [
        "websocket.receive",
        "websocket.disconnect",
    ]
    assert inbox.empty()


def test_the_server_uses_both() -> None:
    config = server(echo()).config
    assert (config.http.__name__, config.ws.__name__) == ("PromptHttp", "SteadyWebSocket")  # type: ignore[union-attr]
