"""PUBLIC_URL: its name, its certificate, what answers there and how soon, and whether WebSockets get through."""

from __future__ import annotations

import ipaddress
import socket
import statistics
from urllib.parse import urlsplit

import aiohttp

from bot.loopback import is_loopback
from bot.settings import Settings
from bot.simulator.addresses import sign
from webhooks.addresses import Addresses
from webhooks.doctor import tls
from webhooks.doctor.findings import Notes
from webhooks.doctor.instead import Answer, explained, no_upgrade
from webhooks.doctor.local_server import beginning, is_a_bot
from webhooks.doctor.surroundings import Surroundings, in_thread

_TIMES = aiohttp.ClientTimeout(total=10, sock_connect=5)
_PROBES = 5
_SLOW = 0.5  # seconds for a round trip; each is silence for the caller
_SOON = 14  # days
_TROUBLE = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


async def examine(settings: Settings, around: Surroundings, notes: Notes) -> None:
    """Go the way that Twilio goes, as far as the door."""
    if not settings.public_url:
        notes.skip(
            "name", "there is no PUBLIC_URL: only this machine reaches the bot", "docs/deploy.md, docs/twilio.md"
        )
        return
    parts = urlsplit(settings.public_url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    here = is_loopback(host)
    if around.offline and not here:
        notes.skip("name", "PUBLIC_URL was not tried (--offline)")
        return
    if not here and not settings.auth_tokens:
        notes.fail(
            "token",
            "there is no TWILIO_AUTH_TOKEN, so the bot refuses every call that comes by PUBLIC_URL",
            "Copy it from the home page of the Twilio Console into `.env`.",
        )
    if not await _name(host, settings, here, notes):
        return
    if secure and not await _certificate(host, parts.port or 443, around, notes):
        return
    connector = aiohttp.TCPConnector(ssl=around.tls() if secure else True)
    traces = aiohttp.TraceConfig()
    traces.on_request_redirect.append(_stay)
    async with aiohttp.ClientSession(timeout=_TIMES, connector=connector, trace_configs=[traces]) as http:
        if secure and parts.port is None:
            await _plain_http(http, host, parts.path, notes)
        if await _health(http, settings.public_url, around, notes):
            await _upgrade(http, settings, around, notes)


async def _name(host: str, settings: Settings, here: bool, notes: Notes) -> bool:
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):  # the latter where it could not be one
        notes.fail(
            "name", f"{host} is no name that is known", "Correct PUBLIC_URL; a tunnel has a new name at each start."
        )
        return False
    addresses = {str(entry[4][0]).partition("%")[0] for entry in found}
    if here:
        if settings.twilio_account_sid and settings.auth_tokens:
            notes.warn(
                "name",
                "PUBLIC_URL is this machine, which Twilio cannot call",
                "Set it to the tunnel's or the app's address.",
            )
        else:
            notes.ok("name", "PUBLIC_URL is this machine: for trying out")
    elif not any(ipaddress.ip_address(address).is_global for address in addresses):
        notes.warn(
            "name",
            f"{host} leads to {', '.join(sorted(addresses))} from here, which is no public address",
            "See that it leads to a public one from outside; Twilio cannot call a private one.",
        )
    else:
        notes.ok("name", f"{host} leads to {', '.join(sorted(addresses))}")
    return True


async def _certificate(host: str, port: int, around: Surroundings, notes: Notes) -> bool:
    try:
        found = await tls.look(host, port, around)
    except tls.BadTls as bad:
        notes.fail("tls", bad.says, bad.do)
        return False
    says = f"{found.protocol.replace('v', ' ')}, and a certificate for {host} that is good for {found.days:.0f} days"
    if found.days < _SOON:
        notes.warn("tls", says, "Renew it soon, or see that whatever renews it does.")
    else:
        notes.ok("tls", says)
    return True


async def _plain_http(http: aiohttp.ClientSession, host: str, path: str, notes: Notes) -> None:
    """Where somebody writes http, they should end at https, or nowhere."""
    try:
        async with http.get(f"http://{host}{path}/health", allow_redirects=False) as answer:
            to, status = answer.headers.get("Location", ""), answer.status
    except _TROUBLE:
        notes.ok("http", "plain HTTP is closed")
        return
    if 300 <= status < 400 and to.startswith("https://"):
        notes.ok("http", "plain HTTP leads to HTTPS")
    elif status == 200:
        notes.warn(
            "http", "the bot answers plain HTTP too", "Have the proxy redirect to HTTPS (App Service: HTTPS only)."
        )
    else:
        notes.ok("http", f"plain HTTP brings nothing (HTTP {status})")


async def _health(http: aiohttp.ClientSession, url: str, around: Surroundings, notes: Notes) -> bool:
    took = []
    try:
        for _ in range(_PROBES):
            began = around.clock()
            # ngrok shows browsers a page first, and takes us for one without this.
            headers = {"ngrok-skip-browser-warning": "1"}
            async with http.get(f"{url}/health", allow_redirects=False, headers=headers) as answer:
                body = await beginning(answer)
            took.append(around.clock() - began)
            around.dates.note("PUBLIC_URL", answer.headers.get("Date"))
            if not is_a_bot(answer.status, body):
                says, do = explained(Answer(answer.status, answer.headers, body.decode("utf-8", "replace")))
                notes.fail("health", f"at PUBLIC_URL {says}", do)
                return False
    except _TROUBLE as error:
        notes.fail(
            "health",
            f"nobody answers at PUBLIC_URL ({type(error).__name__})",
            "Start the bot with `voicebot serve` and the proxy or the tunnel, or correct PUBLIC_URL.",
        )
        return False
    usual = statistics.median(took[1:])  # the first one opens the connection
    if usual > _SLOW:
        notes.warn(
            "health",
            "a bot answers, but slowly",
            "Put the bot nearer to Twilio's edge; each round trip is heard.",
            seconds=usual,
        )
    else:
        notes.ok("health", "a bot answers", seconds=usual)
    return True


async def _stay(_session: object, _context: object, led: aiohttp.TraceRequestRedirectParams) -> None:
    """Follow nobody elsewhere: aiohttp's WebSocket client would, and Twilio does not."""
    answer = led.response
    raise aiohttp.WSServerHandshakeError(
        answer.request_info, answer.history, status=answer.status, headers=answer.headers
    )


async def _upgrade(http: aiohttp.ClientSession, settings: Settings, around: Surroundings, notes: Notes) -> None:
    """Open the media socket as Twilio does, signed, and close it before it has cost anything."""
    address = Addresses(settings.public_url).socket("/media")
    headers = sign(next(iter(settings.auth_tokens), ""), address, {})
    began = around.clock()
    try:
        async with http.ws_connect(address, headers=headers, timeout=aiohttp.ClientWSTimeout(ws_close=2)):
            took = around.clock() - began
    except aiohttp.WSServerHandshakeError as refused:
        if refused.status == 101:
            says, do = (
                "the proxy's answer to the upgrade is no WebSocket's",
                "Have it pass the Sec-WebSocket headers on.",
            )
        else:
            says, do = no_upgrade(Answer(refused.status, refused.headers or {}))
        notes.fail("websocket", says, do)
    except _TROUBLE as error:
        notes.fail(
            "websocket",
            f"/media broke off at the upgrade ({type(error).__name__})",
            "Have the proxy pass WebSockets on (nginx: `proxy_http_version 1.1` and the Upgrade headers).",
        )
    else:
        notes.ok("websocket", "the upgrade gets through (101), signed as Twilio signs it", seconds=took)
