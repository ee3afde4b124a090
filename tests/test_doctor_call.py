"""The doctor's own call, to whole bots on real sockets."""

from __future__ import annotations

import asyncio

from bot.engine.faults import Faults
from bot.settings import Settings
from tests.doctor_stand_ins import always, house_behind_a_proxy, notes, statuses, the, without_upgrade
from tests.e2e.house import ACCOUNT, TOKEN, House, open_house
from tests.webhooks_stand_ins import settings
from webhooks.doctor import call
from webhooks.doctor.findings import HeardFrom, Notes, Status
from webhooks.doctor.local_server import Answers, LocalServer
from webhooks.doctor.surroundings import Surroundings

NOWHERE = LocalServer("http://127.0.0.1:9", Answers.NOBODY)


def at(house: House) -> LocalServer:
    return LocalServer(house.url, Answers.A_BOT)


def reached_by(url: str, **more: object) -> Settings:
    return settings(**({"public_url": url, "twilio_auth_token": TOKEN, "twilio_account_sid": ACCOUNT} | more))


async def called(those: Settings, local: LocalServer) -> tuple[HeardFrom, Notes]:
    found = notes()
    return await call.examine(those, local, Surroundings(), found), found


async def test_the_assistant_is_heard_and_hears_and_the_call_is_over() -> None:
    async with open_house() as house:
        heard, found = await called(reached_by(house.url), at(house))
        await over(house)
        assert len(house.engine.records) == 1, "one session, and no more"
    assert heard is HeardFrom.RUNNING
    assert the(found, "heard").status is Status.OK
    assert the(found, "heard").seconds is not None
    assert the(found, "speech").status is Status.OK
    assert "the bot at" in the(found, "server").says


async def over(house: House) -> None:
    """Wait until the bot holds no call any more."""
    async with asyncio.timeout(5):
        while house.metric("voicebot_calls_live"):  # noqa: ASYNC110 - a gauge has no event
            await asyncio.sleep(0.01)
    assert house.metric("voicebot_calls_ended_total", outcome="caller") == 1


async def test_the_bot_here_is_known_behind_a_public_address() -> None:
    async with house_behind_a_proxy() as house:
        heard, found = await called(house.settings, at(house))
        await over(house)
    assert heard is HeardFrom.RUNNING
    assert "this very bot" in the(found, "server").says
    assert "through PUBLIC_URL" in the(found, "heard").says


async def test_another_bot_with_the_same_token_is_told_apart() -> None:
    async with house_behind_a_proxy() as public, open_house(public_url=public.settings.public_url) as here:
        heard, found = await called(public.settings, at(here))
    assert heard is HeardFrom.RUNNING
    assert the(found, "server").status is Status.WARN
    assert "another bot with the same Twilio token" in the(found, "server").says


async def test_a_bot_here_with_other_settings_is_told() -> None:
    async with house_behind_a_proxy() as public, open_house(twilio_auth_token="another") as here:
        heard, found = await called(public.settings, at(here))
    assert heard is HeardFrom.RUNNING
    assert "other settings" in the(found, "server").says


async def test_a_bot_that_runs_elsewhere_is_said_to() -> None:
    async with open_house() as house:
        heard, found = await called(reached_by(house.url), NOWHERE)
    assert heard is HeardFrom.RUNNING
    assert "does not run here" in the(found, "server").says


async def test_without_a_public_address_the_bot_here_is_called_unsigned() -> None:
    async with open_house(public_url="", twilio_auth_token="", twilio_account_sid="") as house:
        heard, found = await called(settings(), at(house))
    assert heard is HeardFrom.RUNNING
    assert "through the bot here" in the(found, "heard").says


async def test_a_bot_with_another_token_takes_no_call() -> None:
    async with open_house() as house:
        heard, found = await called(reached_by(house.url, twilio_auth_token="another"), at(house))
    assert heard is HeardFrom.NOBODY
    assert the(found, "way").status is Status.FAIL
    assert "TWILIO_AUTH_TOKEN, TWILIO_ACCOUNT_SID and PUBLIC_URL" in the(found, "way").do


async def test_nobody_at_the_public_address_is_told_with_how_to_start() -> None:
    async with open_house() as house:
        gone = house.url
    heard, found = await called(reached_by(gone), NOWHERE)
    assert heard is HeardFrom.NOBODY
    assert "voicebot serve" in the(found, "way").do


async def test_another_server_at_the_public_address_takes_no_call() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
    async with always(page) as port:
        heard, found = await called(reached_by(f"http://127.0.0.1:{port}"), NOWHERE)
    assert heard is HeardFrom.NOBODY
    assert "text/xml" in the(found, "way").says


async def test_a_proxy_that_drops_the_upgrade_keeps_the_assistant_unheard() -> None:
    async with house_behind_a_proxy(head=without_upgrade) as house:
        heard, found = await called(house.settings, at(house))
    assert heard is HeardFrom.NOBODY
    assert the(found, "heard").status is Status.FAIL
    assert "31920" in the(found, "heard").says
    assert "address.websocket" in the(found, "heard").do


async def test_a_bot_that_drains_is_told_in_its_own_words() -> None:
    async with open_house() as house:
        house.switchboard.drain()
        heard, found = await called(reached_by(house.url), at(house))
    assert heard is HeardFrom.NOBODY
    assert "the bot had Twilio say" in the(found, "heard").says


async def test_a_bot_that_gets_no_session_is_not_heard() -> None:
    async with open_house(faults=Faults(refuse_status=401)) as house:
        heard, found = await called(reached_by(house.url), at(house))
    assert heard is HeardFrom.NOBODY
    assert the(found, "heard").status is Status.FAIL
    assert "voice-live" in the(found, "heard").do


async def test_offline_no_call_is_made_that_needs_azure() -> None:
    found = notes()
    those = settings(azure_voice_live_endpoint="https://voice.example.com")
    heard = await call.examine(those, NOWHERE, Surroundings(offline=True), found)
    assert heard is HeardFrom.NOBODY
    assert statuses(found) == {"way": Status.SKIP}
