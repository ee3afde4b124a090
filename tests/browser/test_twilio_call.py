from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest
import pytest_asyncio
from aiohttp import web

from tests.browser.twilio_phone import SDK, VOICE, House, Machinery, Phone, open_machinery, opened
from tests.browser.twilio_stand_in import CALL, RECONNECT
from tests.test_webhooks_voice_token import APPLICATION, SECRET
from webhooks.voice_token import INSTALL, SCRIPT

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def machinery(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Machinery]:
    async with open_machinery(tmp_path_factory.mktemp("twilio")) as machinery:
        yield machinery


@pytest_asyncio.fixture(loop_scope="session")
async def phone(machinery: Machinery) -> AsyncIterator[Phone]:
    async with opened(machinery) as phone:
        yield phone


async def unreachable(request: web.Request) -> web.StreamResponse:
    return web.Response(status=502)


async def test_a_call_opens_by_the_real_sdk_and_carries_sound_both_ways(phone: Phone) -> None:
    await phone.open(rawMicrophone=True)
    await phone.far_end.hears(VOICE)
    await phone.until("heard.levels.at(-1)?.speaker > 0.2 && heard.levels.at(-1)?.microphone > 0.2")
    assert await phone.states() == ["asking", "connecting", "connecting", "open"]
    assert all(0 <= level <= 1 for levels in await phone.heard("levels") for level in levels.values())


async def test_the_call_makes_no_error_under_the_policy_and_asks_nobody_but_twilio_s_signalling(phone: Phone) -> None:
    await phone.open()
    await phone.far_end.hears(VOICE)
    await phone.do("hangUp()")
    await phone.twilio.sent("hangup")
    assert phone.console == []
    assert phone.twilio.strange == []
    assert "connection:accepted-by-remote" in phone.twilio.events


async def test_the_token_that_twilio_gets_is_the_one_our_server_made(phone: Phone) -> None:
    await phone.open()
    token = (await phone.twilio.sent("listen"))["token"]
    assert [token] == phone.house.tokens
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims["grants"]["voice"] == {"outgoing": {"application_sid": APPLICATION}}


async def test_the_name_of_the_call_is_told_once_it_is_known(phone: Phone) -> None:
    phone.twilio.plan.hold = True
    await phone.call()
    await phone.until("heard.call.length > 0")
    assert await phone.heard("call") == [{"callId": CALL}]
    assert await phone.page.evaluate("() => window.call.callId") == CALL
    assert (await phone.heard("line"))[-1] == {"state": "connecting", "message": "Ringing"}


async def test_a_number_is_asked_for_only_where_the_page_may(phone: Phone) -> None:
    phone.house.dial = True
    await phone.open(to="+14255550100")
    assert (await phone.twilio.sent("invite"))["twilio"] == {"params": "To=%2B14255550100"}


async def test_without_a_number_nothing_is_asked_for(phone: Phone) -> None:
    phone.house.dial = True
    await phone.open()
    assert (await phone.twilio.sent("invite"))["twilio"] == {}


async def test_where_no_number_may_be_asked_for_a_number_makes_no_call_at_all(phone: Phone) -> None:
    assert "DIAL_ALLOWED" in await phone.problem(to="+14255550100")
    assert phone.twilio.messages == []
    assert phone.house.tokens == []


async def test_digits_are_heard_at_the_other_side(phone: Phone) -> None:
    await phone.open(rawMicrophone=True)
    await phone.far_end.hears(VOICE)
    heard = asyncio.ensure_future(phone.far_end.hears(770, 1336))  # the tones of 5
    await phone.do("press('5')")
    await heard
    assert {"kind": "digit", "text": "a digit was sent"} in await phone.heard("note")


async def test_digits_go_by_the_signalling_where_the_sound_cannot_carry_them(phone: Phone) -> None:
    phone.twilio.plan.telephone_events = False
    await phone.open()
    await phone.do("press('#')")
    assert await phone.twilio.sent("dtmf") == {"callsid": CALL, "dtmf": "#"}
    await phone.do("press('A')")
    await phone.do("press('12')")
    await phone.do("press('*')")
    assert (await phone.twilio.sent("dtmf", 2))["dtmf"] == "*"


async def test_mute_silences_the_microphone_and_takes_it_back(phone: Phone) -> None:
    await phone.open(rawMicrophone=True)
    await phone.far_end.hears(VOICE)
    await phone.do("mute(true)")
    await phone.far_end.hears_nothing_of(VOICE)
    await phone.until("heard.levels.at(-1).microphone === 0")
    await phone.do("mute(false)")
    await phone.far_end.hears(VOICE)


async def test_muted_before_the_line_is_open_it_opens_muted(phone: Phone) -> None:
    await phone.call(rawMicrophone=True)
    await phone.do("mute(true)")
    await phone.until("heard.levels.length > 10")
    assert {levels["microphone"] for levels in (await phone.heard("levels"))[-5:]} == {0}


