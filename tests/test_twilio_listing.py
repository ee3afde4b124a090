"""`voicebot twilio numbers`, as a person and as a program runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twilio_console_stand_in import FALLBACK, STATUS, VOICE, ConsoleStandIn, console
from tests.webhooks_stand_ins import ACCOUNT, PUBLIC

TRUNK = "TK" + "1" * 32


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConsoleStandIn]:
    with console(monkeypatch, tmp_path) as stand_in:
        yield stand_in


@pytest.fixture
def several(twilio: ConsoleStandIn) -> ConsoleStandIn:
    application = twilio.application("Bot", voice_url=VOICE, voice_method="POST")
    twilio.number("+14255550100", voice_url=VOICE, voice_fallback_url=FALLBACK, status_callback=STATUS)
    twilio.number("+14255550101", voice_url="https://me:hidden@old.example/v", friendly_name="Sales")
    twilio.number("+14255550102", voice_url=VOICE, trunk_sid=TRUNK)
    twilio.number("+14255550103", voice_application_sid=application["sid"])
    twilio.number("+14255550104")
    twilio.number("+14255550105", capabilities={"voice": False})
    twilio.domain("acme.sip.twilio.com", voice_url=f"{PUBLIC}/voice")
    return twilio


def test_each_number_is_listed_with_what_answers_it(several: ConsoleStandIn) -> None:
    result = several.run("numbers")
    assert result.exit_code == 0
    blocks = dict(zip(result.stdout.splitlines()[::2], result.stdout.splitlines()[1::2], strict=True))
    assert blocks == {
        "+14255550100  (425) 555-0100  <- this bot": f"  POST {VOICE}",
        "+14255550101  Sales": "  POST https://***@old.example/v",
        "+14255550102  (425) 555-0102": f"  trunk {TRUNK}; its webhook is ignored",
        "+14255550103  (425) 555-0103  <- this bot": (
            f"  application AP{1:032x}, which asks POST {VOICE}; the number's own webhook is ignored"
        ),
        "+14255550104  (425) 555-0104": "  nothing",
        "+14255550105  (425) 555-0105": "  takes no calls",
        "acme.sip.twilio.com  <- this bot": f"  POST {PUBLIC}/voice",
    }
    assert several.writes == []


def test_a_program_gets_the_same_as_json(several: ConsoleStandIn) -> None:
    result = several.run("numbers", "--json")
    listing = json.loads(result.stdout)
    assert (listing["account"], listing["public_url"]) == (ACCOUNT, PUBLIC)
    answered = {one["name"]: (one["answered_by"], one["this_bot"]) for one in listing["numbers"]}
    assert answered == {
        "+14255550100": ("webhook", True),
        "+14255550101": ("webhook", False),
        "+14255550102": ("trunk", False),
        "+14255550103": ("application", True),
        "+14255550104": ("nothing", False),
        "+14255550105": ("nothing", False),
    }
    assert listing["numbers"][2]["trunk"] == TRUNK
    assert [one["this_bot"] for one in listing["sip_domains"]] == [True]
    assert "hidden" not in result.stdout


def test_without_a_public_url_the_numbers_are_listed_all_the_same(
    several: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PUBLIC_URL")
    result = several.run("numbers")
    assert result.exit_code == 0
    assert "<- this bot" not in result.stdout
    assert "PUBLIC_URL is not set" in result.stdout


def test_an_account_without_numbers_is_told_where_to_buy_one(twilio: ConsoleStandIn) -> None:
    assert "Buy one in the Console" in twilio.run("numbers").stdout


def test_applications_are_asked_for_only_where_a_number_has_one(twilio: ConsoleStandIn) -> None:
    twilio.number("+14255550100")
    twilio.run("numbers")
    assert [request.path for request in twilio.asked] == ["IncomingPhoneNumbers", "SIP/Domains"]
