from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from tests.doctor_stand_ins import Authority, always, authority
from webhooks.doctor import tls
from webhooks.doctor.surroundings import Surroundings

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


async def looked(port: int, trusting: Authority, host: str = "localhost") -> tls.Certificate:
    return await tls.look(host, port, Surroundings(tls=trusting.trusting))


async def refused(port: int, trusting: Authority) -> str:
    with pytest.raises(tls.BadTls) as bad:
        await looked(port, trusting)
    assert bad.value.do
    return bad.value.says


async def test_a_good_certificate_is_told_with_its_days(ca: Authority) -> None:
    async with always(OK, tls=ca.serving(days=30.5)) as port:
        found = await looked(port, ca)
    assert 30 < found.days < 31
    assert found.protocol == "TLSv1.3"


async def test_an_expired_certificate_is_refused(ca: Authority) -> None:
    async with always(OK, tls=ca.serving(since=-90, days=-3)) as port:
        assert "has expired" in await refused(port, ca)


async def test_one_that_is_not_valid_yet_is_refused(ca: Authority) -> None:
    async with always(OK, tls=ca.serving(since=2)) as port:
        assert "not valid yet" in await refused(port, ca)


async def test_one_for_another_host_is_refused(ca: Authority) -> None:
    async with always(OK, tls=ca.serving("bot.example.com")) as port:
        assert "not for localhost" in await refused(port, ca)


async def test_one_that_signed_itself_is_refused(ca: Authority) -> None:
    async with always(OK, tls=ca.serving(self_signed=True)) as port:
        assert "self-signed" in await refused(port, ca)


async def test_a_chain_to_an_authority_that_nobody_knows_is_refused(ca: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with always(OK, tls=ca.serving()) as port:
        assert "no authority" in await refused(port, authority(tmp_path / "other"))


async def test_tls_that_is_too_old_is_refused(ca: Authority) -> None:
    old = ca.serving()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with always(OK, tls=old) as port:
        assert "no TLS 1.2 or 1.3" in await refused(port, ca)


async def test_plain_http_where_tls_should_be_is_told(ca: Authority) -> None:
    async with always(OK) as port:
        # Somebody who waits for a whole request answers no handshake: give it up, as Twilio does.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\r\n\r\n")
        assert await reader.read(8) == OK[:8]
        writer.close()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        assert "no TLS" in await refused(server.sockets[0].getsockname()[1], ca)


async def test_nobody_there_is_told(ca: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "takes no connection" in await refused(port, ca)


async def test_somebody_who_says_nothing_is_given_up(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_WITHIN", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert "does not answer" in await refused(mute.getsockname()[1], ca)
