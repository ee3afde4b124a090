from __future__ import annotations

import logging
import re

import pytest

from bot.call.commands import Farewell, Outcome
from bot.call.events import CallerFacts
from tests.webhooks_stand_ins import ACCOUNT, FakeSwitchboard
from tests.webhooks_visits import SECRET, Visit, cookie_of
from webhooks import softphone, voice_token


async def begin(visit: Visit) -> dict[str, str]:
    answer = await visit.post("/softphone/calls")
    assert answer.status_code == 201
    call: dict[str, str] = await answer.get_json()
    return call


async def test_a_page_begins_a_call_and_is_told_what_it_needs(caplog: pytest.LogCaptureFixture) -> None:
    visit = Visit(here=True, twilio_account_sid=ACCOUNT)
    with caplog.at_level(logging.INFO):
        call = await begin(visit)
    assert re.fullmatch(r"CA[0-9a-f]{32}", call["call_id"])
    assert re.fullmatch(r"MZ[0-9a-f]{32}", call["stream_id"])
    assert call["account"] == ACCOUNT
    assert call["socket"] == "media"
    assert call["token"]
    assert visit.switchboard.expected == [CallerFacts(call["call_id"], "client:softphone", transferable=False)]
    assert visit.answered("page-connected") == 1
    (line,) = [message for message in caplog.messages if call["call_id"] in message]
    assert call["token"] not in line


async def test_without_an_account_the_page_still_has_one_to_name() -> None:
    assert (await begin(Visit(here=True)))["account"] == "AC" + "0" * 32


async def test_each_call_is_another() -> None:
    visit = Visit(here=True)
    first, second = await begin(visit), await begin(visit)
    assert first["call_id"] != second["call_id"]
    assert first["token"] != second["token"]


@pytest.mark.parametrize(
    ("draining", "error", "how", "words"),
    [(False, "busy", "page-full", "lines are busy"), (True, "closing", "page-draining", "restart")],
)
async def test_where_there_is_no_room_the_page_gets_a_sentence(
    draining: bool, error: str, how: str, words: str
) -> None:
    switchboard = FakeSwitchboard()
    switchboard.takes, switchboard.draining = False, draining
    visit = Visit(here=True, switchboard=switchboard)
    answer = await visit.post("/softphone/calls")
    said = await answer.get_json()
    assert (answer.status_code, said["error"]) == (503, error)
    assert words in said["words"]
    assert visit.answered(how) == 1
    assert visit.answered("page-connected") == 0


async def test_a_visitor_cannot_take_every_line_from_those_on_the_phone() -> None:
    now = [0.0]
    visit = Visit(here=True, clock=lambda: now[0])
    for _ in range(softphone.EACH_CALLS.at_once):
        await begin(visit)
    refused = await visit.post("/softphone/calls")
    said = await refused.get_json()
    assert (refused.status_code, said["error"], refused.headers["Retry-After"]) == (429, "too-often", "6")
    assert "Wait 6 s" in said["words"]
    assert len(visit.switchboard.expected) == softphone.EACH_CALLS.at_once
    assert visit.answered("page-too-often") == 1
    now[0] += softphone.EACH_CALLS.seconds
    await begin(visit)


async def test_nor_can_one_by_signing_in_again_and_again() -> None:
    visit = Visit(page_secret=SECRET, clock=lambda: 0.0)
    begun = 0
    for _ in range(4):
        visit.cookie = ""
        await visit.sign_in()
        for _ in range(softphone.EACH_CALLS.at_once):
            begun += (await visit.post("/softphone/calls")).status_code == 201
    assert begun == softphone.TOTAL_CALLS.at_once


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.HANGUP, ""),
        (Outcome.FAILED, "something went wrong"),
        (Outcome.LIMIT, "longest duration"),
        (Outcome.CLOSING, "restart"),
        (Outcome.TRANSFER, "no telephone network"),
        (None, ""),
    ],
)
async def test_afterwards_the_page_is_told_why_in_words(outcome: Outcome | None, words: str) -> None:
    visit = Visit(here=True)
    call_id = (await begin(visit))["call_id"]
    if outcome:
        visit.switchboard.farewells[call_id] = Farewell(outcome)
    answer = await visit.post(f"/softphone/calls/{call_id}/after")
    said = await answer.get_json()
    assert answer.status_code == 200
    assert said["outcome"] == (outcome.value if outcome else "caller")
    assert words in said["words"]
    assert bool(said["words"]) == bool(words)


