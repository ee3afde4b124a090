from __future__ import annotations

import logging
import re

import pytest
from prometheus_client import CollectorRegistry
from quart import Quart
from quart.wrappers import Response

from bot.call.commands import Farewell, Outcome
from bot.persona import Sentences
from tests.webhooks_stand_ins import (
    ACCOUNT,
    CALL,
    CALLED,
    CALLER,
    LOOPBACK,
    OLD_TOKEN,
    OUTSIDE,
    PUBLIC,
    TOKEN,
    VOICE_FORM,
    FakeSwitchboard,
    make_app,
    signed,
)

WORDS = Sentences()
HUMAN = "+14255550000"
IN_PROGRESS = VOICE_FORM | {"CallStatus": "in-progress"}


@pytest.fixture
def switchboard() -> FakeSwitchboard:
    return FakeSwitchboard()


async def ask(app: Quart, path: str, form: dict[str, str], *, method: str = "POST") -> str:
    """Ask as this machine may where no token is set; the answer must be TwiML."""
    if method == "GET":
        response = await app.test_client().get(path, query_string=form, scope_base=LOOPBACK)
    else:
        response = await app.test_client().post(path, form=form, scope_base=LOOPBACK)
    assert response.status_code == 200
    assert response.mimetype == "text/xml"
    return await text_of(response)


async def text_of(response: Response) -> str:
    text = await response.get_data(as_text=True)
    assert isinstance(text, str)
    return text


# --- answering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_is_connected_while_the_assistant_is_still_on_its_way(
    switchboard: FakeSwitchboard, method: str
) -> None:
    document = await ask(make_app(switchboard), "/voice", VOICE_FORM, method=method)
    assert "<Connect" in document
    assert 'url="ws://localhost/media"' in document
    (facts,) = switchboard.expected
    assert (facts.call_id, facts.caller, facts.called) == (CALL, CALLER, CALLED)
    assert facts.parameters == {"Direction": "inbound"}


async def test_a_second_delivery_gets_the_same_answer_and_starts_nothing_new(switchboard: FakeSwitchboard) -> None:
    app = make_app(switchboard)
    assert await ask(app, "/voice", VOICE_FORM) == await ask(app, "/voice", VOICE_FORM)
    assert len(switchboard.expected) == 1


async def test_public_url_is_what_twilio_is_given(switchboard: FakeSwitchboard) -> None:
    document = await ask(make_app(switchboard, public_url=PUBLIC), "/voice", VOICE_FORM)
    assert 'url="wss://bot.example.com/media"' in document
    assert f'action="{PUBLIC}/voice/after"' in document


async def test_a_full_house_says_so(switchboard: FakeSwitchboard) -> None:
    switchboard.takes, switchboard.full = False, True
    document = await ask(make_app(switchboard), "/voice", VOICE_FORM)
    assert WORDS.busy in document
    assert "<Hangup" in document
    assert "<Connect" not in document


async def test_a_full_house_passes_the_caller_on_where_it_can(switchboard: FakeSwitchboard) -> None:
    switchboard.takes, switchboard.full = False, True
    document = await ask(make_app(switchboard, fallback_number=HUMAN), "/voice", VOICE_FORM)
    assert f"<Number>{HUMAN}</Number>" in document


async def test_a_draining_house_sends_the_caller_to_the_other_one_or_says_a_sentence(
    switchboard: FakeSwitchboard,
) -> None:
    switchboard.takes, switchboard.draining = False, True
    assert WORDS.closing in await ask(make_app(switchboard), "/voice", VOICE_FORM)
    other = make_app(switchboard, drain_redirect_url="https://other.example")
    assert ">https://other.example/voice</Redirect>" in await ask(other, "/voice", VOICE_FORM)


@pytest.mark.parametrize("call_id", ["", "CA 1", "CA\n1", "x" * 65])
async def test_a_call_without_an_id_is_a_bad_request(switchboard: FakeSwitchboard, call_id: str) -> None:
    form = VOICE_FORM | {"CallSid": call_id}
    response = await make_app(switchboard).test_client().post("/voice", form=form, scope_base=LOOPBACK)
    assert response.status_code == 400
    assert not switchboard.expected


