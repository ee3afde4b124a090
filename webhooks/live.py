"""The live view: every call at a glance, one call as it happens, and the operator's hand on it.

Those who watch must not cost the calls anything: a viewer takes what has changed at most four times a second, a
row is encoded once for all of them, and there are only so many viewers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge
from quart import Blueprint, Response, request
from quart.wrappers.base import BaseRequestWebsocket

from bot.masking import mask
from bot.settings import Settings
from webhooks.live_streams import EncodedRows, board_events, call_events, number
from webhooks.metrics import Meters
from webhooks.page_gate import Visitor
from webhooks.sse import LONGEST, OPENING, Sleep, stream
from webhooks.switchboard import Switchboard

log = logging.getLogger(__name__)

MOST_VIEWERS = 64  # streams at once, of boards and of single calls together

_ENDED_ROWS = 64  # rows kept encoded beyond those of the running calls


class Door(Protocol):
    """Decides who may see the pages, as `webhooks.page_gate.PageGate` does."""

    def require(self, request: BaseRequestWebsocket) -> Visitor:
        """Who asks. Aborts the request where that is nobody who may."""
        ...


class LiveMeters:
    """What is counted of those who watch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.viewers = Gauge("voicebot_viewers", "Streams of the live view that are open.", registry=registry)
        self.actions = Counter(
            "voicebot_operator_actions",
            "What operators did in the live view.",
            ["action"],
            registry=registry,
        )


class Transfer(msgspec.Struct):
    """What is posted for a transfer. to: as it stands in DIAL_ALLOWED."""

    to: str


class Viewers:
    """Counts the streams that are open, and lets no more in than there is room for."""

    def __init__(self, meters: Meters, live_meters: LiveMeters, *, most: int, clock: Callable[[], float]) -> None:
        self.open = 0
        self._clock = clock
        self._meters = meters
        self._live = live_meters
        self._most = most

    def admit(self) -> Response | None:
        """The refusal where there is no room; None where there is."""
        if self.open < self._most:
            return None
        self._meters.refusals.labels("viewers").inc()
        log.warning("refused %s: %d streams are open", request.path, self.open)
        return _words(503, f"{self._most} live views are open already. Close one; this one tries again by itself.")

    async def watch(self, body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Send `body` for as long as one stream may last. The browser then comes back, and is let in anew."""
        if self.open >= self._most:  # others came in since `admit`
            return
        self.open += 1
        self._live.viewers.set(self.open)
        until = self._clock() + LONGEST
        try:
            yield OPENING
            async for chunk in body:
                yield chunk
                if self._clock() > until:
                    return
        finally:
            await body.aclose()
            self.open -= 1
            self._live.viewers.set(self.open)


class Operator:
    """What an operator may do to a call."""

    def __init__(self, settings: Settings, switchboard: Switchboard, live_meters: LiveMeters) -> None:
        self._allowed = settings.dial_allowed
        self._switchboard = switchboard
        self._meters = live_meters

    def hang_up(self, call_id: str, visitor: Visitor) -> Response:
        """End the call."""
        if not self._switchboard.hang_up(call_id):
            return _words(404, _OVER)
        log.info("call=%s %s hung up", call_id, visitor.kind)
        return self._done("hang_up")

    def transfer(self, call_id: str, order: Transfer, visitor: Visitor) -> Response:
        """Hand the caller to a number that the settings allow, and to no other."""
        if order.to not in self._allowed:
            self._meters.actions.labels("transfer_refused").inc()
            log.warning("call=%s %s may not transfer to %s", call_id, visitor.kind, mask(order.to))
            return _words(403, "That number is not in DIAL_ALLOWED, so no call is transferred to it.")
        if not any(row.call_id == call_id and not row.over for row in self._switchboard.board.changes(0)):
            return _words(404, _OVER)
        if not self._switchboard.transfer(call_id, order.to):
            return _words(409, "This call cannot be transferred: there is no telephone network behind it.")
        log.info("call=%s %s transferred it to %s", call_id, visitor.kind, mask(order.to))
        return self._done("transfer")

    def _done(self, action: str) -> Response:
        self._meters.actions.labels(action).inc()
        return Response(b"{}", 202, mimetype="application/json")


_OVER = "This call is over, or it runs on another instance."


def live_routes(
    settings: Settings,
    switchboard: Switchboard,
    door: Door,
    meters: Meters,
    registry: CollectorRegistry,
    *,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
    sleep: Sleep = asyncio.sleep,
    most_viewers: int = MOST_VIEWERS,
) -> Blueprint:
    """The streams and the operator's actions under `/calls`, for whoever the door lets in."""
    routes = Blueprint("live", __name__)
    live_meters = LiveMeters(registry)
    viewers = Viewers(meters, live_meters, most=most_viewers, clock=clock)
    operator = Operator(settings, switchboard, live_meters)
    rows = EncodedRows(switchboard.board, settings.max_calls + _ENDED_ROWS)

    def watched(body: AsyncGenerator[bytes]) -> Response:
        if request.method == "HEAD":
            return _json(405, {"words": "A stream can only be had by GET."})
        return viewers.admit() or stream(viewers.watch(body))

    @routes.get("/calls/live")
    async def board() -> Response:
        door.require(request)
        return watched(board_events(switchboard.board, rows, _last_seen(), wall_clock=wall_clock, sleep=sleep))

    @routes.get("/calls/<call_id>/live")
    async def call(call_id: str) -> Response:
        door.require(request)
        elapsed = switchboard.elapsed(call_id)
        entries = switchboard.follow(call_id, number(_last_seen()))
        if elapsed is None or entries is None:
            return _words(404, "This call is not known here. It may be long over, or run on another instance.")
        return watched(call_events(entries, elapsed, sleep=sleep))

    @routes.get("/calls/options")
    async def options() -> Response:
        visitor = door.require(request)
        return _json(200, {"transfer_to": settings.dial_allowed, "sign_out": visitor.kind != "loopback"})

    @routes.post("/calls/<call_id>/hang-up")
    async def hang_up(call_id: str) -> Response:
        return operator.hang_up(call_id, door.require(request))

    @routes.post("/calls/<call_id>/transfer")
    async def transfer(call_id: str) -> Response:
        visitor = door.require(request)
        if request.mimetype != "application/json":
            return _words(415, "This takes JSON.")
        try:
            order = msgspec.json.decode(await request.get_data(), type=Transfer)
        except msgspec.DecodeError:
            return _words(400, 'This takes {"to": "+14255550100"}.')
        return operator.transfer(call_id, order, visitor)

    return routes


def _last_seen() -> str:
    """The id of the last event that this browser got: it says so itself, or the page does after a longer break."""
    return request.headers.get("Last-Event-ID") or request.args.get("after", "")


def _json(status: int, content: object) -> Response:
    return Response(msgspec.json.encode(content), status, mimetype="application/json")


def _words(status: int, words: str) -> Response:
    return _json(status, {"words": words})
