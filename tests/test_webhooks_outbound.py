"""Calls out over HTTP, with Twilio's real REST client and a stand-in for Twilio."""

from __future__ import annotations

import asyncio
import logging
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client import CollectorRegistry
from quart import Quart
from quart.wrappers import Response

from bot.call.commands import Farewell, Outcome
from bot.call.events import CallerFacts
from bot.persona import Personas
from tests.twilio_rest_stand_in import Loopback, Request, TwilioStandIn
from tests.webhooks_stand_ins import (
    ACCOUNT,
    OUTSIDE,
    PUBLIC,
    TOKEN,
    FakeSwitchboard,
    settings,
    signed,
)
from webhooks.dialler import Dialler
from webhooks.gate import Gate
from webhooks.metrics import Meters
from webhooks.outbound import outbound_routes
from webhooks.rest import TwilioRest
from webhooks.tokens import StreamTokens
from webhooks.voice import voice_routes

KEY = "a key of more than sixteen letters"
OURS = "+14255550199"
THEIRS = "+14255550123"
CALL = f"CA{1:032x}"
ORDER = {"to": THEIRS, "persona": "sales"}
NOON = 1_780_308_000.0

PERSONAS = """
[personas.reception]
default = true

[personas.sales]
greeting = "Hello, it is about {parameter.order}."
voicemail = "Your order {parameter.order} is ready."
max_call_seconds = 600
sentences.language = "en-GB"

[personas.shy]
voicemail = ""
"""


class Board(FakeSwitchboard):
    """Also remembers who speaks."""

    def __init__(self) -> None:
        super().__init__()
        self.speakers: list[str] = []

    def expect(self, facts: CallerFacts, *, returns: str | None = None, persona: str = "") -> bool:
        self.speakers.append(persona)
        return super().expect(facts, returns=returns, persona=persona)


class House:
    """The application with its calls out, a test's way to ask it, and Twilio's."""

    def __init__(self, app: Quart, switchboard: Board, twilio: TwilioStandIn, registry: CollectorRegistry) -> None:
        self.app = app
        self.switchboard = switchboard
        self.twilio = twilio
        self.registry = registry
        self.now = 0.0
        self.wall = NOON

    async def order(self, body: object = ORDER, *, key: str = KEY, idempotency: str = "") -> Response:
        headers = {"Authorization": f"Bearer {key}"} | ({"Idempotency-Key": idempotency} if idempotency else {})
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        return await self.app.test_client().post("/calls", headers=headers, scope_base=OUTSIDE, **sent)

    async def placed(self, body: object = ORDER) -> Request:
        """A call is placed; returns what Twilio was asked."""
        response = await self.order(body)
        assert response.status_code == 202, await response.get_data(as_text=True)
        return self.twilio.placed[-1]

    async def twilio_asks(self, url: str, form: dict[str, str], *, call: str = CALL) -> Response:
        """A webhook, signed."""
        form = {"CallSid": call, "AccountSid": ACCOUNT, "From": OURS, "To": THEIRS} | form
        path = url.removeprefix(PUBLIC)
        return await self.app.test_client().post(path, form=form, headers=signed(PUBLIC + path, form))

    async def steps(self, call: str = CALL) -> list[str]:
        """What `GET /calls/<id>` shows."""
        headers = {"Authorization": f"Bearer {KEY}"}
        response = await self.app.test_client().get(f"/calls/{call}", headers=headers, scope_base=OUTSIDE)
        steps: list[str] = (await response.get_json())["steps"]
        return steps

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"voicebot_{name}_total", labels) or 0.0


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn().answering() as stand_in:
        yield stand_in