@pytest.mark.parametrize("raw", [True, False])
async def test_a_raw_microphone_is_one_without_processing(phone: Phone, raw: bool) -> None:
    await phone.open(rawMicrophone=raw)
    settings = await phone.page.evaluate("() => window.tracks.map((track) => track.getSettings())")
    processed = [(one["echoCancellation"], one["noiseSuppression"], one["autoGainControl"]) for one in settings]
    assert processed == [(not raw,) * 3]  # and it was asked for once


async def test_a_microphone_that_was_unplugged_is_asked_for_again_as_before(phone: Phone) -> None:
    await phone.open(rawMicrophone=True)
    await phone.far_end.hears(VOICE)
    await phone.page.evaluate("() => window.unplug()")
    await phone.until("window.tracks.length > 1 && window.tracks.at(-1).readyState === 'live'")
    await phone.do("mute(true)")
    await phone.far_end.hears_nothing_of(VOICE)
    await phone.do("mute(false)")
    await phone.far_end.hears(VOICE)
    settings = await phone.page.evaluate("() => window.tracks.at(-1).getSettings()")
    assert not settings["echoCancellation"]
    await phone.do("hangUp()")
    await phone.microphone_is_off()


async def test_hanging_up_reaches_twilio_and_leaves_nothing_behind(phone: Phone) -> None:
    await phone.open()
    await phone.do("hangUp()")
    assert (await phone.twilio.sent("hangup"))["callsid"] == CALL
    await phone.twilio.nobody_is_connected()
    await phone.microphone_is_off()
    assert (await phone.heard("line"))[-1] == {"state": "ended", "message": "You hung up."}
    assert await phone.page.evaluate("() => Twilio.Device.audioContext.state") == "suspended"
    assert await phone.page.evaluate("() => [...document.scripts].length") == 0
    told = await phone.page.evaluate("() => JSON.stringify(window.heard)")
    await phone.do("press('1')")
    await phone.do("mute(true)")
    await phone.do("hangUp()")
    assert await phone.page.evaluate("() => JSON.stringify(window.heard)") == told


async def test_one_can_call_again_from_the_same_page(phone: Phone) -> None:
    await phone.open()
    await phone.do("hangUp()")
    await phone.twilio.sent("hangup")
    await phone.open(rawMicrophone=True)
    await phone.until("heard.levels.at(-1)?.microphone > 0.2")
    assert len(phone.house.tokens) == 2
    assert phone.house.requests.count(f"GET /{SCRIPT}") == 1


async def test_hanging_up_while_it_rings_cancels_the_call_and_is_no_error(phone: Phone) -> None:
    phone.twilio.plan.hold = True
    await phone.call()
    await phone.until("heard.call.length > 0")
    await phone.do("hangUp()")
    await phone.twilio.sent("hangup")
    dialled = await phone.dialled()
    assert isinstance(dialled, dict)
    assert (dialled["name"], dialled["cancelled"]) == ("CallProblem", True)
    assert (await phone.heard("line"))[-1]["state"] == "ended"
    await phone.microphone_is_off()


async def test_a_page_that_goes_away_hangs_up(phone: Phone) -> None:
    await phone.open()
    await phone.page.goto("./?reloaded")
    assert (await phone.twilio.sent("hangup"))["callsid"] == CALL


async def test_when_the_other_side_hangs_up_the_call_has_ended(phone: Phone) -> None:
    await phone.open()
    await phone.twilio.say("hangup", callsid=CALL)
    await phone.until("heard.line.at(-1).state === 'ended'")
    assert (await phone.heard("line"))[-1]["message"] == "The other side hung up."
    await phone.microphone_is_off()


async def test_a_call_that_twilio_ends_by_an_error_ended_by_an_error(phone: Phone) -> None:
    await phone.open()
    await phone.twilio.say("hangup", callsid=CALL, error={"code": 31486, "message": "busy"})
    await phone.until("['ended', 'error'].includes(heard.line.at(-1).state)")
    assert (await phone.heard("line"))[-1] == {
        "state": "error",
        "message": "Who was called is busy. Call again later.",
    }
    assert (await phone.states()).count("error") == 1


async def test_a_token_about_to_expire_is_replaced_in_mid_call(phone: Phone) -> None:
    phone.twilio.plan.ttl = 31  # the page replaces it 30 seconds before
    await phone.open()
    phone.twilio.plan.ttl = 3600
    first, second = await phone.twilio.sent("listen"), await phone.twilio.sent("listen", 2)
    assert [first["token"], second["token"]] == phone.house.tokens
    assert first["token"] != second["token"]
    assert await phone.states() == ["asking", "connecting", "connecting", "open"]


async def test_a_call_survives_a_token_that_cannot_be_replaced_at_once(phone: Phone) -> None:
    phone.twilio.plan.ttl = 31
    await phone.open(patience={"token": 0.5})
    phone.twilio.plan.ttl = 3600
    phone.house.refusal = (401, {})
    await phone.until("heard.note.some(({ kind, text }) => kind === 'trouble' && text.includes('signed in'))")
    phone.house.refusal = None
    await phone.twilio.sent("listen", 2)
    assert (await phone.states())[-1] == "open"


