"""Calls that the bot places: whether, how, and what is done once it is known who answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

import msgspec

from bot.call.events import CallerFacts
from bot.masking import mask
from bot.persona import Persona, Personas
from bot.quiet_hours import QuietHours
from bot.settings import Settings
from webhooks.addresses import Addresses
from webhooks.carried import Carried, problem
from webhooks.dial_rules import Answer, Deed, DialRules, deed, refusal
from webhooks.idempotency import Answers
from webhooks.placed import OVER, PlacedCall, PlacedCalls
from webhooks.rest import Placing, Rest, RestError
from webhooks.switchboard import Switchboard
from webhooks.twiml import Documents
from webhooks.voice_request import VoiceRequest

log = logging.getLogger(__name__)

_LAST_WORDS = 30  # seconds that Twilio lets a call live longer than the persona does, to end it kindly
_LONGEST_CALL = 86_400  # seconds; Twilio's own limit
_STEP = {"initiated": "dialling", "in-progress": "answered"}  # what we call Twilio's statuses; others as they are
_WHO = frozenset({"human", "machine", "fax"})
_STEPS = frozenset({"queued", "initiated", "ringing", "in-progress"}) | OVER


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /calls` asks for. to: a number; persona: a name; parameters: for the persona's templates."""

    to: str
    persona: str
    parameters: dict[str, str] = {}