@asynccontextmanager
async def opened(twilio: TwilioStandIn, folder: Path, **changes: object) -> AsyncIterator[House]:
    """The wiring of the application, as far as it concerns calls out."""
    chosen = settings(
        **{
            "calls_key": KEY,
            "twilio_account_sid": ACCOUNT,
            "twilio_auth_token": TOKEN,
            "public_url": PUBLIC,
            "caller_id": OURS,
            "dial_prefixes": "+1425",
            **changes,
        }
    )
    file = folder / "voicebot.toml"
    file.write_text(PERSONAS)
    app, switchboard, registry = Quart(__name__), Board(), CollectorRegistry()
    meters = Meters(registry)
    gate, tokens = Gate(chosen, meters), StreamTokens(chosen.auth_tokens)
    house = House(app, switchboard, twilio, registry)
    with TwilioRest(ACCOUNT, chosen.auth_tokens, http_client=Loopback(twilio.url)) as rest:
        personas = Personas(file, chosen)
        clock, wall_clock = (lambda: house.now), (lambda: house.wall)
        async with Dialler(chosen, switchboard, personas, rest, clock=clock, wall_clock=wall_clock) as dialler:
            app.register_blueprint(voice_routes(chosen, switchboard, tokens, gate, meters, dialler))
            for routes in outbound_routes(chosen, switchboard, tokens, gate, meters, dialler):
                app.register_blueprint(routes)
            yield house


