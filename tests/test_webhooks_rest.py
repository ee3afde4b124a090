from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from tests.twilio_rest_stand_in import Loopback, TwilioStandIn
from tests.webhooks_stand_ins import ACCOUNT, CALL, CALLED, CALLER, OLD_TOKEN, PUBLIC, TOKEN
from webhooks.rest import Placing, RestError, TwilioRest, client_of, in_words

PLACING = Placing(
    to=CALLER,
    caller_id=CALLED,
    url=f"{PUBLIC}/voice/out?persona=sales",
    fallback_url=f"{PUBLIC}/voice/fallback",
    status_url=f"{PUBLIC}/voice/out/status",
    machine_url=f"{PUBLIC}/voice/out/answered-by",
    seconds=630,
)


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn().answering() as stand_in:
        yield stand_in


def client(twilio: TwilioStandIn, *tokens: str, request_seconds: float = 10.0, timeout: float = 5.0) -> TwilioRest:
    http = Loopback(twilio.url, timeout=timeout)
    return TwilioRest(ACCOUNT, tokens or (TOKEN,), http_client=http, request_seconds=request_seconds)


async def failure(rest: TwilioRest) -> RestError:
    with rest, pytest.raises(RestError) as caught:
        await rest.place(PLACING)
    return caught.value


async def test_a_call_is_placed_with_all_that_it_needs(twilio: TwilioStandIn) -> None:
    with client(twilio) as rest:
        assert await rest.place(PLACING) == f"CA{1:032x}"
    [asked] = twilio.placed
    assert asked.fields == {
        "To": [CALLER],
        "From": [CALLED],
        "Url": [PLACING.url],
        "FallbackUrl": [PLACING.fallback_url],
        "StatusCallback": [PLACING.status_url],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "MachineDetection": ["DetectMessageEnd"],
        "AsyncAmd": ["true"],
        "AsyncAmdStatusCallback": [PLACING.machine_url],
        "TimeLimit": ["630"],
    }


async def test_a_call_is_given_other_words_and_ended(twilio: TwilioStandIn) -> None:
    with client(twilio) as rest:
        await rest.say(CALL, "<Response/>")
        await rest.end(CALL)
    said, ended = twilio.changed
    assert (said.call_id, said.fields) == (CALL, {"Twiml": ["<Response/>"]})
    assert (ended.call_id, ended.fields) == (CALL, {"Status": ["completed"]})


@pytest.mark.parametrize(
    ("code", "status", "ours", "says"),
    [
        (21211, 400, 400, "country code"),
        (21217, 400, 400, "country code"),
        (21215, 400, 403, "Geo permissions"),
        (21408, 400, 403, "Geo permissions"),
        (21219, 400, 403, "trial"),
        (20003, 401, 502, "TWILIO_AUTH_TOKEN"),
        (21606, 400, 502, "CALLER_ID"),
        (21212, 400, 502, "CALLER_ID"),
        (21205, 400, 502, "PUBLIC_URL"),
        (20429, 429, 429, "DIAL_PER_MINUTE"),
        (429, 429, 429, "DIAL_PER_MINUTE"),
        (10004, 400, 429, "at once"),
        (12345, 400, 502, "docs/api/errors/12345"),
        (503, 503, 502, "HTTP 503"),
    ],
)
async def test_a_refusal_says_what_to_do(twilio: TwilioStandIn, code: int, status: int, ours: int, says: str) -> None:
    twilio.error = (code, status)
    error = await failure(client(twilio))
    assert error.status == ours
    assert says in str(error)
    assert CALLER not in str(error)
    assert "+1425" not in str(error)
    assert error.unsure is (status >= 500)
    assert bool(error.retry_after) is (ours == 429)


