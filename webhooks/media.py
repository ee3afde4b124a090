"""The `/media` socket: who may speak to the bot, and the way from an open socket to a call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from quart import Blueprint, websocket
from quart.wrappers import Websocket

from bot.call.commands import Outcome
from bot.call.events import CallerFacts
from bot.errors import LegClosed, VoicebotError
from bot.masking import mask
from webhooks.bad_input import BadInput
from webhooks.gate import Gate
from webhooks.media_messages import BadMessage, Connected, Start, Stop, Unknown, parse
from webhooks.metrics import Meters
from webhooks.sockets import QuartSocket
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

    async def admit(self, socket: Socket, bad: BadInput) -> tuple[Start, CallerFacts]:
        """Wait for a valid `start`. Raises NotAdmitted, or LegClosed where the peer left first."""
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
            self._tokens.redeem(parameters.pop("token", ""), facts.call_sid)
        except BadToken as bad_token:
            raise NotAdmitted(f"token-{bad_token.kind}") from None
        caller, called = parameters.pop("caller", ""), parameters.pop("called", "")
        bad.call_id = facts.call_sid  # ours: the token was made for it
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
    switchboard: Switchboard, reception: Reception, gate: Gate, meters: Meters, clock: Callable[[], float]
) -> Blueprint:
    """The socket by which Twilio sends and takes the sound of a call."""
    routes = Blueprint("media", __name__)

    @routes.websocket("/media")
    async def media() -> None:
        # The object behind the proxy: the call's other tasks use it too.
        this: Websocket = websocket._get_current_object()  # noqa: SLF001 - Werkzeug's documented way
        gate.check(this)
        await this.accept()
        socket, bad = QuartSocket(this), BadInput(meters)
        try:
            start, facts = await reception.admit(socket, bad)
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


async def _close(socket: Socket) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            await socket.close(POLICY_VIOLATION, "")
    except (LegClosed, TimeoutError):
        log.debug("a refused media stream was gone already")