@pytest.fixture
async def house(twilio: TwilioStandIn, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(twilio, tmp_path) as opened_house:
        yield opened_house


async def error_of(response: Response) -> str:
    body = await response.get_json()
    assert list(body) == ["error"]
    sentence: str = body["error"]
    assert sentence.endswith(".")
    assert THEIRS not in sentence
    return sentence


# --- who may ask ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "wrong", KEY[:-1], KEY + "x", "ключ"])
async def test_without_the_key_nobody_is_called(house: House, key: str) -> None:
    response = await house.order(key=key)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert KEY not in await error_of(response)
    assert not house.twilio.asked
    assert house.counted("refusals", reason="calls-key") == 1


async def test_the_key_is_asked_for_before_the_body_is_looked_at(house: House) -> None:
    assert (await house.order(b"nonsense", key="wrong")).status_code == 401


async def test_the_progress_of_a_call_is_shown_to_the_key_only(house: House) -> None:
    await house.placed()
    response = await house.app.test_client().get(f"/calls/{CALL}", scope_base=OUTSIDE)
    assert response.status_code == 401


async def test_without_a_key_in_the_settings_there_is_nothing_here() -> None:
    chosen = settings()
    app, meters, switchboard = Quart(__name__), Meters(CollectorRegistry()), Board()
    for routes in outbound_routes(chosen, switchboard, StreamTokens([]), Gate(chosen, meters), meters, None):
        app.register_blueprint(routes)
    client = app.test_client()
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {KEY}"}):
        assert (await client.post("/calls", json=ORDER, headers=headers)).status_code == 404
        assert (await client.get(f"/calls/{CALL}", headers=headers)).status_code == 404
        assert (await client.post("/voice/out", headers=headers)).status_code == 404


# --- placing --------------------------------------------------------------------------------------------------------


async def test_a_call_is_placed_and_carries_its_persona(house: House) -> None:
    response = await house.order({**ORDER, "parameters": {"order": "ä/5 &c"}})
    assert response.status_code == 202
    assert await response.get_json() == {"call_id": CALL}
    [asked] = house.twilio.placed
    assert (asked["To"], asked["From"]) == (THEIRS, OURS)
    assert asked["TimeLimit"] == "630"
    assert (asked["MachineDetection"], asked["AsyncAmd"]) == ("DetectMessageEnd", "true")
    addresses = [asked[name] for name in ("Url", "FallbackUrl", "StatusCallback", "AsyncAmdStatusCallback")]
    assert [urlsplit(address).path for address in addresses] == [
        "/voice/out",
        "/voice/fallback",
        "/voice/out/status",
        "/voice/out/answered-by",
    ]
    for address in addresses:
        assert address.startswith(PUBLIC)
        assert re.fullmatch(r"[A-Za-z0-9_=&-]+", urlsplit(address).query)
        assert parse_qs(urlsplit(address).query)["persona"] == ["sales"]
    assert await house.steps() == ["queued"]
    assert house.counted("dials", how="placed") == 1


@pytest.mark.parametrize(
    ("body", "status", "how", "says"),
    [
        (b"", 400, "body", "JSON"),
        (b"\xff", 400, "body", "JSON"),
        (b"[]", 400, "body", "JSON"),
        ({"to": THEIRS}, 400, "body", "persona"),
        ({**ORDER, "too": THEIRS}, 400, "body", "JSON"),
        ({**ORDER, "to": 14255550123}, 400, "body", "JSON"),
        ({**ORDER, "parameters": {"n": 1}}, 400, "body", "JSON"),
        ({**ORDER, "persona": "nobody"}, 400, "persona", "reception, sales, shy"),
        ({**ORDER, "persona": ""}, 400, "persona", "no persona"),
        ({**ORDER, "parameters": {"a b": "x"}}, 400, "parameters", "letters"),
        ({**ORDER, "parameters": {"a": "x\n"}}, 400, "parameters", "one line"),
        ({**ORDER, "parameters": {"a": "x" * 201}}, 400, "parameters", "200"),
        ({**ORDER, "parameters": {f"a{n}": "x" for n in range(11)}}, 400, "parameters", "10"),
        ({**ORDER, "to": "0425 555 0123"}, 400, "number", "country code"),
        ({**ORDER, "to": "+49301234567"}, 403, "prefix", "DIAL_PREFIXES"),
    ],
)
async def test_what_cannot_be_is_refused_in_a_sentence(
    house: House, body: object, status: int, how: str, says: str
) -> None:
    response = await house.order(body)
    assert response.status_code == status
    assert says in await error_of(response)
    assert not house.twilio.asked
    assert house.counted("dials", how=how) == 1


async def test_nobody_is_called_in_quiet_hours(twilio: TwilioStandIn, tmp_path: Path) -> None:
    async with opened(twilio, tmp_path, quiet_hours="21:00-08:00 Europe/Berlin") as house:
        house.wall = NOON + 10 * 3600
        response = await house.order()
        assert response.status_code == 403
        assert "21:00 to 08:00" in await error_of(response)
        house.wall = NOON
        await house.placed()


async def test_too_many_calls_a_minute_are_told_when_to_come_back(twilio: TwilioStandIn, tmp_path: Path) -> None:
    async with opened(twilio, tmp_path, dial_per_minute=1) as house:
        for _ in range(3):  # what is refused for another reason uses up nothing
            assert (await house.order({**ORDER, "to": "+49301234567"})).status_code == 403
        await house.placed()
        response = await house.order()
        assert (response.status_code, response.headers["Retry-After"]) == (429, "60")
        await error_of(response)
        house.now += 60
        await house.placed()


async def test_a_draining_house_calls_nobody(house: House) -> None:
    house.switchboard.draining, house.switchboard.ready = True, False
    response = await house.order()
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert "stop" in await error_of(response)


async def test_calls_that_still_ring_need_room_too(twilio: TwilioStandIn, tmp_path: Path) -> None:
    async with opened(twilio, tmp_path, max_calls=3) as house:
        house.switchboard.live = 1
        first = await house.placed()
        await house.placed()
        response = await house.order()
        assert response.status_code == 503
        assert "MAX_CALLS" in await error_of(response)
        await house.twilio_asks(first["StatusCallback"], {"CallStatus": "busy"})
        await house.placed()
        house.now += 100  # nothing was ever heard of them
        await house.placed()


async def test_calls_that_twilio_is_just_being_asked_for_need_room_too(twilio: TwilioStandIn, tmp_path: Path) -> None:
    async with opened(twilio, tmp_path, max_calls=2) as house:
        twilio.wait = 0.2
        answers = await asyncio.gather(*(house.order() for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [202, 202, 503, 503]


@pytest.mark.parametrize(
    ("error", "status", "says"), [((21211, 400), 400, "country code"), ((429, 429), 429, "DIAL_PER_MINUTE")]
)
async def test_twilios_own_refusal_is_passed_on_in_our_words(
    house: House, error: tuple[int, int], status: int, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    house.twilio.error = error
    response = await house.order()
    assert response.status_code == status
    assert ("Retry-After" in response.headers) is (status == 429)
    assert says in await error_of(response)
    assert house.counted("dials", how="twilio") == 1
    assert THEIRS not in caplog.text


async def test_a_fault_of_ours_is_a_500_and_not_the_end_of_the_house(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Personas, "named", broken)
    assert (await house.order()).status_code == 500
    assert "a bug" in caplog.text
    monkeypatch.undo()
    await house.placed()


# --- twice ----------------------------------------------------------------------------------------------------------


async def test_the_same_request_again_gets_the_first_answer(house: House) -> None:
    first = await house.order(idempotency="k1")
    house.switchboard.draining = True  # the answer does not depend on how things are now
    again = await house.order(idempotency="k1")
    assert (again.status_code, await again.get_json()) == (first.status_code, await first.get_json())
    assert len(house.twilio.placed) == 1
    assert house.counted("dials", how="repeated") == 1


async def test_the_same_request_at_the_same_time_places_one_call(house: House) -> None:
    house.twilio.wait = 0.2
    answers = await asyncio.gather(*(house.order(idempotency="k1") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len(house.twilio.placed) == 1


async def test_the_same_key_for_another_request_is_refused(house: House) -> None:
    await house.order(idempotency="k1")
    response = await house.order({**ORDER, "persona": "shy"}, idempotency="k1")
    assert response.status_code == 422
    assert len(house.twilio.placed) == 1


async def test_who_hangs_up_and_asks_again_does_not_place_a_second_call(house: House) -> None:
    house.twilio.wait = 0.3
    asking = asyncio.create_task(house.order(idempotency="k1"))
    await asyncio.to_thread(house.twilio.was_asked.wait, 10)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert (await house.order(idempotency="k1")).status_code == 202
    assert len(house.twilio.placed) == 1
    assert await house.steps() == ["queued"]


async def test_a_refusal_is_not_remembered(house: House) -> None:
    house.twilio.error = (429, 429)
    assert (await house.order(idempotency="k1")).status_code == 429
    house.twilio.error = None
    assert (await house.order(idempotency="k1")).status_code == 202


async def test_a_doubt_is_remembered(house: House) -> None:
    house.twilio.error = (500, 500)
    assert "not known whether" in await error_of(await house.order(idempotency="k1"))
    house.twilio.error = None
    assert (await house.order(idempotency="k1")).status_code == 502
    assert len(house.twilio.asked) == 1


# --- answered -------------------------------------------------------------------------------------------------------


def verbs(document: str) -> list[ET.Element]:
    return list(ET.fromstring(document))  # noqa: S314 - our own document


async def test_who_answers_is_connected_to_the_persona(house: House) -> None:
    asked = await house.placed({**ORDER, "parameters": {"order": "four"}})
    response = await house.twilio_asks(asked["Url"], {"CallStatus": "in-progress"})
    [connect] = verbs(await response.get_data(as_text=True))
    assert connect.tag == "Connect"
    assert house.switchboard.speakers == ["sales"]
    [facts] = house.switchboard.expected
    assert (facts.caller, facts.called, facts.parameters["order"]) == (OURS, THEIRS, "four")
    assert await house.steps() == ["queued", "answered"]


async def test_what_comes_after_the_stream_knows_the_persona_still(house: House) -> None:
    asked = await house.placed({**ORDER, "parameters": {"order": "four"}})
    response = await house.twilio_asks(asked["Url"], {})
    [connect] = verbs(await response.get_data(as_text=True))
    again = await house.twilio_asks(connect.attrib["action"], {"CallStatus": "in-progress"})
    _, reconnected = verbs(await again.get_data(as_text=True))
    assert house.switchboard.speakers == ["sales", "sales"]
    assert parse_qs(urlsplit(reconnected.attrib["action"]).query)["persona"] == ["sales"]
    last = await house.twilio_asks(reconnected.attrib["action"], {"CallStatus": "in-progress"})
    assert "<Connect" not in await last.get_data(as_text=True)


async def test_a_transfer_from_a_call_out_shows_our_number(house: House) -> None:
    house.switchboard.farewells[CALL] = Farewell(Outcome.TRANSFER, "+14255550111")
    asked = await house.placed()
    response = await house.twilio_asks(asked["Url"].replace("/voice/out", "/voice/after"), {})
    [dial] = verbs(await response.get_data(as_text=True))
    assert dial.attrib["callerId"] == OURS
    assert parse_qs(urlsplit(dial.attrib["action"]).query) == {"transfer": ["1"], "persona": ["sales"]}


@pytest.mark.parametrize("query", ["", "?persona=nobody", "?persona=", "?persona=../x", "?persona=nobody&with=%00"])
async def test_a_persona_that_is_gone_is_an_apology(house: House, query: str) -> None:
    response = await house.twilio_asks(f"{PUBLIC}/voice/out{query}", {})
    say, hang_up = verbs(await response.get_data(as_text=True))
    assert (say.tag, hang_up.tag) == ("Say", "Hangup")
    assert not house.switchboard.expected


async def test_a_persona_in_a_form_is_a_softphones_invention(house: House) -> None:
    await house.twilio_asks(f"{PUBLIC}/voice", {"persona": "sales", "CallStatus": "ringing"})
    assert house.switchboard.speakers == [""]


async def test_parameters_never_pass_for_what_twilio_says(house: House) -> None:
    asked = await house.placed({**ORDER, "parameters": {"Direction": "inbound", "token": "x", "caller": "x"}})
    response = await house.twilio_asks(asked["Url"], {"Direction": "outbound-api"})
    [facts] = house.switchboard.expected
    assert facts.parameters["Direction"] == "outbound-api"
    [connect] = verbs(await response.get_data(as_text=True))
    sent = {each.attrib["name"]: each.attrib["value"] for each in connect[0]}
    assert sent["token"] != "x"
    assert sent["caller"] == OURS


@pytest.mark.parametrize("path", ["/voice/out", "/voice/out/status", "/voice/out/answered-by"])
async def test_only_twilio_may_call_the_webhooks(house: House, path: str) -> None:
    form = {"CallSid": CALL, "AccountSid": ACCOUNT}
    client = house.app.test_client()
    assert (await client.post(path + "?persona=sales", form=form)).status_code == 403
    for_another = signed(f"{PUBLIC}{path}?persona=sales", form)
    assert (await client.post(path + "?persona=shy", form=form, headers=for_another)).status_code == 403


async def test_a_closing_house_hands_a_call_out_over_with_its_persona(twilio: TwilioStandIn, tmp_path: Path) -> None:
    async with opened(twilio, tmp_path, drain_redirect_url="https://other.example") as house:
        asked = await house.placed()
        house.switchboard.takes, house.switchboard.draining = False, True
        response = await house.twilio_asks(asked["Url"], {})
        [redirect] = verbs(await response.get_data(as_text=True))
        assert redirect.text == "https://other.example/voice/out?persona=sales"


# --- machines -------------------------------------------------------------------------------------------------------


async def found(house: House, asked: Request, who: str, *, call: str = CALL) -> None:
    response = await house.twilio_asks(asked["AsyncAmdStatusCallback"], {"AnsweredBy": who}, call=call)
    assert response.status_code == 204


@pytest.mark.parametrize("who", ["human", "unknown", "", "something\nnew"])
async def test_a_person_is_left_talking(house: House, who: str) -> None:
    await found(house, await house.placed(), who)
    assert not house.twilio.changed
    assert house.counted("answered_by", outcome="human" if who == "human" else "unknown") == 1


@pytest.mark.parametrize("who", ["machine_end_beep", "machine_end_silence", "machine_end_other", "machine_start"])
async def test_a_machine_gets_the_message(house: House, who: str) -> None:
    await found(house, await house.placed({**ORDER, "parameters": {"order": "four"}}), who)
    [changed] = house.twilio.changed
    assert changed.call_id == CALL
    say, hang_up = verbs(changed["Twiml"])
    assert (say.text, say.attrib["language"]) == ("Your order four is ready.", "en-GB")
    assert hang_up.tag == "Hangup"
    assert house.counted("answered_by", outcome="message") == 1
    assert await house.steps() == ["queued", "machine"]


@pytest.mark.parametrize(("persona", "who"), [("shy", "machine_end_beep"), ("sales", "fax")])
async def test_a_machine_without_a_message_and_a_fax_are_hung_up_on(house: House, persona: str, who: str) -> None:
    await found(house, await house.placed({**ORDER, "persona": persona}), who)
    [changed] = house.twilio.changed
    assert changed.fields == {"Status": ["completed"]}
    assert house.counted("answered_by", outcome="hung-up") == 1


async def test_a_machine_of_a_call_that_another_instance_placed_gets_its_message(house: House) -> None:
    asked = await house.placed({**ORDER, "parameters": {"order": "four"}})
    other = "CA" + "f" * 32
    await found(house, asked, "machine_end_beep", call=other)
    [changed] = house.twilio.changed
    assert changed.call_id == other
    assert "Your order four is ready." in changed["Twiml"]


async def test_a_machine_is_reported_twice_and_hears_the_message_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    asked = await house.placed()
    await asyncio.gather(*(found(house, asked, "machine_end_beep") for _ in range(3)))
    assert len(house.twilio.changed) == 1
    assert house.counted("answered_by", outcome="message") == 1
    assert house.counted("answered_by", outcome="repeated") == 2
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.parametrize("error", [(20404, 404), (21220, 400)])
async def test_a_machine_of_a_call_that_is_gone_is_no_error(
    house: House, error: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    asked = await house.placed()
    caplog.clear()
    caplog.set_level(logging.INFO, "webhooks")
    house.twilio.error = error
    await found(house, asked, "machine_end_beep")
    [line] = [record for record in caplog.records if record.name.startswith("webhooks")]
    assert line.levelno == logging.INFO
    assert CALL in line.getMessage()
    assert house.counted("answered_by", outcome="gone") == 1
    assert not house.switchboard.hung_up


async def test_a_call_that_is_known_to_be_over_is_not_asked_about(house: House) -> None:
    asked = await house.placed()
    await house.twilio_asks(asked["StatusCallback"], {"CallStatus": "completed"})
    await found(house, asked, "machine_end_beep")
    assert not house.twilio.changed
    assert house.counted("answered_by", outcome="gone") == 1


async def test_where_twilio_cannot_be_told_the_stream_is_closed_here(house: House) -> None:
    asked = await house.placed()
    house.twilio.error = (503, 503)
    await found(house, asked, "machine_end_beep")
    assert house.switchboard.hung_up == [CALL]
    assert house.counted("answered_by", outcome="failed") == 1


async def test_while_the_message_is_left_nothing_new_begins(house: House) -> None:
    asked = await house.placed()
    await found(house, asked, "machine_end_beep")
    after = asked["Url"].replace("/voice/out", "/voice/after")
    response = await house.twilio_asks(after, {"CallStatus": "in-progress"})
    assert not verbs(await response.get_data(as_text=True))
    assert not house.switchboard.speakers


async def test_a_report_without_a_call_is_counted_and_does_nothing(house: House) -> None:
    asked = await house.placed()
    await found(house, asked, "machine_end_beep", call="")
    assert not house.twilio.changed
    assert house.counted("answered_by", outcome="nameless") == 1


# --- how it went ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["completed", "busy", "no-answer", "failed", "canceled"])
async def test_how_a_call_ended_is_logged_and_counted_once(
    house: House, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked = await house.placed()
    for status in ("initiated", "ringing", how, how, "ringing"):
        await house.twilio_asks(asked["StatusCallback"], {"CallStatus": status})
    assert await house.steps() == ["queued", "dialling", "ringing", how]
    assert house.counted("dialled", outcome=how) == 1
    assert house.switchboard.over == [CALL]
    assert caplog.text.count(f"call={CALL} the call out ended: {how}") == 1
    assert THEIRS not in caplog.text
    assert THEIRS[-2:] in caplog.text


async def test_what_twilio_reports_before_it_has_answered_us_is_not_lost(house: House) -> None:
    await house.twilio_asks(f"{PUBLIC}/voice/out/status?persona=sales", {"CallStatus": "ringing"})
    await house.placed()
    assert await house.steps() == ["queued", "ringing"]


async def test_a_status_that_makes_no_sense_is_nothing(house: House) -> None:
    asked = await house.placed()
    await house.twilio_asks(asked["StatusCallback"], {"CallStatus": "levitating"})
    await house.twilio_asks(asked["StatusCallback"], {"CallStatus": "busy"}, call="")
    assert await house.steps() == ["queued"]
    assert not house.switchboard.over


async def test_a_call_that_is_not_known_has_no_progress(house: House) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    response = await house.app.test_client().get(f"/calls/{CALL}", headers=headers)
    assert response.status_code == 404
