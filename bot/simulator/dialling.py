"""Somebody else's phone: what happens when Twilio is told to `<Dial>`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random

from bot.errors import SimulatorError
from bot.masking import mask
from bot.simulator.addresses import Address, Addresses
from bot.simulator.result import Dialled, Outcome, PhoneCall
from bot.simulator.twiml import Dial, Hangup, Pause, Say
from bot.simulator.webhook import RequestFailed, Webhooks

LETTERS_PER_SECOND = 14.0  # how fast Twilio's <Say> speaks, roughly
_RINGS = 2.0  # seconds until somebody picks up, or the line turns out to be busy
_TALKS = 5.0  # seconds that whoever answers talks with the caller, before hanging up

# What Twilio reports in DialCallStatus. A call that was answered and is over is "completed".
# https://www.twilio.com/docs/voice/twiml/dial#dialcallstatus
_STATUS: dict[Outcome, str] = {outcome: outcome for outcome in ("busy", "no-answer", "failed")} | {
    "answered": "completed"
}


class Exchange:
    """Dials for one call. outcomes: how each attempt goes; the last stands for all that follow."""

    def __init__(
        self,
        webhooks: Webhooks,
        addresses: Addresses,
        call: PhoneCall,
        outcomes: Sequence[Outcome],
        *,
        caller: str,
        note: Callable[[str, str], object],
        rng: Random,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._webhooks = webhooks
        self._addresses = addresses
        self._call = call
        self._outcomes = list(outcomes) or ["answered"]
        self._caller = caller
        self._note = note
        self._rng = rng
        self._sleep = sleep

    async def dial(self, dial: Dial, base: Address) -> dict[str, str]:
        """Ring somebody, and wait for the end; returns what Twilio tells the `<Dial>`'s action of it.

        base: where the document with the `<Dial>` came from.
        """
        call, who = self._call, mask(dial.target)
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        shown = dial.caller_id or self._caller
        made = Dialled(dial.target, shown, dial.timeout, outcome)
        call.dialled = dial.target
        self._note("call", f"dialling {who} for at most {dial.timeout:g} s, shown {mask(shown)}")
        sid = f"CA{self._rng.getrandbits(128):032x}"
        fields = {"DialCallSid": sid, "DialCallStatus": _STATUS[outcome]}
        if outcome != "answered":
            await self._sleep(dial.timeout if outcome == "no-answer" else min(_RINGS, dial.timeout))
            call.dials.append(made)
            self._note("call", f"{who}: {outcome}")
            return fields
        await self._sleep(min(_RINGS, dial.timeout))
        try:
            whispered = await self._whisper(dial, base, sid, shown) if dial.whisper else ()
        except RequestFailed as failure:
            self._note("trouble", f"{who} hears no whisper and is hung up on: {failure}")
            call.dials.append(replace(made, outcome="failed"))
            return fields | {"DialCallStatus": "failed"}
        call.dials.append(replace(made, whispered=whispered))
        self._note("call", f"put through to {who}")
        await self._sleep(_TALKS)
        self._note("call", f"{who} has hung up after {_TALKS:g} s")
        return fields | {"DialCallDuration": f"{_TALKS:.0f}", "DialBridged": "true"}

    async def _whisper(self, dial: Dial, base: Address, sid: str, shown: str) -> tuple[str, ...]:
        """What whoever answers hears alone. The request is about the other call, and names ours as its parent."""
        other = {
            "CallSid": sid,
            "ParentCallSid": self._call.call_sid,
            "CallStatus": "in-progress",
            "Direction": "outbound-dial",
            **dict.fromkeys(("From", "Caller"), shown),
            **dict.fromkeys(("To", "Called"), dial.target),
        }
        address = self._addresses.of_reference(dial.whisper, base)
        document = await self._webhooks.document(address, other, method=dial.whisper_method, fallback="")
        said = []
        for verb in document.verbs:
            match verb:
                case Say(text):
                    said.append(text)
                    self._note("call", f'{mask(dial.target)} answers and hears: "{text}"')
                    await self._sleep(len(text) / LETTERS_PER_SECOND)
                case Pause(seconds):
                    await self._sleep(seconds)
                case Hangup():
                    break
                case _:
                    raise SimulatorError(f"the TwiML for whoever answers holds <{type(verb).__name__}>")
        return tuple(said)
