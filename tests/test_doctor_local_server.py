from __future__ import annotations

import socket

from tests.doctor_stand_ins import always, notes, statuses, the
from tests.e2e.house import open_house
from tests.webhooks_stand_ins import settings
from webhooks.doctor.findings import Status
from webhooks.doctor.local_server import Answers, examine, url_of


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def test_a_bot_that_runs_is_found_and_asked_whether_it_is_ready() -> None:
    found = notes()
    async with open_house() as house:
        local = await examine(settings(port=port_of(house.url)), found)
    assert local.answers is Answers.A_BOT
    assert statuses(found) == {"port": Status.OK, "ready": Status.OK}


async def test_a_bot_that_drains_takes_no_call() -> None:
    found = notes()
    async with open_house() as house:
        house.switchboard.drain()
        await examine(settings(port=port_of(house.url)), found)
    assert the(found, "ready").status is Status.FAIL
    assert "draining" in the(found, "ready").says


async def test_another_program_on_the_port_is_told() -> None:
    found = notes()
    async with always(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as port:
        local = await examine(settings(port=port), found)
    assert local.answers is Answers.ANOTHER
    assert "PORT" in the(found, "port").do


async def test_a_program_that_speaks_no_http_is_another_too() -> None:
    found = notes()
    async with always(b"SSH-2.0-OpenSSH\r\n") as port:
        assert (await examine(settings(port=port), found)).answers is Answers.ANOTHER


async def test_a_port_that_is_free_is_told_with_how_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = notes()
    assert (await examine(settings(port=port), found)).answers is Answers.NOBODY
    assert the(found, "port").status is Status.OK
    assert "voicebot serve" in the(found, "port").says


async def test_an_address_that_is_not_of_this_machine_cannot_be_listened_on() -> None:
    found = notes()
    await examine(settings(host="no-such-host.invalid", port=8123), found)
    assert the(found, "port").status is Status.FAIL
    assert "HOST" in the(found, "port").do


async def test_any_port_is_nobodys() -> None:
    found = notes()
    await examine(settings(port=0), found)
    assert statuses(found) == {"port": Status.SKIP}


def test_where_a_bot_is_reached_that_listens_to_all() -> None:
    assert url_of(settings(host="0.0.0.0", port=1)) == "http://127.0.0.1:1"  # noqa: S104 - not bound
    assert url_of(settings(host="::", port=1)) == "http://[::1]:1"
    assert url_of(settings(host="10.0.0.1", port=1)) == "http://10.0.0.1:1"
