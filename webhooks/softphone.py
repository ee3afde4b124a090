"""What the softphone asks of the server: a call, what comes after it, and which ways of calling there are."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Callable

from quart import Blueprint, Response, jsonify, request

from bot.call.commands import Farewell, Outcome
from bot.call.events import CallerFacts
from bot.settings import Settings
from webhooks import voice_token
from webhooks.attempts import Attempts, Pace
from webhooks.metrics import Meters
from webhooks.page_gate import PageGate, Visitor
from webhooks.switchboard import Switchboard
from webhooks.tokens import StreamTokens

log = logging.getLogger(__name__)

CALLER = "client:softphone"  # as Twilio names who calls from a browser
NO_ACCOUNT = "AC" + "0" * 32
TOKEN_SECONDS = voice_token.LIFETIME
# Each call opens a session, which costs money, a line that somebody on the phone may want, and one of the 30 that
# Voice Live opens in a minute by default. So one visitor begins at most 20 in the first minute, and then 10 in each.
EACH_CALLS = Pace(10, 6.0)
TOTAL_CALLS = Pace(20, 3.0)
MOST_REMEMBERED = 1000  # calls; more than any switchboard keeps of what is over

_TOO_OFTEN = "You have begun many calls in a short time. Wait {wait} s, then call again."
_NO_NETWORK = "You would be transferred now, but a call from the browser has no telephone network to do it."


def page_facts(call_id: str) -> CallerFacts:
    """What is known of a call from a page: nothing but what we say ourselves."""
    return CallerFacts(call_id, CALLER, transferable=False)


def random_sid(prefix: str) -> str:
    """An id as Twilio makes them, which nobody can guess. prefix: two letters."""
    return prefix + secrets.token_hex(16)


class SoftphoneDesk:
    """Begins calls for pages and says how they ended. `routes` makes endpoints of the methods."""

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        tokens: StreamTokens,
        meters: Meters,
        new_sid: Callable[[str], str],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._switchboard = switchboard
        self._tokens = tokens
        self._meters = meters
        self._new_sid = new_sid
        self._clock = clock
        self._pace = Attempts(EACH_CALLS, TOTAL_CALLS)
        self._begun: dict[str, str] = {}  # by call, the visitor who began it

    def begin(self, visitor: Visitor) -> tuple[Response, int]:
        """A call is announced; connecting to Voice Live begins while the page still opens its socket."""
        if wait := self._pace.take(visitor.name, self._clock()):
            return self._too_often(visitor, wait)
        call_id = self._new_sid("CA")
        if not self._switchboard.expect(page_facts(call_id)):
            return self._no_room(call_id)
        self._meters.answers.labels("page-connected").inc()
        log.info("call=%s begun by a page, %s", call_id, visitor.kind)
        self._begun[call_id] = visitor.name
        while len(self._begun) > MOST_REMEMBERED:
            del self._begun[next(iter(self._begun))]
        call = {
            "call_id": call_id,
            "stream_id": self._new_sid("MZ"),
            "account": self._settings.twilio_account_sid or NO_ACCOUNT,
            "token": self._tokens.issue(call_id, bound_to=visitor.name),
            "socket": "media",
        }
        return jsonify(call), 201

    def _too_often(self, visitor: Visitor, wait: float) -> tuple[Response, int]:
        self._meters.answers.labels("page-too-often").inc()
        log.warning("a page's call not taken: too many in a row, %s", visitor.kind)
        seconds = math.ceil(wait)
        answer = jsonify(error="too-often", words=_TOO_OFTEN.format(wait=seconds))
        answer.headers["Retry-After"] = str(seconds)
        return answer, 429

    def _no_room(self, call_id: str) -> tuple[Response, int]:
        closing = self._switchboard.draining
        says = self._switchboard.sentences(page_facts(call_id))
        self._meters.answers.labels("page-draining" if closing else "page-full").inc()
        log.warning("call=%s of a page not taken: %s", call_id, "draining" if closing else "full")
        error, words = ("closing", says.closing) if closing else ("busy", says.busy)
        return jsonify(error=error, words=words), 503

    def after(self, visitor: Visitor, call_id: str) -> tuple[Response, int]:
        """The page's socket has closed: say why, and end the call where it still runs."""
        if self._begun.get(call_id) != visitor.name:
            return jsonify(error="unknown", words="This call is not known here."), 404
        farewell = self._switchboard.farewell(call_id)
        self._switchboard.ended(call_id)
        outcome = farewell.outcome if farewell else None
        said = outcome.value if outcome else "caller"
        self._meters.farewells.labels(said).inc()
        log.info("call=%s after the page's stream: %s", call_id, said)
        return jsonify(outcome=said, words=self._words(farewell, page_facts(call_id))), 200

    def _words(self, farewell: Farewell | None, facts: CallerFacts) -> str:
        if farewell is None:
            return ""
        says = self._switchboard.sentences(facts)
        match farewell.outcome:
            case Outcome.FAILED:
                return says.sorry
            case Outcome.LIMIT:
                return says.limit
            case Outcome.CLOSING:
                return says.closing
            case Outcome.TRANSFER | Outcome.DIGITS:
                return _NO_NETWORK
            case Outcome.HANGUP:
                return farewell.words

    def ways(self, visitor: Visitor) -> Response:
        """Which ways of calling there are beside the direct one, and what is missing for them."""
        missing = voice_token.missing(self._settings)
        twilio = {
            "ready": not missing,
            "missing": missing,
            "script": voice_token.SCRIPT,
            "integrity": voice_token.INTEGRITY,
            "dial": bool(self._settings.dial_allowed),
        }
        return jsonify(twilio=twilio, sign_out=visitor.kind != "loopback")

    def twilio_token(self, visitor: Visitor) -> tuple[Response, int]:
        """What lets the page call through Twilio for an hour."""
        if missing := voice_token.missing(self._settings):
            return jsonify(error="missing", missing=missing), 409
        identity = voice_token.identity(visitor.name)
        token = voice_token.access_token(self._settings, identity, seconds=TOKEN_SECONDS)
        log.info("a page may call through Twilio, %s", visitor.kind)
        return jsonify(token=token, identity=identity, seconds=TOKEN_SECONDS), 200


def softphone_routes(
    settings: Settings,
    switchboard: Switchboard,
    tokens: StreamTokens,
    page_gate: PageGate,
    meters: Meters,
    *,
    new_sid: Callable[[str], str] = random_sid,
    clock: Callable[[], float] = time.monotonic,
) -> Blueprint:
    """The endpoints under `/softphone`.

    new_sid: makes an id of a prefix; it must not be guessable. clock: seconds, never going back.
    """
    desk = SoftphoneDesk(settings, switchboard, tokens, meters, new_sid, clock)
    routes = Blueprint("softphone_calls", __name__)

    @routes.post("/softphone/calls")
    async def begin() -> tuple[Response, int]:
        return desk.begin(page_gate.require(request))

    @routes.post("/softphone/calls/<call_id>/after")
    async def after(call_id: str) -> tuple[Response, int]:
        return desk.after(page_gate.require(request), call_id)

    @routes.get("/softphone/ways")
    async def ways() -> Response:
        return desk.ways(page_gate.require(request))

    @routes.post("/softphone/twilio-token")
    async def twilio_token() -> tuple[Response, int]:
        return desk.twilio_token(page_gate.require(request))

    return routes