@pytest.mark.parametrize("account", ["AC" + "9" * 32, ""])
async def test_another_account_is_refused(switchboard: FakeSwitchboard, account: str) -> None:
    app = make_app(switchboard, twilio_account_sid=ACCOUNT)
    await ask(app, "/voice", VOICE_FORM)
    form = VOICE_FORM | {"AccountSid": account, "CallSid": "CAother"}
    response = await app.test_client().post("/voice", form=form, scope_base=LOOPBACK)
    assert response.status_code == 403
    assert len(switchboard.expected) == 1


# --- the safety net -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.HANGUP, "<Hangup"),
        (Outcome.FAILED, WORDS.sorry),
        (Outcome.LIMIT, WORDS.limit),
        (Outcome.CLOSING, WORDS.closing),
    ],
)
async def test_after_the_stream_the_caller_gets_what_the_call_ended_with(
    switchboard: FakeSwitchboard, outcome: Outcome, words: str
) -> None:
    switchboard.farewells[CALL] = Farewell(outcome)
    document = await ask(make_app(switchboard), "/voice/after", IN_PROGRESS)
    assert words in document
    assert "<Hangup" in document
    assert ("<Say" in document) == (outcome is not Outcome.HANGUP)


async def test_after_a_failure_the_fallback_number_is_dialled(switchboard: FakeSwitchboard) -> None:
    switchboard.farewells[CALL] = Farewell(Outcome.FAILED)
    app = make_app(switchboard, fallback_number=HUMAN)
    document = await ask(app, "/voice/after", IN_PROGRESS)
    assert WORDS.dialling in document
    assert f"<Number>{HUMAN}</Number>" in document
    for status in ("busy", "no-answer", "failed"):
        document = await ask(app, "/voice/after", IN_PROGRESS | {"DialCallStatus": status})
        assert WORDS.nobody in document
        assert "<Dial" not in document
    document = await ask(app, "/voice/after", IN_PROGRESS | {"DialCallStatus": "completed"})
    assert "<Say" not in document


async def test_a_transferred_caller_is_put_through(switchboard: FakeSwitchboard) -> None:
    switchboard.farewells[CALL] = Farewell(Outcome.TRANSFER, HUMAN, words=WORDS.transfer)
    document = await ask(make_app(switchboard), "/voice/after", IN_PROGRESS)
    assert WORDS.transfer in document
    assert f"<Number>{HUMAN}</Number>" in document
    assert 'action="http://localhost/voice/after?transfer=1"' in document


async def test_a_caller_whom_nobody_answers_comes_back_to_the_assistant(switchboard: FakeSwitchboard) -> None:
    app = make_app(switchboard)
    for status in ("busy", "no-answer", "failed"):
        document = await ask(app, "/voice/after?transfer=1", IN_PROGRESS | {"DialCallStatus": status})
        assert WORDS.back in document
        assert "<Stream" in document
    document = await ask(app, "/voice/after?transfer=1", IN_PROGRESS | {"DialCallStatus": "completed"})
    assert "<Hangup" in document
    switchboard.takes = False
    document = await ask(app, "/voice/after?transfer=1", IN_PROGRESS | {"DialCallStatus": "busy"})
    assert WORDS.busy in document


async def test_what_a_softphone_asks_to_dial_is_dialled_only_from_the_list(switchboard: FakeSwitchboard) -> None:
    app = make_app(switchboard, dial_allowed=HUMAN, caller_id=CALLED)
    from_client = VOICE_FORM | {"From": "client:anna"}
    document = await ask(app, "/voice", from_client | {"To": HUMAN})
    assert f'callerId="{CALLED}"' in document
    assert f"<Number>{HUMAN}</Number>" in document
    assert not switchboard.expected
    for elsewhere in ("+19005550100", HUMAN + "0", "", f" {HUMAN}"):
        assert "<Stream" in await ask(app, "/voice", from_client | {"To": elsewhere})
    assert "<Stream" in await ask(app, "/voice", VOICE_FORM | {"CallSid": "CA5", "To": HUMAN})


