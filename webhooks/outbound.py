"""Calls out: `POST /calls` for whoever holds the key, and the webhooks of such calls for Twilio."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec
from quart import Blueprint, Response, abort, g, request

from bot.settings import Settings
from webhooks.bearer import shows
from webhooks.dial_rules import Answer, refusal
from webhooks.dialler import Dialler, Order
from webhooks.gate import Gate
from webhooks.metrics import Meters
from webhooks.switchboard import Switchboard
from webhooks.tokens import StreamTokens
from webhooks.voice import VoiceDesk, xml
from webhooks.voice_request import VoiceRequest

log = logging.getLogger(__name__)


def outbound_routes(
    settings: Settings,
    switchboard: Switchboard,
    tokens: StreamTokens,
    gate: Gate,
    meters: Meters,
    dialler: Dialler | None,
) -> Sequence[Blueprint]:
    """Both sides of calls out. dialler: None without CALLS_KEY; then everything here is 404."""
    orders = _orders(settings, meters, dialler)
    if dialler is None:
        return [orders]
    desk = VoiceDesk(settings, switchboard, tokens, gate, meters, dialler)
    return [orders, _webhooks(switchboard, desk, meters, dialler)]


def _orders(settings: Settings, meters: Meters, dialler: Dialler | None) -> Blueprint:
    routes = Blueprint("orders", __name__)
    key = settings.calls_key.get_secret_value()

    def admitted() -> Dialler:
        if dialler is None:
            abort(404)
        if not shows(request.headers.get("Authorization", ""), key):
            meters.refusals.labels("calls-key").inc()
            log.warning("refused %s %.80r: it does not show CALLS_KEY", request.method, request.path)
            abort(_json(refusal(401, "key", "Authorization should be: Bearer, and CALLS_KEY.")))
        return dialler

    @routes.post("/calls")
    async def place() -> Response:
        answer = await _placed(admitted())
        meters.dials.labels(answer.how).inc()
        return _json(answer)

    @routes.get("/calls/<call_id>")
    async def look(call_id: str) -> Response:
        placed = admitted().calls.find(call_id)
        if placed is None:
            return _json(refusal(404, "unknown", "No such call was placed here."))
        body = {"call_id": call_id, "steps": placed.steps, "over": placed.over}
        return Response(msgspec.json.encode(body), mimetype="application/json")

    return routes


async def _placed(dialler: Dialler) -> Answer:
    try:
        order = msgspec.json.decode(await request.get_data(), type=Order)
    except (msgspec.DecodeError, UnicodeDecodeError):
        form = '{"to": "+14255550100", "persona": "NAME", "parameters": {}}'
        return refusal(400, "body", f"The body should be JSON such as {form}; `parameters` may be left out.")
    return await dialler.place(order, request.headers.get("Idempotency-Key", ""))


def _json(answer: Answer) -> Response:
    response = Response(msgspec.json.encode(answer.body), status=answer.status, mimetype="application/json")
    if answer.retry_after:
        response.headers["Retry-After"] = str(answer.retry_after)
    if answer.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _webhooks(switchboard: Switchboard, desk: VoiceDesk, meters: Meters, dialler: Dialler) -> Blueprint:
    routes = Blueprint("outbound", __name__)
    routes.before_request(desk.admit)
    routes.register_error_handler(Exception, desk.rescue)

    @routes.route("/voice/out", methods=["GET", "POST"])
    async def out() -> Response:
        call: VoiceRequest = g.call
        if call.call_id:
            dialler.calls.call(call.call_id).step("answered")
        return xml(desk.out(call, dialler.persona(call.carried.persona, call.facts)))

    @routes.route("/voice/out/status", methods=["GET", "POST"])
    async def status() -> Response:
        call: VoiceRequest = g.call
        if ended := dialler.status(call):
            meters.dialled.labels(ended).inc()
            switchboard.ended(call.call_id)
        return xml("")

    @routes.route("/voice/out/answered-by", methods=["GET", "POST"])
    async def answered_by() -> Response:
        meters.answered_by.labels(await dialler.answered_by(g.call)).inc()
        return xml("")

    return routes