class Dialler:
    """Places calls while it is entered (`async with`), and owns what it has begun.

    settings: with CALLS_KEY, and so with all that a call out needs; clock: seconds, never going back; wall_clock:
    seconds since 1970; tag: what this worker's addresses begin with, where it is one of several.
    """

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        personas: Personas,
        rest: Rest,
        *,
        tag: str = "",
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.calls = PlacedCalls()
        self._settings = settings
        self._switchboard = switchboard
        self._personas = personas
        self._rest = rest
        self._clock = clock
        self._addresses = Addresses(settings.public_url + tag)
        quiet = QuietHours.parse(settings.quiet_hours) if settings.quiet_hours else None
        per_minute = settings.dial_per_minute
        self._rules = DialRules(settings.dial_prefixes, quiet, per_minute, clock=clock, wall_clock=wall_clock)
        self._tasks = asyncio.TaskGroup()
        self._answers = Answers(self._tasks)
        self._placing = 0  # calls that Twilio is being asked for

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    # --- placing

    async def place(self, order: Order, key: str = "") -> Answer:
        """Place a call, or say why not. key: the Idempotency-Key, empty for none."""
        asked = msgspec.json.encode(order, order="deterministic")
        return await self._answers.once(key, asked, lambda: self._place(order))

    async def _place(self, order: Order) -> Answer:
        """As `place`; never raises."""
        try:
            answer = await self._decide(order)
        except RestError as error:
            log.error("no call to %s: %s", mask(order.to), error)
            doubt = " It is not known whether the call was placed." if error.unsure else ""
            answer = refusal(error.status, "twilio", f"{error}{doubt}", retry_after=error.retry_after)
            return replace(answer, binding=error.unsure)
        except Exception:
            log.exception("no call to %s", mask(order.to))
            return replace(refusal(500, "fault", "Something is wrong in the bot; its log says more."), binding=True)
        if answer.status != 202:
            log.info("no call to %s: %s", mask(order.to), answer.how)
        return answer

    async def _decide(self, order: Order) -> Answer:
        persona = self.persona(order.persona, self._facts("", order))
        if persona is None:
            known = ", ".join(persona.name for persona in self._personas.all)
            return refusal(400, "persona", f"There is no persona of that name. Known are: {known}.")
        if wrong := problem(order.parameters):
            return refusal(400, "parameters", wrong)
        # The minute's calls are counted last: what is refused anyway uses none of them up.
        refused = self._rules.about(order.to) or self._rules.hour() or self._room() or self._rules.pace()
        if refused is not None:
            return refused
        self._placing += 1
        try:
            call_id = await self._rest.place(self._described(order, persona))
        finally:
            self._placing -= 1
        self.calls.placed(self._facts(call_id, order), self._clock())
        log.info("call=%s placed to %s persona=%s", call_id, mask(order.to), order.persona)
        return Answer(202, "placed", {"call_id": call_id}, binding=True)

    def persona(self, name: str, facts: CallerFacts) -> Persona | None:
        """Who speaks in a call of these facts; None where there is no such persona (any more)."""
        return self._personas.named(name, facts) if name else None

    def _facts(self, call_id: str, order: Order) -> CallerFacts:
        return CallerFacts(call_id, self._settings.caller_id, order.to, dict(order.parameters))

    def _room(self) -> Answer | None:
        if self._switchboard.draining:
            return refusal(503, "draining", "The bot is about to stop and places no more calls.", retry_after=60)
        coming = self._switchboard.live + self.calls.ringing(self._clock()) + self._placing
        if not self._switchboard.ready or coming >= self._settings.max_calls:
            return refusal(503, "full", "There is no room for another call (MAX_CALLS).", retry_after=30)
        return None

    def _described(self, order: Order, persona: Persona) -> Placing:
        query = "?" + Carried(order.persona, order.parameters).query
        return Placing(
            to=order.to,
            caller_id=self._settings.caller_id,
            url=self._addresses.web("/voice/out" + query),
            fallback_url=self._addresses.web("/voice/fallback" + query),
            status_url=self._addresses.web("/voice/out/status" + query),
            machine_url=self._addresses.web("/voice/out/answered-by" + query),
            seconds=min(persona.max_call_seconds + _LAST_WORDS, _LONGEST_CALL),
        )

    # --- what Twilio reports

    def status(self, call: VoiceRequest) -> str:
        """How the call stands, by Twilio. Returns how it ended, once; empty where it has not, or that was known."""
        if not call.call_id or call.status not in _STEPS:
            return ""
        if not self.calls.call(call.call_id).step(_STEP.get(call.status, call.status)) or not call.over:
            return ""
        log.info("call=%s the call out ended: %s", call.call_id, call.status)
        return call.status

    async def answered_by(self, call: VoiceRequest) -> str:
        """Twilio has found out who answered. Returns what came of it, in one word; never raises."""
        if not call.call_id:
            log.warning("an answering machine was reported without a CallSid")
            return "nameless"
        placed = self.calls.call(call.call_id)
        if placed.answered_by:
            log.info("call=%s was reported to be answered by: %s before", call.call_id, placed.answered_by)
            return "repeated"
        found = call.answered_by.partition("_")[0]
        placed.answered_by = found if found in _WHO else "unknown"
        placed.step(placed.answered_by)
        what = deed(call.answered_by)
        if what is Deed.NOTHING:
            log.info("call=%s answered by: %s", call.call_id, placed.answered_by)
            return placed.answered_by
        if placed.over:
            log.info("call=%s answered by: %s; it is over already", call.call_id, placed.answered_by)
            return "gone"
        document = self._message(call, placed) if what is Deed.MESSAGE else ""
        return await asyncio.shield(self._tasks.create_task(self._let_go(call.call_id, placed, document)))

    def leaving(self, call_id: str) -> bool:
        """Whether Twilio was told to end this call, so that nothing else is to be done about it."""
        placed = self.calls.find(call_id)
        return placed is not None and placed.letting_go

    def _message(self, call: VoiceRequest, placed: PlacedCall) -> str:
        """The document that leaves the persona's message; empty where there is none."""
        facts = placed.facts if placed.placed_at is not None else call.facts
        persona = self.persona(call.carried.persona, facts)
        if persona is None or not persona.voicemail.strip():
            return ""
        return Documents(self._addresses, "", persona.sentences).hang_up(persona.voicemail.strip())

    async def _let_go(self, call_id: str, placed: PlacedCall, document: str) -> str:
        # Before Twilio is asked: it may ask what comes after the stream while it still answers us.
        placed.letting_go = True
        did = "message" if document else "hung-up"
        try:
            await (self._rest.say(call_id, document) if document else self._rest.end(call_id))
        except RestError as error:
            if error.gone:
                log.info("call=%s answered by: %s; it is over already", call_id, placed.answered_by)
                return "gone"
            log.error("call=%s answered by: %s; left to itself, because %s", call_id, placed.answered_by, error)
            self._switchboard.hang_up(call_id)  # here at least nobody goes on talking to a machine
            return "failed"
        except Exception:
            log.exception("call=%s answered by: %s", call_id, placed.answered_by)
            self._switchboard.hang_up(call_id)
            return "failed"
        log.info("call=%s answered by: %s; %s", call_id, placed.answered_by, did)
        return did