async def test_a_closing_house_hands_its_callers_over(switchboard: FakeSwitchboard) -> None:
    switchboard.farewells[CALL] = Farewell(Outcome.CLOSING)
    app = make_app(switchboard, drain_redirect_url="https://other.example")
    assert ">https://other.example/voice</Redirect>" in await ask(app, "/voice/after", IN_PROGRESS)


async def test_a_caller_cut_off_by_a_restart_is_connected_again_once(switchboard: FakeSwitchboard) -> None:
    app = make_app(switchboard)
    document = await ask(app, "/voice/after", IN_PROGRESS)
    assert WORDS.again in document
    (action,) = re.findall(r'action="http://localhost([^"]+)"', document)
    assert [facts.call_id for facts in switchboard.expected] == [CALL]
    document = await ask(app, action, IN_PROGRESS)
    assert WORDS.sorry in document
    assert "<Connect" not in document


async def test_a_caller_cut_off_while_there_is_no_room_hears_that(switchboard: FakeSwitchboard) -> None:
    switchboard.takes, switchboard.full = False, True
    assert WORDS.busy in await ask(make_app(switchboard), "/voice/after", IN_PROGRESS)


async def test_nobody_is_spoken_to_once_the_call_is_over(switchboard: FakeSwitchboard) -> None:
    switchboard.farewells[CALL] = Farewell(Outcome.FAILED)
    document = await ask(make_app(switchboard), "/voice/after", VOICE_FORM | {"CallStatus": "completed"})
    assert document.endswith("<Response />")
    assert switchboard.over == [CALL]


async def test_when_twilio_cannot_use_our_answer_the_caller_hears_an_apology(switchboard: FakeSwitchboard) -> None:
    registry = CollectorRegistry()
    app = make_app(switchboard, registry)
    form = IN_PROGRESS | {"ErrorCode": "11200", "ErrorUrl": f"{PUBLIC}/voice"}
    assert WORDS.sorry in await ask(app, "/voice/fallback", form)
    assert registry.get_sample_value("voicebot_fallbacks_total", {"code": "11200"}) == 1


