from __future__ import annotations

import json

import pytest

from bot.call.reports import AssistantWords, State, StateChanged
from bot.feed import Feed
from tests.webhooks_stand_ins import CALL, LOOPBACK, OUTSIDE, PUBLIC, TOKEN, FakeSwitchboard, make_app, signed

PATH = f"/calls/{CALL}/events"


@pytest.fixture
def switchboard() -> FakeSwitchboard:
    board = FakeSwitchboard()
    feed = board.feeds[CALL] = Feed()
    feed.add(StateChanged(State.CONNECTING), 0.0)
    feed.add(AssistantWords("item_1", heard="Hello!", unheard="How…"), 1.23456)
    feed.close()
    return board


async def test_a_call_is_told_line_by_line_to_its_end(switchboard: FakeSwitchboard) -> None:
    response = await make_app(switchboard).test_client().get(PATH, scope_base=LOOPBACK)
    assert response.mimetype == "application/x-ndjson"
    lines = (await response.get_data(as_text=True)).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"at": 0.0, "type": "StateChanged", "state": "connecting", "message": ""},
        {"at": 1.235, "type": "AssistantWords", "item_id": "item_1", "heard": "Hello!", "unheard": "How…"},
    ]


async def test_an_unknown_call_is_not_found(switchboard: FakeSwitchboard) -> None:
    response = await make_app(switchboard).test_client().get("/calls/CA9/events", scope_base=LOOPBACK)
    assert response.status_code == 404


async def test_what_is_said_is_shown_to_the_holder_of_the_token_only(switchboard: FakeSwitchboard) -> None:
    client = make_app(switchboard, public_url=PUBLIC, twilio_auth_token=TOKEN).test_client()
    assert (await client.get(PATH, scope_base=LOOPBACK)).status_code == 403
    assert (await client.get(PATH, headers=signed(PUBLIC + PATH), scope_base=OUTSIDE)).status_code == 200
    other = signed(f"{PUBLIC}/calls/CA9/events")
    assert (await client.get(PATH, headers=other, scope_base=OUTSIDE)).status_code == 403