@pytest.mark.parametrize(("code", "status"), [(20404, 404), (404, 404), (21220, 400)])
async def test_a_call_that_is_gone_is_told_from_one_that_cannot_be_changed(
    twilio: TwilioStandIn, code: int, status: int
) -> None:
    twilio.error = (code, status)
    with client(twilio) as rest, pytest.raises(RestError) as caught:
        await rest.end(CALL)
    assert caught.value.gone


def test_other_refusals_do_not_mean_that_the_call_is_gone() -> None:
    assert not in_words(400, 21211).gone
    assert not in_words(500, None).gone


async def test_the_second_token_is_tried_where_the_first_was_rotated_out(twilio: TwilioStandIn) -> None:
    with client(twilio, OLD_TOKEN, TOKEN) as rest:
        assert await rest.place(PLACING)
    assert len(twilio.placed) == 1


async def test_two_wrong_tokens_are_a_wrong_account(twilio: TwilioStandIn) -> None:
    error = await failure(client(twilio, OLD_TOKEN, "another"))
    assert "TWILIO_ACCOUNT_SID" in str(error)
    assert not twilio.asked


async def test_another_refusal_than_of_the_token_is_not_asked_twice(twilio: TwilioStandIn) -> None:
    twilio.error = (21211, 400)
    twilio.tokens.add(OLD_TOKEN)
    await failure(client(twilio, TOKEN, OLD_TOKEN))
    assert len(twilio.asked) == 1


@pytest.mark.parametrize(("total", "read"), [(0.2, 5.0), (5.0, 0.2)])
async def test_silence_ends_in_time_and_leaves_a_doubt(twilio: TwilioStandIn, total: float, read: float) -> None:
    twilio.wait = 1.0
    error = await failure(client(twilio, request_seconds=total, timeout=read))
    assert (error.status, error.unsure) == (504, True)


async def test_who_is_not_there_surely_placed_nothing() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = TwilioStandIn(url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        error = await failure(client(nobody))
    assert "reached" in str(error)
    assert not error.unsure


async def test_a_connection_that_breaks_after_the_question_leaves_a_doubt() -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(client(TwilioStandIn(url=f"http://127.0.0.1:{port}")))
    assert error.unsure


@pytest.mark.parametrize("body", ["<html>Log in to the hotel</html>", "{}", '{"sid": 5}', '{"sid": null}'])
async def test_what_is_not_twilio_is_not_believed(twilio: TwilioStandIn, body: str) -> None:
    twilio.raw = (200, body)
    error = await failure(client(twilio))
    assert error.unsure


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"code": "many"}'])
async def test_a_refusal_in_no_known_form_is_a_refusal(twilio: TwilioStandIn, body: str) -> None:
    twilio.raw = (403, body)
    error = await failure(client(twilio))
    assert (error.status, error.code) == (502, 0)


@pytest.mark.parametrize(
    ("region", "edge", "host"),
    [
        ("", "", "api.twilio.com"),
        ("ie1", "dublin", "api.dublin.ie1.twilio.com"),
        ("ie1.evil.example/", "dublin", "api.dublin.us1.twilio.com"),
        ("ie1", "evil.example/?", "api.ie1.twilio.com"),
        ("evil.example#", "user@evil.example:1", "api.twilio.com"),
    ],
)
def test_no_variable_sends_the_credentials_to_anybody_but_twilio(
    monkeypatch: pytest.MonkeyPatch, region: str, edge: str, host: str
) -> None:
    monkeypatch.setenv("TWILIO_REGION", region)
    monkeypatch.setenv("TWILIO_EDGE", edge)
    asked = []

    class Http:
        def request(self, method: str, url: str, **_: object) -> None:
            asked.append(url)
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the one above
        client_of(ACCOUNT, TOKEN, ACCOUNT, Http()).api.account.fetch()
    with pytest.raises(RestError), TwilioRest(ACCOUNT, (TOKEN,), http_client=Http()) as rest:
        asyncio.run(rest.end(CALL))
    assert [url.partition("/2010")[0] for url in asked] == [f"https://{host}"] * 2
