"""What Twilio says of an account: its real client, against a local stand-in of the endpoints that are asked."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from bot.settings import Settings
from tests.doctor_stand_ins import notes, statuses, the
from tests.twilio_rest_stand_in import Loopback, in_a_thread
from tests.webhooks_stand_ins import ACCOUNT, OLD_TOKEN, PUBLIC, TOKEN, settings
from webhooks.doctor import twilio_account
from webhooks.doctor.findings import Notes, Status
from webhooks.doctor.surroundings import Surroundings

KEY, KEY_SECRET = "SK" + "4" * 32, "secret of the key of these tests"
APP = "AP" + "5" * 32
OTHER_APP = "AP" + "6" * 32
VOICE = f"{PUBLIC}/voice"
GOOD = {
    "voice_url": f"{VOICE}#rc=2&rp=all",
    "voice_fallback_url": f"{VOICE}/fallback",
    "status_callback": f"{VOICE}/status",
}


def number(digits: str = "+14255550101", **fields: object) -> dict[str, Any]:
    """A number as Twilio describes it, to which nothing points."""
    usual = {
        "sid": "PN" + "7" * 32,
        "phone_number": digits,
        "voice_url": "",
        "voice_method": "POST",
        "voice_fallback_url": "",
        "status_callback": "",
        "voice_application_sid": None,
        "trunk_sid": None,
        "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
    }
    return usual | fields


@dataclass
class Twilio:
    """An account. refusals: status of HTTP by the end of a path; ahead: seconds by which its clock is ahead."""

    status: str = "active"
    kind: str = "Full"
    balance: str = "20.5"
    numbers: list[dict[str, Any]] = field(default_factory=lambda: [number(**GOOD)])
    domains: list[dict[str, Any]] = field(default_factory=list)
    applications: dict[str, str] = field(default_factory=lambda: {APP: VOICE})
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    refusals: dict[str, int] = field(default_factory=dict)
    ahead: float = 0.0
    raw: str = ""
    url: str = ""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        assert request.method == "GET", "nothing is changed"
        self.asked.append(request.path)
        headers = {"Date": formatdate(time.time() + self.ahead, usegmt=True)}
        credentials = request.headers.get("Authorization", "").removeprefix("Basic ")
        user, _, secret = base64.b64decode(credentials).decode().partition(":")
        known = (user == ACCOUNT and secret in self.tokens) or (user, secret) == (KEY, KEY_SECRET)
        path = request.path.removeprefix("/2010-04-01/Accounts/").removeprefix(ACCOUNT).removesuffix(".json")
        status = 401 if not known else self.refusals.get(path, 0)
        if status:
            code = 20003 if status == 401 else status
            refused = {"code": code, "status": status, "message": f"no: {secret}"}
            return web.json_response(refused, status=status, headers=headers)
        if self.raw:
            return web.Response(text=self.raw, headers=headers)
        return web.json_response(self._about(path), headers=headers)

    def _about(self, path: str) -> dict[str, Any]:
        match path.split("/"):
            case [""]:
                return {"sid": ACCOUNT, "status": self.status, "type": self.kind, "auth_token": TOKEN}
            case ["", "Balance"]:
                return {"account_sid": ACCOUNT, "balance": self.balance, "currency": "USD"}
            case ["", "IncomingPhoneNumbers"]:
                return self._page("incoming_phone_numbers", self.numbers)
            case ["", "SIP", "Domains"]:
                return self._page("domains", self.domains)
            case ["", "Applications"]:
                return self._page("applications", [])
            case ["", "Applications", sid]:
                return {"sid": sid, "voice_url": self.applications[sid], "voice_method": "POST"} | {
                    "voice_fallback_url": f"{VOICE}/fallback",
                    "status_callback": f"{VOICE}/status",
                }
        raise AssertionError(path)

    def _page(self, name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        return {name: items, "next_page_uri": None, "page": 0, "page_size": 100, "uri": "/", "first_page_uri": "/"}

    @contextmanager
    def answering(self) -> Iterator[Twilio]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        with in_a_thread(app) as self.url:
            yield self


def ours(**more: object) -> Settings:
    return settings(**({"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "public_url": PUBLIC} | more))


async def examined(twilio: Twilio, those: Settings | None = None, around: Surroundings | None = None) -> Notes:
    found = notes()
    with twilio.answering():
        around = around or Surroundings(twilio_http=lambda: Loopback(twilio.url))
        await twilio_account.examine(those or ours(), around, found)
    shown = repr(found.found)
    assert not any(secret in shown for secret in (TOKEN, OLD_TOKEN, KEY_SECRET, "+14255550101"))
    return found


def says(found: Notes, check: str) -> str:
    return " ".join(each.says for each in found.found if each.check == check)


async def test_an_account_whose_number_leads_here_is_well() -> None:
    found = await examined(Twilio())
    assert statuses(found) == {"account": Status.OK, "balance": Status.OK, "number": Status.OK}
    assert "***01 leads here" in says(found, "number")
    assert the(found, "balance").says == "20.50 USD"


async def test_a_token_that_is_refused_is_told_without_it() -> None:
    found = await examined(Twilio(tokens={"another"}))
    assert statuses(found) == {"account": Status.FAIL}
    assert "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN" in the(found, "account").do


async def test_a_promoted_second_token_is_told() -> None:
    found = await examined(Twilio(tokens={OLD_TOKEN}), ours(twilio_auth_token_secondary=OLD_TOKEN))
    assert statuses(found)["account"] is Status.OK
    assert the(found, "token").status is Status.WARN


@pytest.mark.parametrize("status", ["suspended", "closed"])
async def test_an_account_that_is_not_active_takes_no_call(status: str) -> None:
    found = await examined(Twilio(status=status))
    assert the(found, "account").status is Status.FAIL
    assert status in the(found, "account").says


async def test_the_limits_of_a_trial_are_put_into_words() -> None:
    found = await examined(Twilio(kind="Trial"))
    assert the(found, "account").status is Status.FAIL, "it opens no stream, so that a call would not work"
    for words in ("verified", "5 calls", "<Stream>"):
        assert words in the(found, "account").says


async def test_no_variable_sends_the_credentials_to_anybody_but_twilio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "evil.example/?")
    monkeypatch.setenv("TWILIO_REGION", "evil.example#")
    found = await examined(Twilio())  # whose client asserts that only Twilio is asked
    assert the(found, "account").status is Status.OK


async def test_a_low_balance_is_told() -> None:
    assert the(await examined(Twilio(balance="0.4")), "balance").status is Status.WARN


async def test_a_number_in_a_trunk_is_a_trap() -> None:
    found = await examined(Twilio(numbers=[number(**GOOD, trunk_sid="TK" + "8" * 32)]))
    assert [each.status for each in found.found if each.check == "number"] == [Status.WARN, Status.FAIL]
    assert "trunk" in says(found, "number")


async def test_a_number_with_an_application_goes_where_that_leads() -> None:
    elsewhere = number(**GOOD, voice_application_sid=OTHER_APP)
    found = await examined(
        Twilio(numbers=[elsewhere], applications={OTHER_APP: "https://elsewhere.example.com/voice"})
    )
    assert [each.status for each in found.found if each.check == "number"] == [Status.WARN, Status.FAIL]
    assert "TwiML application" in says(found, "number")
    found = await examined(Twilio(numbers=[number(voice_application_sid=OTHER_APP)], applications={OTHER_APP: VOICE}))
    assert statuses(found)["number"] is Status.OK
    assert "by a TwiML application" in says(found, "number")


async def test_a_number_that_leads_to_an_older_address_is_named() -> None:
    found = await examined(Twilio(numbers=[number(voice_url="https://old.example.com/voice?key=value")]))
    assert the(found, "number").status is Status.FAIL
    assert "***01 leads to https://old.example.com/voice" in the(found, "number").says
    assert "value" not in the(found, "number").says
    assert "voicebot twilio connect" in the(found, "number").do


async def test_an_account_without_numbers_is_told() -> None:
    assert "no number" in the(await examined(Twilio(numbers=[])), "number").says


async def test_a_number_without_fallback_or_status_is_told() -> None:
    bare = GOOD | {"voice_fallback_url": ""}
    assert "without our fallback" in the(await examined(Twilio(numbers=[number(**bare)])), "number").says
    silent = GOOD | {"status_callback": ""}
    assert "does not report" in the(await examined(Twilio(numbers=[number(**silent)])), "number").says


async def test_a_sip_domain_that_leads_here_will_do() -> None:
    domain = {"sid": "SD" + "9" * 32, "domain_name": "acme.sip.twilio.com", "voice_url": VOICE}
    found = await examined(Twilio(numbers=[], domains=[domain]))
    assert statuses(found)["domain"] is Status.OK
    assert "number" not in statuses(found)


SOFTPHONE = {"twilio_api_key_sid": KEY, "twilio_api_key_secret": KEY_SECRET, "twilio_twiml_app_sid": APP}


async def test_the_softphones_key_and_application_are_tried() -> None:
    found = await examined(Twilio(), ours(**SOFTPHONE))
    told = [(each.status, each.says) for each in found.found if each.check == "softphone"]
    assert told == [(Status.OK, "Twilio takes the API key"), (Status.OK, "its TwiML application leads here")]


async def test_a_wrong_key_and_an_application_that_leads_elsewhere_are_told() -> None:
    elsewhere = Twilio(applications={APP: "https://old.example.com/voice"})
    found = await examined(elsewhere, ours(**(SOFTPHONE | {"twilio_api_key_secret": "wrong"})))
    told = [each.status for each in found.found if each.check == "softphone"]
    assert told == [Status.WARN, Status.WARN]


async def test_half_a_softphone_is_told() -> None:
    found = await examined(Twilio(), ours(twilio_api_key_sid=KEY))
    assert "TWILIO_API_KEY_SECRET is missing" in the(found, "softphone").says


async def test_where_only_the_softphone_leads_here_it_is_said() -> None:
    found = await examined(Twilio(numbers=[number()]), ours(**SOFTPHONE))
    assert the(found, "number").status is Status.WARN


async def test_what_could_not_be_asked_is_told_and_the_rest_is_looked_at() -> None:
    found = await examined(Twilio(refusals={"/Balance": 403, "/SIP/Domains": 503}))
    assert statuses(found)["balance"] is Status.WARN
    assert statuses(found)["domains"] is Status.WARN
    assert statuses(found)["number"] is Status.OK


async def test_what_is_not_twilio_is_told() -> None:
    found = await examined(Twilio(raw="<html>hotel wireless</html>"))
    assert statuses(found) == {"account": Status.FAIL}
    assert "not Twilio" in the(found, "account").says


async def test_twilio_that_cannot_be_reached_is_told() -> None:
    found = notes()
    around = Surroundings(twilio_http=lambda: Loopback("http://127.0.0.1:9"))
    await twilio_account.examine(ours(), around, found)
    assert "cannot be reached" in the(found, "account").says


async def test_twilios_clock_is_noted() -> None:
    twilio = Twilio(ahead=-600)
    with twilio.answering():
        around = Surroundings(twilio_http=lambda: Loopback(twilio.url))
        await twilio_account.examine(ours(), around, notes())
    assert {dated.who for dated in around.dates.seen} == {"Twilio"}
    assert all(590 < dated.ours - dated.theirs < 610 for dated in around.dates.seen)


async def test_nobody_is_asked_offline_or_without_an_account() -> None:
    twilio = Twilio()
    assert statuses(await examined(twilio, settings())) == {"account": Status.SKIP}
    assert statuses(await examined(twilio, settings(twilio_account_sid=ACCOUNT))) == {"account": Status.WARN}
    assert statuses(await examined(twilio, ours(), Surroundings(offline=True))) == {"account": Status.SKIP}
    assert twilio.asked == []


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://bot.example.com/voice", True),
        ("https://BOT.example.com:443/voice#rc=2", True),
        ("https://bot.example.com/voice/", True),
        ("http://bot.example.com/voice", False),
        ("https://bot.example.com/voice?x=1", False),
        ("https://bot.example.com/Voice", False),
        ("https://bot.example.com.evil.example/voice", False),
        ("", False),
    ],
)
def test_which_addresses_lead_here(url: str, here: bool) -> None:
    assert twilio_account.leads_here(url, ours()) is here
