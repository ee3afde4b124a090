"""A load balancer before the bot: it ends TLS, says who asked, and carries HTTP, events and sockets."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from multidict import CIMultiDict

ASKER = "203.0.113.9"
"""Who asks, as the balancer says; an address for documentation."""

_OF_ONE_HOP = {
    *(
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
    ),
    *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-accept"),
}


class LoadBalancer:
    """Carries requests to `target`, an address without a slash at its end. more: headers that it adds to each."""

    def __init__(self, target: str, http: aiohttp.ClientSession, more: dict[str, str], scheme: str) -> None:
        self._target = target
        self._http = http
        self._more = more
        self._scheme = scheme

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request, a socket's handshake among them."""
        headers = _without_hop(request.headers)
        headers["X-Forwarded-For"] = ASKER
        headers["X-Forwarded-Proto"] = self._scheme
        headers["X-Forwarded-Host"] = request.host
        headers.update(self._more)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, headers)
        address = self._target + request.raw_path
        body = await request.read()
        async with self._http.request(
            request.method, address, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=_without_hop(answer.headers))
            if "Content-Length" in answer.headers:
                response.content_length = int(answer.headers["Content-Length"])
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

    async def _socket(self, request: web.Request, headers: CIMultiDict[str]) -> web.StreamResponse:
        address = self._target.replace("http", "ws", 1) + request.raw_path
        try:
            far = await self._http.ws_connect(address, headers=headers, autoping=False)
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status)
        near = web.WebSocketResponse(autoping=False)
        await near.prepare(request)
        async with asyncio.TaskGroup() as relays:
            relays.create_task(_relay(near, far))
            relays.create_task(_relay(far, near))
        return near


type _Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _relay(one: _Socket, other: _Socket) -> None:
    """Carry what `one` sends to `other`, its farewell too."""
    try:
        while True:
            message = await one.receive()
            match message.type:
                case WSMsgType.TEXT:
                    await other.send_str(message.data)
                case WSMsgType.BINARY:
                    await other.send_bytes(message.data)
                case WSMsgType.PING:
                    await other.ping(message.data)
                case WSMsgType.PONG:
                    await other.pong(message.data)
                case WSMsgType.CLOSE:
                    await other.close(code=message.data, message=(message.extra or "").encode())
                    return
                case _:
                    await other.close(code=one.close_code or 1011)
                    return
    except ConnectionError:
        await other.close()


def _without_hop(headers: object) -> CIMultiDict[str]:
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():  # type: ignore[attr-defined]  # aiohttp's multidicts have no common type
        if name.lower() not in _OF_ONE_HOP:
            kept.add(name, value)
    return kept


def certificate(folder: Path) -> ssl.SSLContext:
    """A context with a certificate of its own making, good for an hour and for nobody but these tests."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")), x509.DNSName("bot.example")]
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "tests.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@asynccontextmanager
async def load_balancer(
    target: str, *, name: str = "bot.example", tls: bool = True, more: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """A load balancer before the bot at `target`; gives its address, without a slash at its end.

    name: by which the browser asks for it. more: headers that it adds.
    """
    scheme = "https" if tls else "http"
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as http:
        balancer = LoadBalancer(target, http, dict(more or {}), scheme)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", balancer.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        try:
            with tempfile.TemporaryDirectory() as folder:
                context = certificate(Path(folder)) if tls else None
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            port: int = runner.addresses[0][1]
            yield f"{scheme}://{name}:{port}"
        finally:
            await runner.cleanup()