async def test_a_call_that_its_page_has_left_is_ended() -> None:
    visit = Visit(here=True)
    call_id = (await begin(visit))["call_id"]
    await visit.post(f"/softphone/calls/{call_id}/after")
    assert visit.switchboard.over == [call_id]


async def test_a_page_cannot_end_a_call_that_it_did_not_begin() -> None:
    ann, bob = Visit(page_secret=SECRET), Visit(page_secret=SECRET)
    bob.app = ann.app
    await ann.sign_in()
    await bob.sign_in()
    assert cookie_of(ann) != cookie_of(bob)
    call_id = (await begin(ann))["call_id"]
    for path in (call_id, "CA" + "9" * 32, "x"):
        assert (await bob.post(f"/softphone/calls/{path}/after")).status_code == 404
    assert not ann.switchboard.over
    assert (await ann.post(f"/softphone/calls/{call_id}/after")).status_code == 200


async def test_what_is_remembered_of_who_began_what_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softphone, "MOST_REMEMBERED", 2)
    visit = Visit(here=True)
    calls = [(await begin(visit))["call_id"] for _ in range(3)]
    codes = [(await visit.post(f"/softphone/calls/{call_id}/after")).status_code for call_id in calls]
    assert codes == [404, 200, 200]


async def test_the_page_hears_what_is_missing_for_calls_through_twilio() -> None:
    visit = Visit(here=True)
    ways = await (await visit.get("/softphone/ways")).get_json()
    assert ways["twilio"]["ready"] is False
    assert "TWILIO_API_KEY_SID" in ways["twilio"]["missing"]
    assert ways["twilio"]["script"] == voice_token.SCRIPT
    assert ways["twilio"]["integrity"].startswith("sha384-")
    assert ways["twilio"]["dial"] is False
    assert ways["sign_out"] is False
    refused = await visit.post("/softphone/twilio-token")
    said = await refused.get_json()
    assert (refused.status_code, said) == (409, {"error": "missing", "missing": ways["twilio"]["missing"]})


async def test_where_nothing_is_missing_the_page_gets_a_token_for_twilio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_token, "missing", lambda settings: [])
    visit = Visit(
        page_secret=SECRET,
        twilio_account_sid=ACCOUNT,
        twilio_api_key_sid="SK" + "4" * 32,
        twilio_api_key_secret="hush" * 8,
        twilio_twiml_app_sid="AP" + "5" * 32,
        dial_allowed="+14255550100",
    )
    await visit.sign_in()
    ways = await (await visit.get("/softphone/ways")).get_json()
    assert (ways["twilio"]["ready"], ways["twilio"]["dial"], ways["sign_out"]) == (True, True, True)
    given = await (await visit.post("/softphone/twilio-token")).get_json()
    assert given["token"].count(".") == 2
    assert re.fullmatch(r"softphone_[0-9a-f]+", given["identity"])
    assert given["seconds"] == 3600
    assert (await visit.get("/softphone/twilio-token")).status_code == 405


@pytest.mark.parametrize("path", ["/softphone/calls", "/softphone/calls/CA1/after", "/softphone/twilio-token"])
async def test_nobody_calls_without_a_sign_in(path: str) -> None:
    visit = Visit(page_secret=SECRET)
    assert (await visit.post(path)).status_code == 401
    assert not visit.switchboard.expected
    assert not visit.switchboard.over