async def test_a_broken_signalling_connection_comes_back_at_the_edge_of_the_call(phone: Phone) -> None:
    await phone.open(rawMicrophone=True)
    await phone.twilio.drop()
    assert await phone.twilio.connections(2) == "voice-js.ashburn.twilio.com"
    assert (await phone.twilio.sent("invite", 2))["reconnect"] == RECONNECT
    await phone.until("heard.line.at(-1).message === '' && heard.line.at(-2).message.includes('interrupted')")
    assert (await phone.states())[-1] == "open"
    assert phone.console == []
    await phone.far_end.hears(VOICE)


async def test_a_connection_that_does_not_come_back_ends_the_call(phone: Phone) -> None:
    await phone.open(patience={"reconnecting": 2})
    phone.twilio.plan.deaf = True
    await phone.twilio.drop()
    await phone.until("heard.line.at(-1).state === 'error'")
    assert "did not come back" in (await phone.heard("line"))[-1]["message"]
    await phone.microphone_is_off()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (31204, "TWILIO_API_KEY_SID"),
        (31201, "TWILIO_API_KEY_SID"),
        (31205, "clock"),
        (31202, "TWILIO_API_KEY_SECRET"),
    ],
)
async def test_a_token_that_twilio_refuses_ends_in_a_sentence(phone: Phone, code: int, says: str) -> None:
    phone.twilio.plan.refuse = code
    assert says in await phone.problem()
    await phone.microphone_is_off()


@pytest.mark.parametrize(
    ("code", "says"), [(31002, "declined"), (31404, "TWILIO_TWIML_APP_SID"), (31480, "later"), (39999, "error 39999")]
)
async def test_a_call_that_twilio_refuses_ends_in_a_sentence(phone: Phone, code: int, says: str) -> None:
    phone.twilio.plan.failure = code
    assert says in await phone.problem()


async def test_a_twilio_that_says_nothing_is_given_up(phone: Phone) -> None:
    phone.twilio.plan.deaf = True
    assert "did not answer" in await phone.problem(patience={"answer": 2})
    await phone.microphone_is_off()


async def test_a_call_that_nobody_takes_is_given_up(phone: Phone) -> None:
    phone.twilio.plan.hold = True
    assert "Nobody answered" in await phone.problem(patience={"ringing": 1})
    await phone.twilio.sent("hangup")


async def test_a_twilio_out_of_reach_is_named_so(phone: Phone, machinery: Machinery) -> None:
    machinery.twilio.handler = unreachable
    assert "firewall" in await phone.problem(patience={"answer": 2})


async def test_a_refused_microphone_gives_a_sentence_and_no_call(machinery: Machinery) -> None:
    async with opened(machinery, allowed=False) as phone:
        assert "allow the microphone" in await phone.problem()
        assert phone.twilio.messages == []


async def test_an_sdk_of_another_hash_is_not_run(machinery: Machinery, tmp_path: Path) -> None:
    changed = tmp_path / "twilio.min.js"
    changed.write_bytes(SDK.read_bytes() + b"\nwindow.changed = true;\n")
    async with opened(machinery, house=House(sdk=changed)) as phone:
        assert "make voice-sdk" in (message := await phone.problem())
        assert "not the file" in message
        assert await phone.page.evaluate("() => window.changed === undefined && window.Twilio === undefined")
        assert any("integrity" in text for text in phone.console)
        assert phone.twilio.messages == []
        await phone.microphone_is_off()


async def test_an_sdk_that_is_not_installed_is_named_so(machinery: Machinery) -> None:
    async with opened(machinery, house=House(sdk=None)) as phone:
        assert "not installed" in await phone.problem()


async def test_what_is_missing_on_the_server_is_named_before_anything_is_asked(machinery: Machinery) -> None:
    house = House(ready=False, missing=["TWILIO_API_KEY_SID", INSTALL])
    async with opened(machinery, house=house) as phone:
        message = await phone.problem()
        assert "TWILIO_API_KEY_SID" in message
        assert "make voice-sdk" in message
        assert await phone.states() == ["error"]
        assert house.tokens == []


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ((409, {"error": "missing", "missing": ["TWILIO_TWIML_APP_SID"]}), "TWILIO_TWIML_APP_SID"),
        ((401, {}), "signed in"),
        ((500, {}), "HTTP 500"),
    ],
)
async def test_a_refused_token_gives_a_sentence(
    phone: Phone, refusal: tuple[int, dict[str, object]], says: str
) -> None:
    phone.house.refusal = refusal
    assert says in await phone.problem()
    await phone.microphone_is_off()


async def test_every_error_of_the_sdk_has_words_of_its_own(phone: Phone) -> None:
    named = {int(float(code)) for code in re.findall(r"this\.code=(\d+(?:e\d)?)", SDK.read_text())}
    assert {20101, 31000, 31401, 53000, 53405} <= named
    unsaid = await phone.page.evaluate(
        """async (codes) => {
          const { words } = await import("./assets/softphone/twilio_errors.js");
          return codes.filter((code) => words({ code }).includes(String(code)));
        }""",
        sorted(named),
    )
    # Those that this page could bring about only by a fault of its own.
    assert unsaid == [31008, 31101, 31102, 31103, 31104, 31105, 31107, 31209, 31210, 31212]
