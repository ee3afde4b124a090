"""Whole conversations that the bot begins: it has somebody called, and speaks once they answer. In virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.engine.scripted import ScriptedParts
from bot.simulator import Line
from bot.simulator.addresses import sign
from tests.e2e.house import ACCOUNT, TOKEN, House, conversing, spoken
from tests.e2e.manners import manners, speech
from webhooks.rest import Placing

pytestmark = pytest.mark.virtual_time

SID = "CA" + "7" * 32
KEY = "a key that is long enough for calls out"
OURS, ANN = "+14255550100", "+14255550142"
PERSONAS = """
[personas.others]
default = true
greeting = "Wrong persona."

[personas.reminder]
greeting = "Hello {parameter.name}, your bicycle is ready."
voicemail = "Please call us back."
"""
SETTINGS: dict[str, Any] = {"calls_key": KEY, "dial_prefixes": ("+1425",), "caller_id": OURS}


@dataclass
class Twilio:
    """Twilio's REST, as far as calls out need it; it does nothing, and tells what it was asked."""

    placed: list[Placing] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    async def place(self, placing: Placing) -> str:
        self.placed.append(placing)
        return SID

    async def say(self, call_id: str, document: str) -> None:
        self.said.append(document)

    async def end(self, call_id: str) -> None:
        raise AssertionError("nobody is to be hung up on")


async def order(house: House, to: str = ANN, key: str = KEY) -> tuple[int, dict[str, str]]:
    """`POST /calls`, as whoever uses the bot does."""
    async with aiohttp.ClientSession() as http:
        body = {"to": to, "persona": "reminder", "parameters": {"name": "Ann"}}
        headers = {"Authorization": f"Bearer {key}"}
        async with http.post(house.url + "/calls", json=body, headers=headers) as answer:
            return answer.status, await answer.json()


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


async def test_whoever_is_called_hears_the_persona_that_was_ordered() -> None:
    twilio = Twilio()
    parts = ScriptedParts(heard=["Thank you!"], answers=["You are welcome."])
    async with manners(parts, PERSONAS, rest=twilio, **SETTINGS) as house:
        status, answer = await order(house)
        assert (status, answer["call_id"]) == (202, SID)
        [placing] = twilio.placed
        assert (placing.to, placing.caller_id) == (ANN, OURS)
        assert house.engine.opened == 0  # nothing is paid for before somebody answers
        call = await house.call(
            conversing(speech()), caller=OURS, called=ANN, entrance=path_of(placing.url), call_sid=SID
        )
        assert spoken(call) == ["Hello Ann, your bicycle is ready.", "You are welcome."]
        assert call.requests[0] == "POST /voice/out"


async def test_a_machine_that_answers_is_left_the_message() -> None:
    twilio = Twilio()
    async with manners(personas=PERSONAS, rest=twilio, **SETTINGS) as house:
        await order(house)
        [placing] = twilio.placed

        async def machine(line: Line) -> None:
            await line.until_spoken_to()
            fields = {"CallSid": SID, "AccountSid": ACCOUNT, "AnsweredBy": "machine_end_beep"}
            async with aiohttp.ClientSession() as http:
                headers = sign(TOKEN, placing.machine_url, fields)
                async with http.post(placing.machine_url, data=fields, headers=headers) as answer:
                    assert answer.status == 204
            await line.wait(1)  # Twilio would now speak the document, and close the stream

        await house.call(machine, caller=OURS, called=ANN, entrance=path_of(placing.url), call_sid=SID)
        [document] = twilio.said
        assert "Please call us back." in document


@pytest.mark.parametrize(("to", "key", "status"), [("+4930123456", KEY, 403), (ANN, "wrong", 401)])
async def test_nobody_is_called_who_may_not_be_or_by_whom_may_not(to: str, key: str, status: int) -> None:
    twilio = Twilio()
    async with manners(personas=PERSONAS, rest=twilio, **SETTINGS) as house:
        assert (await order(house, to, key))[0] == status
        assert not twilio.placed
