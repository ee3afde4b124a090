"""The `/media` socket: who may speak to the bot, and the way from an open socket to a call.

Two come here with the same protocol: Twilio, or our simulator in its place, and our own pages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from quart import Blueprint, websocket

from bot.call.commands import Outcome
from bot.call.events import CallerFacts
from bot.errors import LegClosed, VoicebotError
from bot.masking import mask
from webhooks.bad_input import BadInput
from webhooks.gate import SIGNATURE, Gate
from webhooks.media_messages import BadMessage, Connected, Start, Stop, Unknown, parse
from webhooks.metrics import Meters
from webhooks.page_gate import PageGate
from webhooks.sockets import DirectWebsocket, QuartSocket
from webhooks.softphone import page_facts
from webhooks.stream import MediaStream, Socket
from webhooks.switchboard import Switchboard
from webhooks.tokens import BadToken, StreamTokens
from webhooks.voice_request import clean

log = logging.getLogger(__name__)

START_SECONDS = 5.0
POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1


class NotAdmitted(Exception):
    """The socket did not begin as a stream of ours does. kind: one word for the metric."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


class Reception:
    """Waits for a socket's `start` and judges it, before anything that costs money begins."""

    def __init__(
        self,
        tokens: StreamTokens,
        meters: Meters,
        *,
        account_sid: str = "",
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._tokens = tokens
        self._meters = meters
        self._account_sid = account_sid
        self._start_seconds = start_seconds

    async def admit(self, socket: Socket, bad: BadInput, *, bound_to: str = "") -> tuple[Start, CallerFacts]:
        """Wait for a valid `start`. Raises NotAdmitted, or LegClosed where the peer left first.

        bound_to: the visitor whose page has opened the socket, empty for Twilio. What a page says of itself is not
        listened to.
        """
        try:
            async with asyncio.timeout(self._start_seconds):
                start = await self._first_start(socket, bad)
        except TimeoutError:
            raise NotAdmitted("no-start") from None
        facts = start.start
        if not start.stream:
            raise NotAdmitted("no-stream-id")
        if self._account_sid and facts.account_sid != self._account_sid:
            raise NotAdmitted("account")
        if not facts.media_format.telephone:
            raise NotAdmitted("media-format")
        parameters = {clean(name): clean(value) for name, value in facts.custom_parameters.items()}
        try:
            self._tokens.redeem(parameters.pop("token", ""), facts.call_sid, bound_to=bound_to)
        except BadToken as bad_token:
            raise NotAdmitted(f"token-{bad_token.kind}") from None
        bad.call_id = facts.call_sid  # ours: the token was made for it
        if bound_to:
            return start, page_facts(facts.call_sid)
        caller, called = parameters.pop("caller", ""), parameters.pop("called", "")
        return start, CallerFacts(facts.call_sid, caller, called, parameters)

    async def _first_start(self, socket: Socket, bad: BadInput) -> Start:
        while not bad.too_much:
            try:
                message = parse(await socket.receive())
                if isinstance(message, Start):
                    return message
                if isinstance(message, Stop):
                    raise NotAdmitted("stopped")
                if not isinstance(message, Connected | Unknown):
                    raise BadMessage("before-start")
            except BadMessage as problem:
                bad.take(problem.kind)
            else:
                bad.good()
        raise NotAdmitted("nonsense")


def media_routes(
    switchboard: Switchboard,
    reception: Reception,
    gate: Gate,
    meters: Meters,
    clock: Callable[[], float],
    page_gate: PageGate | None = None,
) -> Blueprint:
    """The socket by which Twilio, or a page, sends and takes the sound of a call.

    page_gate: who may come as a page; None: nobody may.
    """
    routes = Blueprint("media", __name__)

    @routes.websocket("/media")
    async def media() -> None:
        # The object behind the proxy: the call's other tasks use it too.
        this = cast(DirectWebsocket, websocket._get_current_object())  # noqa: SLF001 - Werkzeug's documented way
        visitor = _judge(this, gate, page_gate)
        await this.accept()
        socket, bad = QuartSocket(this), BadInput(meters)
        try:
            start, facts = await reception.admit(socket, bad, bound_to=visitor)
        except NotAdmitted as refusal:
            meters.refusals.labels(refusal.kind).inc()
            log.warning("closed a media stream that may not come in: %s", refusal.kind)
            await _close(socket)
            return
        except LegClosed:
            log.info("a media stream left before it began")
            return
        leg = MediaStream(socket, start, facts, meters, bad, clock=clock)
        log.info("call=%s stream began, %s to %s", facts.call_id, mask(facts.caller), mask(facts.called))
        try:
            await switchboard.answer(facts, leg)
        except VoicebotError as error:
            log.error("call=%s cannot be held: %s", facts.call_id, error)
        except Exception:
            log.exception("call=%s ended in an unexpected error", facts.call_id)
        finally:
            await leg.close(Outcome.FAILED)  # does nothing where the call has let the caller go itself
            log.info("call=%s stream ended: %s", facts.call_id, leg.summary())

    return routes


def _judge(socket: DirectWebsocket, gate: Gate, page_gate: PageGate | None) -> str:
    """The visitor whose page opens the socket, or empty for Twilio. Aborts the handshake where it is neither.

    A browser says which page sent it and cannot sign; Twilio signs and has no page, and our simulator does neither.
    So nobody gets a second chance: a page that may not come in is not tried as Twilio, nor a bad signature as a page.
    """
    if page_gate is not None and "Origin" in socket.headers and SIGNATURE not in socket.headers:
        return page_gate.require(socket).name
    gate.check(socket)
    return ""


async def _close(socket: Socket) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            await socket.close(POLICY_VIOLATION, "")
    except (LegClosed, TimeoutError):
        log.debug("a refused media stream was gone already")
