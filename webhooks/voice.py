"""The voice webhooks: answer a call, and catch the caller whenever the stream is over."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from quart import Blueprint, Response, abort, g, request
from werkzeug.exceptions import HTTPException

from bot.call.commands import Outcome
from bot.call.events import CallerFacts
from bot.masking import mask
from bot.persona import Persona, Sentences
from bot.settings import Settings
from webhooks.carried import Carried
from webhooks.dialler import Dialler
from webhooks.gate import Gate
from webhooks.metrics import Meters
from webhooks.switchboard import Switchboard
from webhooks.tokens import StreamTokens
from webhooks.twiml import Documents
from webhooks.voice_request import VoiceRequest, read

log = logging.getLogger(__name__)


# What the assistant is told when a caller comes back to it.
_AGAIN = "The line was cut off for a moment, and the caller has been told so. Go on where you were, in one sentence."
_BACK = (
    "The transfer was not answered. The caller has been told so and is with you again. Ask, in one sentence, what "
    "you can do instead."
)


class VoiceDesk:
    """Decides which document a caller gets. `voice_routes` makes webhooks of the methods.

    dialler: knows the calls that the bot has placed; None where it places none.
    """

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        tokens: StreamTokens,
        gate: Gate,
        meters: Meters,
        dialler: Dialler | None = None,
    ) -> None:
        self._settings = settings
        self._switchboard = switchboard
        self._tokens = tokens
        self._gate = gate
        self._meters = meters
        self._dialler = dialler

    def documents(self, facts: CallerFacts, carried: Carried | None = None) -> Documents:
        """The documents for the request at hand, in the language of whoever answers this call."""
        settings = self._settings
        return Documents(
            self._gate.addresses(request),
            settings.fallback_number,
            self._switchboard.sentences(facts),
            caller_id=settings.caller_id,
            carried=carried,
        )

    async def admit(self) -> None:
        """Let in what Twilio signed for our account, and remember what it says."""
        form = await request.form if request.method == "POST" else None
        self._gate.check(request, form)
        query = request.args.to_dict()
        g.call = call = read(query | (form.to_dict() if form is not None else {}), query)
        if self._settings.twilio_account_sid and call.account != self._settings.twilio_account_sid:
            self._meters.refusals.labels("account").inc()
            log.warning("call=%s refused: AccountSid is not TWILIO_ACCOUNT_SID", call.call_id or "unknown")
            abort(403)

    def answer(self, call: VoiceRequest) -> str:
        """A call comes in. Nothing is waited for; a second delivery gets the same answer and starts nothing new.

        Retries carry the first one's I-Twilio-Idempotency-Token, and its CallSid, which is what we go by.
        """
        if not call.call_id:
            log.warning("refused %s: CallSid is missing", request.path)
            abort(400)
        log.info("call=%s from %s to %s", call.call_id, mask(call.facts.caller), mask(call.facts.called))
        if call.facts.caller.startswith("client:") and call.facts.called in self._settings.dial_allowed:
            self._meters.answers.labels("dialled").inc()
            log.info("call=%s the softphone dials", call.call_id)
            return self.documents(call.facts).dial(call.facts, call.facts.called)
        return self._connect(call)

    def out(self, call: VoiceRequest, persona: Persona | None) -> str:
        """Somebody answers a call that the bot has placed. persona: who speaks; None: nobody of that name is left."""
        if not call.call_id:
            log.warning("refused %s: CallSid is missing", request.path)
            abort(400)
        log.info("call=%s to %s was answered", call.call_id, mask(call.facts.called))
        if persona is None:
            self._meters.answers.labels("no-persona").inc()
            log.error("call=%s cannot be spoken to: its persona is gone", call.call_id)
            return self.documents(call.facts).hang_up(Sentences().sorry)
        return self._connect(call)

    def _connect(self, call: VoiceRequest, *, again: bool = False, back: bool = False, digits: str = "") -> str:
        returns = _AGAIN if again else _BACK if back else "" if digits else None
        taken = self._switchboard.expect(call.facts, returns=returns, persona=call.carried.persona)
        documents = self.documents(call.facts, call.carried)
        if taken:
            how = "again" if again else "back" if back else "digits" if digits else "connected"
            self._meters.answers.labels(how).inc()
            token = self._tokens.issue(call.call_id)
            return documents.connect(call.facts, token, again=again, back=back, digits=digits)
        if self._switchboard.draining:
            self._meters.answers.labels("draining").inc()
            log.info("call=%s not taken: draining", call.call_id)
            return documents.closing(self._settings.drain_redirect_url)
        self._meters.answers.labels("full").inc()
        log.warning("call=%s not taken: full", call.call_id)
        return documents.busy(call.facts)

    def after(self, call: VoiceRequest) -> str:
        """Say what comes next: the stream is over, or the fallback number was tried."""
        documents = self.documents(call.facts, call.carried)
        if call.over:
            self._switchboard.ended(call.call_id)
            return documents.nothing()
        if self._dialler is not None and self._dialler.leaving(call.call_id):
            return documents.nothing()  # Twilio asks, but goes on with what it was told meanwhile
        if call.dialled:
            return self._after_dialling(call, documents)
        farewell = self._switchboard.farewell(call.call_id) if call.call_id else None
        outcome = farewell.outcome if farewell else None
        self._meters.farewells.labels(outcome.value if outcome else "unknown").inc()
        log.info("call=%s after the stream: %s", call.call_id or "unknown", outcome.value if outcome else "unknown")
        match outcome:
            case Outcome.HANGUP:
                return documents.hang_up(farewell.words if farewell else "")
            case Outcome.TRANSFER if farewell:
                return documents.transfer(call.facts, farewell)
            case Outcome.DIGITS if farewell:
                return self._connect(call, digits=farewell.digits)
            case Outcome.LIMIT:
                return documents.limit()
            case Outcome.CLOSING:
                return documents.closing(self._settings.drain_redirect_url)
            case Outcome.FAILED:
                return documents.sorry(call.facts)
        # We did not let this caller go: our process was restarted, or the stream never came up.
        if call.again or not call.call_id:
            return documents.sorry(call.facts)
        return self._connect(call, again=True)

    def whisper(self, call: VoiceRequest) -> str:
        """Somebody takes a transfer, and hears what it is about before the caller is put through."""
        farewell = self._switchboard.farewell(call.about)
        return self.documents(CallerFacts(call.about)).whisper(farewell.summary if farewell else "")

    def _after_dialling(self, call: VoiceRequest, documents: Documents) -> str:
        what = "transfer" if call.transfer else "dial"
        log.info("call=%s the %s: %.20r", call.call_id or "unknown", what, call.dialled)
        if call.dialled in ("completed", "answered"):
            return documents.hang_up()
        if call.transfer and call.call_id:
            return self._connect(call, back=True)
        return documents.nobody()

    def fallback(self, call: VoiceRequest) -> str:
        """Twilio could not use our answer and asks here instead (VoiceFallbackUrl)."""
        self._meters.fallbacks.labels(call.error_code).inc()
        log.error("call=%s Twilio could not use our answer: error %s", call.call_id or "unknown", call.error_code)
        return self.documents(call.facts).sorry(call.facts)

    def status(self, call: VoiceRequest) -> str:
        """Twilio reports how the call stands."""
        if call.over and call.call_id:
            log.info("call=%s is over: %s", call.call_id, call.status)
            self._switchboard.ended(call.call_id)
        return ""

    def stream_status(self, call: VoiceRequest) -> str:
        """Twilio reports on the stream; a failed handshake shows nowhere else."""
        if call.stream_event == "stream-error":
            self._meters.stream_errors.labels(call.error_code).inc()
            log.error("call=%s Twilio reports a stream error: %s", call.call_id or "unknown", call.error_code)
        else:
            log.debug("call=%s %s", call.call_id or "unknown", call.stream_event)
        return ""

    def _last_resort(self, facts: CallerFacts) -> str:
        """An apology that needs nothing which may be broken."""
        settings = self._settings
        addresses = self._gate.addresses(request)
        documents = Documents(addresses, settings.fallback_number, Sentences(), caller_id=settings.caller_id)
        return documents.sorry(facts) if facts.call_id else documents.nobody()

    async def rescue(self, error: Exception) -> Response:
        """Speak to the caller whatever went wrong in here: Twilio would only play its own error to a 500."""
        if isinstance(error, HTTPException):
            return Response(error.description or "", error.code or 500, mimetype="text/plain")
        call: VoiceRequest | None = g.get("call")
        self._meters.webhook_errors.inc()
        log.error("call=%s %s failed", (call and call.call_id) or "unknown", request.path, exc_info=error)
        return xml(self._last_resort(call.facts if call else CallerFacts("")))


def voice_routes(
    settings: Settings,
    switchboard: Switchboard,
    tokens: StreamTokens,
    gate: Gate,
    meters: Meters,
    dialler: Dialler | None = None,
) -> Blueprint:
    """The webhooks under `/voice`, for GET and POST."""
    desk = VoiceDesk(settings, switchboard, tokens, gate, meters, dialler)
    routes = Blueprint("voice", __name__)
    routes.before_request(desk.admit)
    routes.register_error_handler(Exception, desk.rescue)
    for path, handle in {
        "/voice": desk.answer,
        "/voice/after": desk.after,
        "/voice/whisper": desk.whisper,
        "/voice/fallback": desk.fallback,
        "/voice/status": desk.status,
        "/voice/stream-status": desk.stream_status,
    }.items():
        routes.add_url_rule(path, handle.__name__, _view(handle), methods=["GET", "POST"])
    return routes


def _view(handle: Callable[[VoiceRequest], str]) -> Callable[[], Awaitable[Response]]:
    async def view() -> Response:
        return xml(handle(g.call))

    return view


def xml(document: str) -> Response:
    """The answer to a webhook; nothing, where there is nothing to say."""
    return Response(document, mimetype="text/xml") if document else Response(status=204)
