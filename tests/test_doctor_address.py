"""The way to PUBLIC_URL: a whole bot behind proxies that do their work, or do not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.settings import Settings
from tests.doctor_stand_ins import (
    always,
    authority,
    house_behind_a_proxy,
    notes,
    port_of,
    relay,
    statuses,
    the,
    without_upgrade,
)
from tests.e2e.house import ACCOUNT, TOKEN, open_house
from tests.webhooks_stand_ins import settings
from webhooks.doctor import address
from webhooks.doctor.findings import Notes, Status
from webhooks.doctor.surroundings import Surroundings


def reached_by(url: str, token: str = TOKEN) -> Settings:
    return settings(public_url=url, twilio_auth_token=token, twilio_account_sid=ACCOUNT)


async def examined(those: Settings, around: Surroundings | None = None) -> Notes:
    found = notes()
    await address.examine(those, around or Surroundings(), found)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


async def test_the_way_to_a_bot_behind_tls_is_open_and_measured(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    around = Surroundings(tls=ca.trusting)
    async with house_behind_a_proxy(tls=ca.serving()) as house:
        found = await examined(house.settings, around)
        assert house.metric("voicebot_calls_live") == 0
        assert house.engine.records == [], "and no session was opened"
    told = statuses(found)
    assert told | {"name": Status.WARN} == {
        "name": Status.WARN,
        "tls": Status.OK,
        "health": Status.OK,
        "websocket": Status.OK,
    }
    assert the(found, "health").seconds is not None
    assert the(found, "websocket").seconds is not None
    assert {dated.who for dated in around.dates.seen} == {"PUBLIC_URL"}


async def test_a_proxy_that_drops_the_upgrade_is_told_how_to_pass_it_on() -> None:
    async with house_behind_a_proxy(head=without_upgrade) as house:
        found = await examined(house.settings)
    assert the(found, "health").status is Status.OK
    assert the(found, "websocket").status is Status.FAIL
    assert "plain request" in the(found, "websocket").says
    assert "proxy_set_header Upgrade" in the(found, "websocket").do


async def test_a_bot_with_another_token_refuses_the_socket() -> None:
    async with open_house() as house:
        found = await examined(reached_by(house.url, token="of another account"))
    assert the(found, "websocket").status is Status.FAIL
    assert "TWILIO_AUTH_TOKEN" in the(found, "websocket").do


async def test_a_proxy_without_a_bot_behind_it_is_told() -> None:
    async with relay(free_port()) as proxy:
        found = await examined(reached_by(f"http://127.0.0.1:{proxy}"))
    assert the(found, "health").status is Status.FAIL
    assert "nginx" in the(found, "health").says
    assert "voicebot serve" in the(found, "health").do
    assert "websocket" not in statuses(found)


async def test_another_server_is_not_taken_for_the_bot() -> None:
    async with always(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome") as port:
        found = await examined(reached_by(f"http://127.0.0.1:{port}"))
    assert "something else" in the(found, "health").says


async def test_nobody_there_is_told() -> None:
    found = await examined(reached_by(f"http://127.0.0.1:{free_port()}"))
    assert "nobody answers" in the(found, "health").says


async def test_a_bad_certificate_ends_the_way(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    async with open_house() as house, relay(port_of(house), tls=ca.serving(since=-90, days=-1)) as port:
        found = await examined(reached_by(f"https://localhost:{port}"), Surroundings(tls=ca.trusting))
    assert the(found, "tls").status is Status.FAIL
    assert "expired" in the(found, "tls").says
    assert "health" not in statuses(found)


async def test_a_certificate_that_ends_soon_is_told(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    async with open_house() as house, relay(port_of(house), tls=ca.serving(days=3)) as port:
        found = await examined(reached_by(f"https://localhost:{port}"), Surroundings(tls=ca.trusting))
    assert the(found, "tls").status is Status.WARN


async def test_a_name_that_nobody_knows_is_told() -> None:
    found = await examined(reached_by("https://no-such-host.invalid"))
    assert statuses(found) == {"name": Status.FAIL}


async def test_a_private_address_cannot_be_called_by_twilio(monkeypatch: pytest.MonkeyPatch) -> None:
    found = notes()
    where = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: where)
    those = reached_by("https://bot.example.com")
    assert await address._name("bot.example.com", those, False, found)
    assert the(found, "name").status is Status.WARN
    assert "10.1.2.3" in the(found, "name").says


async def test_loopback_with_a_twilio_account_is_told() -> None:
    async with open_house() as house:
        found = await examined(reached_by(house.url))
    assert the(found, "name").status is Status.WARN


async def test_a_public_address_without_a_token_takes_no_call() -> None:
    found = await examined(settings(public_url="https://no-such-host.invalid"))
    assert the(found, "token").status is Status.FAIL


async def test_without_a_public_address_or_offline_nothing_is_tried() -> None:
    assert statuses(await examined(settings())) == {"name": Status.SKIP}
    offline = Surroundings(offline=True)
    assert statuses(await examined(reached_by("https://no-such-host.invalid"), offline)) == {"name": Status.SKIP}


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (
            b"HTTP/1.1 301 Moved\r\nLocation: https://bot/health\r\nContent-Length: 0\r\n\r\n",
            Status.OK,
            "leads to HTTPS",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Status.WARN, "plain HTTP too"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Status.OK, "HTTP 404"),
        (b"nonsense\r\n\r\n", Status.OK, "closed"),
    ],
)
async def test_plain_http_should_lead_to_https(answer: bytes, status: Status, says: str) -> None:
    found = notes()
    async with always(answer) as port, aiohttp.ClientSession() as http:
        await address._plain_http(http, f"127.0.0.1:{port}", "", found)
    assert the(found, "http").status is status
    assert says in the(found, "http").says


@pytest.mark.parametrize("host", ["a..b.example.com", "a" * 70 + ".example.com"])
async def test_a_name_that_can_be_none_is_told(host: str) -> None:
    found = await examined(reached_by(f"https://{host}"))
    assert the(found, "name").status is Status.FAIL
    assert "no name that is known" in the(found, "name").says


async def test_a_socket_that_is_led_elsewhere_is_not_followed() -> None:
    async with open_house() as house, _leading_the_socket_to(house.url) as proxy:
        found = await examined(reached_by(f"http://127.0.0.1:{proxy}"))
    assert the(found, "health").status is Status.OK
    assert the(found, "websocket").status is Status.FAIL
    assert "leads elsewhere (HTTP 307)" in the(found, "websocket").says


async def test_an_answer_in_pieces_is_read_to_its_end() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while await reader.readuntil(b"\r\n\r\n"):
                for piece in (b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"sta', b'tus":"alive"}'):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.05)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        found = await examined(reached_by(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert the(found, "health").status is Status.OK


@asynccontextmanager
async def _leading_the_socket_to(url: str) -> AsyncIterator[int]:
    """A proxy that answers `/health` itself, and sends the media socket to where a bot is."""

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def media(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{url}/media"})

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_get("/media", media)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
