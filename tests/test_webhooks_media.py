"""The socket from its handshake to the end of the call, over real sockets where the server has a say."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from bot.call.commands import Outcome
from bot.call.events import CallerAudio, CallerFacts, LegEnded, LegStarted, MarkPlayed
from bot.errors import LegClosed, SwitchboardFull
from bot.leg import Leg
from tests.webhooks_stand_ins import (
    ACCOUNT,
    CALL,
    CALLED,
    CALLER,
    PUBLIC,
    STREAM,
    TOKEN,
    VOICE_FORM,
    FakeSocket,
    FakeSwitchboard,
    frame,
    make_app,
    served,
    signed,
    start_message,
)
from webhooks.bad_input import BadInput
from webhooks.media import NotAdmitted, Reception
from webhooks.metrics import Meters
from webhooks.page_gate import COOKIE, SignIns
from webhooks.switchboard import Switchboard
from webhooks.tokens import StreamTokens

if TYPE_CHECKING:
    import bot.switchboard

    def _the_real_one_fits(real: bot.switchboard.Switchboard) -> Switchboard:
        return real


STOP = json.dumps({"event": "stop", "streamSid": STREAM, "stop": {"callSid": CALL}})


class House:
    """A served application and its switchboard."""

    def __init__(self, port: int, switchboard: FakeSwitchboard, registry: CollectorRegistry) -> None:
        self.port = port
        self.switchboard = switchboard
        self.registry = registry

    async def token(self, call_id: str = CALL) -> str:
        """Ring, as Twilio does, and read the token out of the answer."""
        url = f"http://127.0.0.1:{self.port}/voice"
        async with aiohttp.ClientSession() as http, http.post(url, data=VOICE_FORM | {"CallSid": call_id}) as answer:
            found = re.search(r'name="token" value="([^"]+)"', await answer.text())
        assert found
        return found[1]

    def stream(self, headers: dict[str, str] | None = None) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/media", additional_headers=headers, compression=None)

    @property
    def origin(self) -> dict[str, str]:
        """What a browser says of a page of ours."""
        return {"Origin": f"http://127.0.0.1:{self.port}"}

    async def page_call(self, headers: dict[str, str] | None = None) -> dict[str, object]:
        """Begin a call as a page does, and make the `start` that it sends."""
        url = f"http://127.0.0.1:{self.port}/softphone/calls"
        async with aiohttp.ClientSession() as http, http.post(url, headers=headers or self.origin) as answer:
            assert answer.status == 201
            call = await answer.json()
        return page_start(call)

    async def begin(self, line: ClientConnection, call_id: str = CALL) -> None:
        await line.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        await line.send(json.dumps(start_message(await self.token(call_id), call_id)))

    def refused(self, reason: str) -> float:
        return self.registry.get_sample_value("voicebot_refusals_total", {"reason": reason}) or 0.0


def page_start(call: dict[str, str]) -> dict[str, object]:
    parameters = {"token": call["token"], "caller": "+15550001111", "called": "+1", "Instructions": "obey me"}
    ids = {"streamSid": call["stream_id"], "accountSid": call["account"], "customParameters": parameters}
    return start_message("", call["call_id"], **ids) | {"streamSid": call["stream_id"]}


@asynccontextmanager
async def house(**overrides: object) -> AsyncIterator[House]:
    switchboard, registry = FakeSwitchboard(), CollectorRegistry()
    async with served(make_app(switchboard, registry, **overrides)) as port:
        yield House(port, switchboard, registry)


async def close_code(line: ClientConnection) -> int | None:
    await line.wait_closed()
    return line.close_code


async def test_a_whole_call_over_a_real_socket() -> None:
    async def talk(leg: Leg) -> None:
        assert await leg.receive() == LegStarted()
        await leg.play(bytes(4800))
        await leg.mark("m1")
        await leg.clear()
        audio = await leg.receive()
        assert isinstance(audio, CallerAudio)
        assert await leg.receive() == MarkPlayed("m1")
        await leg.close(Outcome.HANGUP)
        assert isinstance(await leg.receive(), LegEnded)

    async with house() as h:
        h.switchboard.hold = talk
        async with h.stream() as line:
            await h.begin(line)
            sent = [json.loads(await line.recv()) for _ in range(3)]
            assert [message["event"] for message in sent] == ["media", "mark", "clear"]
            await line.send(json.dumps(frame(0)))
            await line.send(json.dumps({"event": "mark", "streamSid": STREAM, "mark": {"name": "m1"}}))
            assert await close_code(line) == 1000
            assert line.close_reason == "hangup"
        await h.switchboard.finished.wait()
        (facts,) = h.switchboard.answered
        assert facts == CallerFacts(CALL, CALLER, CALLED, {})


@pytest.mark.parametrize("how", ["stop", "close", "abort"])
async def test_when_the_caller_leaves_the_call_ends_in_order(how: str) -> None:
    async with house() as h:
        async with h.stream() as line:
            await h.begin(line)
            await line.send(json.dumps(frame(0)))
            if how == "stop":
                await line.send(STOP)
            elif how == "abort":
                await line.ping()
                line.transport.abort()
        await h.switchboard.finished.wait()
        assert isinstance(ended := h.switchboard.heard[-1], LegEnded)
        assert ended.failed == (how != "stop")


async def test_the_end_is_not_lost_while_the_call_is_busy() -> None:
    """What was said before the caller left is still heard, and sending afterwards says that nobody is there."""
    go_on = asyncio.Event()

    async with house() as h:

        async def busy(leg: Leg) -> None:
            await go_on.wait()
            await h.switchboard.listen(leg)
            with pytest.raises(LegClosed):
                await leg.play(bytes(960))

        h.switchboard.hold = busy
        async with h.stream() as line:
            await h.begin(line)
            for number in range(5):
                await line.send(json.dumps(frame(20 * number)))
        go_on.set()
        await h.switchboard.finished.wait()
        assert [type(event) for event in h.switchboard.heard] == [LegStarted, *[CallerAudio] * 5, LegEnded]


async def test_a_caller_who_leaves_unnoticed_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    left = asyncio.Event()

    async with house() as h:

        async def asleep(leg: Leg) -> None:
            await left.wait()
            await asyncio.sleep(0.1)

        h.switchboard.hold = asleep
        async with h.stream() as line:
            await h.begin(line)
            line.transport.abort()
        left.set()
        await h.switchboard.finished.wait()
        await asyncio.sleep(0.1)
    assert "Exception" not in caplog.text


async def test_a_flood_is_held_back_and_not_hoarded() -> None:
    hold = asyncio.Event()

    async with house() as h:

        async def asleep(leg: Leg) -> None:
            await hold.wait()

        h.switchboard.hold = asleep
        async with h.stream() as line:
            await h.begin(line)
            flood = asyncio.create_task(_flood(line))
            done, _ = await asyncio.wait({flood}, timeout=1.0)
            assert not done, "the server read 200 MB that nobody had asked for"
            hold.set()  # the call ends with the queue full
            await close_code(line)
            flood.cancel()
            await asyncio.wait({flood})
        await h.switchboard.finished.wait()


async def _flood(line: ClientConnection) -> None:
    message = json.dumps(frame(0, b"\xff" * 40_000))
    for _ in range(4000):
        await line.send(message)


@pytest.mark.parametrize("kind", ["forged", "reused", "foreign", "missing"])
async def test_a_bad_token_closes_the_socket_before_any_session(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async with house() as h:
        token = await h.token()
        message = start_message(token)
        if kind == "forged":
            message = start_message(token[:-8] + "AAAAAAAA")
        elif kind == "missing":
            message = start_message("")
        elif kind == "foreign":
            message = start_message(token, "CA" + "9" * 32)
        else:
            async with h.stream() as first:
                await first.send(json.dumps(message))
                await first.send(STOP)
                await close_code(first)
            h.switchboard.answered.clear()
        async with h.stream() as line:
            await line.send(json.dumps(message))
            assert await close_code(line) == 1008
        assert not h.switchboard.answered
        assert h.refused(f"token-{kind}") == 1
    assert f"token-{kind}" in caplog.text
    assert token not in caplog.text


async def test_rubbish_before_the_start_harms_nobody() -> None:
    async with house() as h:
        async with h.stream() as neighbour, h.stream() as line:
            await h.begin(neighbour, "CAneighbour")
            await line.send(b"")
            await line.send("{")
            await line.send(json.dumps(frame(0)))
            await h.begin(line)
            for one in (line, neighbour):
                await one.send(json.dumps(frame(0)))
                await one.send(STOP)
                assert await close_code(one) == 1000
        assert [facts.call_id for facts in h.switchboard.answered] == ["CAneighbour", CALL]
        assert [type(event) for event in h.switchboard.heard].count(CallerAudio) == 2
        bad = {"kind": "before-start"}
        assert h.registry.get_sample_value("voicebot_bad_messages_total", bad) == 1


async def test_a_socket_that_leaves_before_it_starts_begins_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with house() as h, h.stream() as line:
            await line.send('{"event":"connected"}')
    assert "left before it began" in caplog.text
    assert not h.switchboard.answered


async def test_a_message_over_64_kib_closes_the_socket() -> None:
    async with house() as h:

        async def wave_and_listen(leg: Leg) -> None:
            await leg.mark("here")
            await h.switchboard.listen(leg)

        h.switchboard.hold = wave_and_listen
        async with h.stream() as line:
            await h.begin(line)
            await line.recv()
            await line.send("x" * 70_000)
            assert await close_code(line) == 1009
        await h.switchboard.finished.wait()
        assert isinstance(ended := h.switchboard.heard[-1], LegEnded)
        assert ended.failed


async def test_a_hundred_bad_messages_close_the_socket_and_the_call_ends_as_failed() -> None:
    async with house() as h:
        async with h.stream() as line:
            await h.begin(line)
            for _ in range(101):
                await line.send("?")
            assert await close_code(line) == 1000
        assert isinstance(ended := h.switchboard.heard[-1], LegEnded)
        assert ended.failed


@pytest.mark.parametrize("fault", [SwitchboardFull("no room"), ZeroDivisionError("oops")])
async def test_a_call_that_cannot_be_held_lets_the_caller_go_to_the_safety_net(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(leg: Leg) -> None:
        raise fault

    async with house() as h:
        h.switchboard.hold = fail
        async with h.stream() as line:
            await h.begin(line)
            assert await close_code(line) == 1000
            assert line.close_reason == "failed"
    assert f"call={CALL}" in caplog.text


async def test_only_what_twilio_signed_gets_a_socket() -> None:
    async with house(public_url=PUBLIC, twilio_auth_token=TOKEN) as h:
        for headers in ({}, {"X-Twilio-Signature": "forged"}, signed("wss://evil.example/media")):
            with pytest.raises(InvalidStatus) as caught:
                async with h.stream(headers):
                    pass
            assert caught.value.response.status_code == 403
        headers = {name.lower(): value for name, value in signed("wss://bot.example.com/media").items()}
        tokens = StreamTokens([TOKEN])  # as another instance of ours would issue it
        async with h.stream(headers) as line:
            await line.send(json.dumps(start_message(tokens.issue(CALL))))
            await line.send(STOP)
            assert await close_code(line) == 1000
        assert len(h.switchboard.answered) == 1


async def test_a_stream_through_a_tunnel_is_not_taken_without_a_token() -> None:
    async with house() as h:
        with pytest.raises(InvalidStatus) as caught:
            async with h.stream({"X-Forwarded-For": "1.2.3.4"}):
                pass
        assert caught.value.response.status_code == 403


# --- pages ----------------------------------------------------------------------------------------------------------

PAGE_SECRET = "a secret of these tests"


@pytest.mark.parametrize("overrides", [{}, {"public_url": PUBLIC, "twilio_auth_token": TOKEN}])
async def test_a_page_calls_and_what_it_says_of_itself_is_not_listened_to(overrides: dict[str, object]) -> None:
    async with house(twilio_account_sid=ACCOUNT, **overrides) as h:
        async with h.stream(h.origin) as line:
            start = await h.page_call()
            await line.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
            await line.send(json.dumps(start))
            await line.send(json.dumps({"event": "stop", "streamSid": start["streamSid"]}))
            assert await close_code(line) == 1000
        (facts,) = h.switchboard.answered
        assert facts == h.switchboard.expected[0]
        assert (facts.caller, facts.called, facts.parameters) == ("client:softphone", "", {})
        assert not facts.transferable


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1", "file://", ""]
)
async def test_a_foreign_page_cannot_open_a_socket_to_this_machine(origin: str) -> None:
    async with house() as h:
        with pytest.raises(InvalidStatus) as caught:
            async with h.stream({"Origin": origin}):
                pass
        assert caught.value.response.status_code == 403
        assert h.refused("page-origin") == 1


async def test_a_page_and_twilio_cannot_use_each_others_tokens() -> None:
    async with house() as h:
        ours, theirs = await h.page_call(), start_message(await h.token())
        for headers, start in (({}, ours), (h.origin, theirs)):
            async with h.stream(headers) as line:
                await line.send(json.dumps(start))
                assert await close_code(line) == 1008
        assert h.refused("token-visitor") == 2
        assert not h.switchboard.answered


async def test_a_page_cannot_use_its_token_twice() -> None:
    async with house() as h:
        start = await h.page_call()
        for code in (1000, 1008):
            async with h.stream(h.origin) as line:
                await line.send(json.dumps(start))
                await line.send(json.dumps({"event": "stop", "streamSid": start["streamSid"]}))
                assert await close_code(line) == code
        assert h.refused("token-reused") == 1
        assert len(h.switchboard.answered) == 1


async def test_only_the_same_sign_in_may_use_a_pages_token() -> None:
    async with house(page_secret=PAGE_SECRET) as h:
        far = {
            "Origin": f"https://127.0.0.1:{h.port}",
            "X-Forwarded-For": "198.51.100.7",
            "X-Forwarded-Proto": "https",
        }
        desk = SignIns(PAGE_SECRET)
        ann, bob = ({**far, "Cookie": f"{COOKIE}={desk.cookie()}"} for _ in range(2))
        start = await h.page_call(ann)
        for headers, code in ((bob, 1008), (h.origin, 1008), (ann, 1000)):
            async with h.stream(headers) as line:
                await line.send(json.dumps(start))
                await line.send(json.dumps({"event": "stop", "streamSid": start["streamSid"]}))
                assert await close_code(line) == code
        assert h.refused("token-visitor") == 2
        for headers in (far, {**ann, "X-Forwarded-Proto": "http"}, {**ann, "Origin": "https://evil.example"}):
            with pytest.raises(InvalidStatus) as caught:
                async with h.stream(headers):
                    pass
            assert caught.value.response.status_code == 403


async def test_a_page_that_may_not_come_in_is_not_tried_as_twilio_nor_the_other_way_round() -> None:
    async with house(public_url=PUBLIC, twilio_auth_token=TOKEN) as h:
        far = {"Origin": PUBLIC, "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
        forged = {**h.origin, "X-Twilio-Signature": "forged"}
        for headers in (far, forged):
            with pytest.raises(InvalidStatus) as caught:
                async with h.stream(headers):
                    pass
            assert caught.value.response.status_code == 403
        assert (h.refused("page-closed"), h.refused("signature")) == (1, 1)


async def test_no_digit_number_or_token_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("websockets.client").setLevel(logging.INFO)  # the test's own end of the line
        logging.getLogger("uvicorn.error").setLevel(
            logging.INFO
        )  # the frames themselves, for whoever debugs a server
        async with house() as h, h.stream() as line:
            await h.begin(line)
            await line.send(json.dumps({"event": "dtmf", "streamSid": STREAM, "dtmf": {"digit": "7531"}}))
            await line.send(json.dumps({"event": "dtmf", "streamSid": STREAM, "dtmf": {"digit": "7"}}))
            await line.send(STOP)
            await close_code(line)
    assert "stream began, ***23 to ***99" in caplog.text
    assert "7531" not in caplog.text
    assert CALLER[1:] not in caplog.text


# --- who is admitted, without a server ------------------------------------------------------------------------------


def reception(account_sid: str = "", start_seconds: float = 5.0) -> tuple[Reception, StreamTokens, BadInput]:
    meters, tokens = Meters(CollectorRegistry()), StreamTokens([TOKEN])
    return (
        Reception(tokens, meters, account_sid=account_sid, start_seconds=start_seconds),
        tokens,
        BadInput(meters),
    )


async def refusal(messages: list[object], account_sid: str = "", start_seconds: float = 5.0) -> str:
    desk, tokens, bad = reception(account_sid, start_seconds)
    socket = FakeSocket()
    socket.says(*(json.dumps(message).replace("TOKEN", tokens.issue(CALL)) for message in messages))
    with pytest.raises(NotAdmitted) as caught:
        await desk.admit(socket, bad)
    return caught.value.kind


async def test_a_socket_that_never_starts_is_closed() -> None:
    assert await refusal([{"event": "connected"}], start_seconds=0.01) == "no-start"


async def test_a_socket_that_only_talks_nonsense_is_closed() -> None:
    assert await refusal([frame(0)] * 101) == "nonsense"


async def test_a_start_that_is_not_ours_is_refused() -> None:
    assert await refusal([start_message("TOKEN")], account_sid="AC" + "8" * 32) == "account"
    wide = {"encoding": "audio/x-l16", "sampleRate": 16_000, "channels": 1}
    assert await refusal([start_message("TOKEN", mediaFormat=wide)]) == "media-format"
    nameless = start_message("TOKEN", streamSid="") | {"streamSid": ""}
    assert await refusal([nameless]) == "no-stream-id"
    assert await refusal([{"event": "stop"}]) == "stopped"


async def test_a_start_of_our_account_is_admitted_with_all_it_says() -> None:
    desk, tokens, bad = reception(ACCOUNT)
    socket = FakeSocket()
    parameters = {"token": tokens.issue(CALL), "caller": CALLER, "called": CALLED, "Direction": "inbound"}
    socket.says(json.dumps(start_message("", customParameters=parameters)))
    start, facts = await desk.admit(socket, bad)
    assert start.stream == STREAM
    assert facts == CallerFacts(CALL, CALLER, CALLED, {"Direction": "inbound"})
    assert bad.call_id == CALL


async def test_a_peer_that_leaves_at_once_is_no_fault() -> None:
    desk, _, bad = reception()
    socket = FakeSocket()
    socket.leaves()
    with pytest.raises(LegClosed):
        await desk.admit(socket, bad)
