"""What happens in one call, as it happens: `GET /calls/<CallSid>/events`, one JSON object a line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from quart import Blueprint, Response, abort, request

from bot.feed import Entry
from webhooks.gate import Gate
from webhooks.switchboard import Switchboard

_CONTENT_TYPE = "application/x-ndjson"


def feed_routes(switchboard: Switchboard, gate: Gate) -> Blueprint:
    """The feed, for whoever may call the webhooks: it shows what is said on the phone."""
    routes = Blueprint("feed", __name__)

    @routes.get("/calls/<call_id>/events")
    async def events(call_id: str) -> Response:
        gate.check(request)
        reports = switchboard.follow(call_id)
        if reports is None:
            abort(404)
        response = Response(_lines(reports), content_type=_CONTENT_TYPE)
        response.timeout = None  # as long as the call
        return response

    return routes


async def _lines(reports: AsyncIterator[Entry]) -> AsyncIterator[bytes]:
    try:
        async for entry in reports:
            yield line(entry) + b"\n"
    finally:
        close = getattr(reports, "aclose", None)
        if close is not None:
            await close()


def line(entry: Entry) -> bytes:
    """One report as JSON, without a line's end."""
    fields = msgspec.to_builtins(entry.report)
    return msgspec.json.encode({"at": round(entry.at, 3), "type": type(entry.report).__name__} | fields)