async def test_an_unexpected_error_is_spoken_and_not_a_500(
    switchboard: FakeSwitchboard, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    switchboard.fault = ZeroDivisionError("oops")
    assert WORDS.sorry in await ask(make_app(switchboard, registry), "/voice", VOICE_FORM)
    assert registry.get_sample_value("voicebot_webhook_errors_total") == 1
    assert f"call={CALL}" in caplog.text
    assert "oops" in caplog.text
    assert "oops" not in WORDS.sorry


# --- status callbacks -----------------------------------------------------------------------------------------------


async def test_the_end_of_a_call_is_passed_on(switchboard: FakeSwitchboard) -> None:
    client = make_app(switchboard).test_client()
    for status in ("ringing", "in-progress", "completed"):
        form = VOICE_FORM | {"CallStatus": status}
        response = await client.post("/voice/status", form=form, scope_base=LOOPBACK)
        assert response.status_code == 204
    assert switchboard.over == [CALL]


async def test_a_stream_error_is_logged_and_counted(
    switchboard: FakeSwitchboard, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    client = make_app(switchboard, registry).test_client()
    for error, event in (("31920 handshake", "stream-error"), ("odd", "stream-error"), ("", "stream-stopped")):
        form = VOICE_FORM | {"StreamEvent": event, "StreamError": error}
        assert (await client.post("/voice/stream-status", form=form, scope_base=LOOPBACK)).status_code == 204
    assert registry.get_sample_value("voicebot_stream_errors_total", {"code": "31920"}) == 1
    assert registry.get_sample_value("voicebot_stream_errors_total", {"code": "unknown"}) == 1
    assert f"call={CALL} Twilio reports a stream error: 31920" in caplog.text


async def test_no_phone_number_reaches_the_log(
    switchboard: FakeSwitchboard, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        app = make_app(switchboard, fallback_number=HUMAN)
        for path in ("/voice", "/voice/after", "/voice/fallback", "/voice/status", "/voice/stream-status"):
            await app.test_client().post(path, form=IN_PROGRESS, scope_base=LOOPBACK)
    assert "from ***23 to ***99" in caplog.text
    for number in (CALLER, CALLED, HUMAN):
        assert number[1:] not in caplog.text


# --- who may ask ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/voice", "/voice/after?again=1", "/voice/fallback", "/voice/status", "/voice/stream-status"]
)
@pytest.mark.parametrize("token", [TOKEN, OLD_TOKEN])
async def test_what_twilio_signed_is_taken_from_anywhere(switchboard: FakeSwitchboard, path: str, token: str) -> None:
    app = make_app(switchboard, public_url=PUBLIC, twilio_auth_token=TOKEN, twilio_auth_token_secondary=OLD_TOKEN)
    headers = signed(PUBLIC + path, VOICE_FORM, token) | {"X-Forwarded-For": "54.1.2.3"}
    response = await app.test_client().post(path, form=VOICE_FORM, headers=headers, scope_base=OUTSIDE)
    assert response.status_code in (200, 204)


@pytest.mark.parametrize("where", [LOOPBACK, OUTSIDE])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "forged"},
        signed(f"{PUBLIC}/voice", VOICE_FORM, "x" * 32),
    ],
)
async def test_with_a_token_nothing_unsigned_comes_in_not_even_from_here(
    switchboard: FakeSwitchboard, where: dict[str, object], headers: dict[str, str]
) -> None:
    registry = CollectorRegistry()
    app = make_app(switchboard, registry, public_url=PUBLIC, twilio_auth_token=TOKEN)
    for path in ("/voice", "/voice/after", "/voice/fallback", "/voice/status", "/voice/stream-status"):
        response = await app.test_client().post(path, form=VOICE_FORM, headers=headers, scope_base=where)
        if path == "/voice" or "X-Twilio-Signature" not in headers:
            assert response.status_code == 403
    assert not switchboard.expected
    assert not switchboard.over


async def test_repeated_fields_and_a_get_are_checked_as_twilio_signs_them(switchboard: FakeSwitchboard) -> None:
    app = make_app(switchboard, public_url=PUBLIC, twilio_auth_token=TOKEN)
    client = app.test_client()
    query = "CallSid=" + CALL + "&From=%2B14255550123&Note=a%20b"
    response = await client.get(f"/voice?{query}", headers=signed(f"{PUBLIC}/voice?{query}"), scope_base=OUTSIDE)
    assert response.status_code == 200
    headers = signed(f"{PUBLIC}/voice", {"CallSid": CALL, "Note": "a"}) | {
        "Content-Type": "application/x-www-form-urlencoded"
    }
    response = await client.post("/voice", data=f"Note=a&CallSid={CALL}&Note=a", headers=headers, scope_base=OUTSIDE)
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/voice", "/bot/voice"])
async def test_behind_a_path_it_does_not_matter_whether_the_proxy_takes_it_off(
    switchboard: FakeSwitchboard, path: str
) -> None:
    app = make_app(switchboard, public_url="https://example.com/bot", twilio_auth_token=TOKEN)
    headers = signed("https://example.com/bot/voice", VOICE_FORM)
    response = await app.test_client().post(path, form=VOICE_FORM, headers=headers, scope_base=OUTSIDE)
    assert response.status_code == 200
    assert 'url="wss://example.com/bot/media"' in await text_of(response)


async def test_too_large_a_body_is_refused(switchboard: FakeSwitchboard) -> None:
    form = VOICE_FORM | {"Note": "x" * 70_000}
    response = await make_app(switchboard).test_client().post("/voice", form=form, scope_base=LOOPBACK)
    assert response.status_code == 413
