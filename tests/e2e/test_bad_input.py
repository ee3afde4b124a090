"""Nonsense on one line, a good call beside it: the outcome, the log, the neighbour, and what the bad caller hears."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from xml.etree import ElementTree

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from bot.engine.scripted import ScriptedParts
from bot.simulator import Parties
from tests.e2e.house import TOKEN, House, open_house, saying
from tests.e2e.test_calls import speech, texts

pytestmark = pytest.mark.virtual_time

CALL = "CA" + "b" * 32
STREAM = "MZ" + "b" * 32
SIGN = RequestValidator(TOKEN).compute_signature


def message(event: str, **fields: object) -> str:
    return json.dumps({"event": event, "streamSid": STREAM, "sequenceNumber": "1", **fields})


def start(token: str, call: str = CALL) -> str:
    facts = {
        "accountSid": "AC" + "0" * 32,
        "streamSid": STREAM,
        "callSid": call,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token},
    }
    return message("start", start=facts)


def media(payload: str, timestamp: object = "20") -> str:
    return message("media", media={"track": "inbound", "chunk": "1", "timestamp": timestamp, "payload": payload})


FRAME = base64.b64encode(b"\xff" * 160).decode()


class BadLine:
    """One Twilio that behaves until a test says otherwise."""

    def __init__(self, house: House, http: aiohttp.ClientSession) -> None:
        self.house, self.http = house, http

    async def asks(self, path: str, **more: str) -> ElementTree.Element:
        form = {**Parties().form(CALL), "CallStatus": "in-progress", **more}
        url = self.house.url + path
        async with self.http.post(url, data=form, headers={"X-Twilio-Signature": SIGN(url, form)}) as answer:
            assert answer.status == 200
            return ElementTree.fromstring(await answer.text())  # noqa: S314 - our own bot's answer

    async def token(self) -> str:
        document = await self.asks("/voice")
        return next(str(p.get("value")) for p in document.iter("Parameter") if p.get("name") == "token")

    async def stream(self) -> aiohttp.ClientWebSocketResponse:
        url = self.house.url.replace("http", "ws", 1) + "/media"
        return await self.http.ws_connect(url, headers={"X-Twilio-Signature": SIGN(url, {})})

    async def closed_with(self, socket: aiohttp.ClientWebSocketResponse) -> int | None:
        async for _ in socket:
            pass
        return socket.close_code


@asynccontextmanager
async def beside_a_good_call() -> AsyncIterator[tuple[House, BadLine]]:
    """A bot with a neighbour on the line, whose whole conversation must come through."""
    parts = ScriptedParts(heard=["When are you open?"], answers=["From nine to five."])
    async with open_house(parts) as house, aiohttp.ClientSession() as http:
        neighbour = asyncio.create_task(house.call(saying(speech(1.0)), seed=7))
        await asyncio.sleep(1)
        yield house, BadLine(house, http)
        call = await neighbour
        assert texts(call.transcript, "bot") == ["Hello! How can I help you?", "From nine to five."]
        await asyncio.sleep(20)
        assert house.engine.sessions == 0
        assert house.switchboard.live == 0


@pytest.mark.parametrize(
    ("nonsense", "kind"),
    [
        ("{ not JSON", "json"),
        (b"\x00\xff\x00", "binary"),
        ('["media"]', ""),
        (message("media", media={"track": 5, "payload": FRAME, "timestamp": "20", "chunk": "1"}), ""),
        (message("surprise", surprise={}), None),
        (start("another"), "second-start"),
        (media("~~not base64~~"), "base64"),
        (media(FRAME[:-3]), ""),
        (media(FRAME, timestamp="soon"), ""),
        (media(FRAME).replace(STREAM, "MZforeign"), "foreign-stream"),
        (message("dtmf", dtmf={"track": "inbound_track", "digit": "99"}), "digit"),
    ],
)
async def test_nonsense_in_a_stream_is_skipped_and_the_call_goes_on(
    nonsense: str | bytes, kind: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with beside_a_good_call() as (_, line):
        socket = await line.stream()
        await socket.send_str(start(await line.token()))
        for _ in range(3):
            if isinstance(nonsense, bytes):
                await socket.send_bytes(nonsense)
            else:
                await socket.send_str(nonsense)
            await socket.send_str(media(FRAME))
        heard = [json.loads((await socket.receive()).data)["event"] for _ in range(6)]
        assert "media" in heard, "the caller is greeted all the same"
        await socket.send_str(message("stop", stop={"callSid": CALL}))
        await line.closed_with(socket)
    lines = [record for record in caplog.records if f"call={CALL}" in record.getMessage()]
    warnings = [record.getMessage() for record in lines if record.levelname == "WARNING"]
    assert len(warnings) == (kind is not None), "told once, however often it came"
    assert kind is None or kind in warnings[0]


async def test_nothing_but_nonsense_closes_the_stream_and_the_caller_is_connected_again_with_a_word() -> None:
    async with beside_a_good_call() as (_, line):
        socket = await line.stream()
        await socket.send_str(start(await line.token()))
        for _ in range(150):
            await socket.send_str("nonsense")
        await line.closed_with(socket)
        document = await line.asks("/voice/after")
        assert document.find("Say") is not None
        assert document.find("Connect") is not None
        document = await line.asks("/voice/after?again=1")
        assert document.find("Say") is not None
        assert document.find("Connect") is None


@pytest.mark.parametrize("kind", ["forged", "foreign", "reused", "expired", "missing"])
async def test_a_bad_token_opens_no_session_and_the_caller_hears_why(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with beside_a_good_call() as (house, line):
        token, call = await line.token(), CALL
        match kind:
            case "forged":
                token = token[:-8] + "AAAAAAAA"
            case "foreign":
                call = "CA" + "c" * 32
            case "reused":
                first = await line.stream()
                await first.send_str(start(token))
                await first.receive()
                await first.send_str(message("stop", stop={"callSid": CALL}))
                await line.closed_with(first)
            case "expired":
                house.later.append(61)
            case _:
                token = ""
        await asyncio.sleep(1)  # the webhook's own session is there by now
        opened = house.engine.opened
        socket = await line.stream()
        await socket.send_str(start(token, call))
        assert await line.closed_with(socket) == 1008
        assert house.engine.opened == opened
        document = await line.asks("/voice/after")
        assert document.find("Say") is not None
    assert any("may not come in: token-" in record.getMessage() for record in caplog.records)


async def test_a_socket_that_says_nothing_is_closed_before_any_session_is_opened() -> None:
    async with beside_a_good_call() as (house, line):
        opened = house.engine.opened
        socket = await line.stream()
        await socket.send_str(media(FRAME))
        assert await line.closed_with(socket) == 1008
        assert house.engine.opened == opened


async def test_a_message_beyond_64_kib_closes_the_socket() -> None:
    async with beside_a_good_call() as (_, line):
        socket = await line.stream()
        await socket.send_str(start(await line.token()))
        await socket.send_str(media("A" * 70_000))
        assert await line.closed_with(socket) == 1009
        assert (await line.asks("/voice/after")).find("Say") is not None


async def test_a_connection_that_asks_nothing_is_closed() -> None:
    async with beside_a_good_call() as (house, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(house.url.rpartition(":")[2]))
        writer.write(b"GET /hea")
        assert await asyncio.wait_for(reader.read(), 15) == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "first",
    ["GET /health HTTP/1.1\r\nHost: a\r\n\r\n", "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"],
)
async def test_nor_may_a_connection_begin_a_second_request_for_ever(first: str) -> None:
    async with beside_a_good_call() as (house, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(house.url.rpartition(":")[2]))
        writer.write(first.encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /hea")
        await asyncio.wait_for(reader.read(), 15)  # to its end
        writer.close()
        await writer.wait_closed()
