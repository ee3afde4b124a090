"""The web application: every route, and what all of them share."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from prometheus_client import CollectorRegistry
from quart import Quart, Response

from bot.settings import Settings
from webhooks.addresses import prefix_of, without_prefix
from webhooks.dialler import Dialler
from webhooks.feed import feed_routes
from webhooks.gate import Gate
from webhooks.health import Others, health_routes
from webhooks.live import live_routes
from webhooks.media import Reception, media_routes
from webhooks.metrics import Meters
from webhooks.outbound import outbound_routes
from webhooks.page_gate import PageGate
from webhooks.pages import page_routes
from webhooks.sign_in import sign_in_routes
from webhooks.sockets import DirectWebsocket, OrderlyConnection
from webhooks.softphone import softphone_routes
from webhooks.switchboard import Switchboard
from webhooks.tokens import StreamTokens
from webhooks.voice import voice_routes
from webhooks.workers.routing import without_tag

LARGEST_BODY = 64 * 1024  # bytes
SLOWEST_BODY = 10  # seconds

_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class VoiceApp(Quart):
    """A Quart application that may live behind the path of PUBLIC_URL, whether the proxy takes it off or not."""

    asgi_websocket_class = OrderlyConnection
    websocket_class = DirectWebsocket
    prefix = ""
    tag = ""  # of a worker, one of several

    async def asgi_app(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Route by the path without our prefix. What was signed, the `raw_path`, stays as it came."""
        if scope["type"] != "lifespan":
            path = without_prefix(scope["path"], self.prefix)
            scope["path"] = without_tag(path) if self.tag else path
        await super().asgi_app(scope, receive, send)


def create_app(
    settings: Settings,
    switchboard: Switchboard,
    *,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
    registry: CollectorRegistry,
    dialler: Dialler | None = None,
    tag: str = "",
    others: Others | None = None,
) -> Quart:
    """Wire the application. Whoever serves it starts and stops the switchboard.

    clock: seconds, never going back; wall_clock: seconds since 1970, for tokens; registry: where metrics go; tag,
    others: where this is one of several workers, what its addresses begin with, and the workers beside it.
    """
    app = VoiceApp(__name__, static_folder=None)
    app.prefix, app.tag = prefix_of(settings.public_url), tag
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config["BODY_TIMEOUT"] = SLOWEST_BODY
    meters = Meters(registry)
    gate = Gate(settings, meters, tag=tag)
    tokens = StreamTokens(settings.auth_tokens, wall_clock=wall_clock, place=tag)
    reception = Reception(tokens, meters, account_sid=settings.twilio_account_sid)
    page_gate = PageGate(settings, meters, wall_clock=wall_clock)
    for routes in (
        voice_routes(settings, switchboard, tokens, gate, meters, dialler),
        *outbound_routes(settings, switchboard, tokens, gate, meters, dialler),
        media_routes(switchboard, reception, gate, meters, clock, page_gate),
        feed_routes(switchboard, gate),
        health_routes(settings, switchboard, registry, others),
        page_routes(settings, page_gate),
        sign_in_routes(settings, page_gate, meters, clock=clock),
        softphone_routes(settings, switchboard, tokens, page_gate, meters, clock=clock),
        live_routes(settings, switchboard, page_gate, meters, registry, clock=clock, wall_clock=wall_clock),
    ):
        app.register_blueprint(routes)
    app.after_request(_with_security_headers)
    if tag:
        app.after_request(_with_an_end)
    return app


async def _with_security_headers(response: Response) -> Response:
    for name, value in _SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _with_an_end(response: Response) -> Response:
    """The next request may be for another worker, and a connection is handed to one only."""
    response.headers["Connection"] = "close"
    return response
