"""How a call comes to its end: who wants it, whose last words are heard first, and who may still change it.

The model *wishes* to end the call, hand it over or press keys, in a response that is still being made. When that is
complete, the wish becomes a *departure*: its last words are heard to their end, then the caller is let go. A caller
who speaks meanwhile takes it back; if that was no caller but a noise, it stands.
"""

from __future__ import annotations

from dataclasses import replace

from bot.call.assistant import Assistant
from bot.call.commands import Farewell, Outcome
from bot.call.departure import Departure
from bot.call.events import Leave, ResponseDone, ToolCalled
from bot.call.output import Output
from bot.call.parting import NotPossible, Parting, parting
from bot.call.policy import Policy
from bot.call.reports import Trouble

_ONE_ONLY = "Not done: something else was asked for at the same time."


class Leaving:
    """The wish and the departure of one call."""

    def __init__(self, policy: Policy, assistant: Assistant) -> None:
        self._policy = policy
        self._assistant = assistant
        self._wish: Parting | None = None
        self._departure: Departure | None = None
        self._taken_back: tuple[Departure, float] | None = None  # and when

    @property
    def decided(self) -> bool:
        """Whether the caller is being let go."""
        return self._departure is not None

    # --- the assistant wants it

    def wish(self, call: ToolCalled, now: float) -> list[Output]:
        """The model asks for it by a function."""
        if self._wish is not None or self._departure is not None:
            return self._assistant.deeds.answer(call, _ONE_ONLY, now)
        try:
            self._wish = parting(call, self._policy)
        except NotPossible as no:
            return [Trouble("tool_refused", call.name), *self._assistant.deeds.answer(call, str(no), now)]
        # The service tells of a function before its response ends; if not, there is nothing to wait for.
        return [] if self._assistant.is_making(call.response_id) else self._depart(now, spoke=False)

    def response_done(self, event: ResponseDone, now: float, *, spoke: bool) -> list[Output]:
        """A response is complete. spoke: there were words in it, so they told the caller."""
        if self._wish is None or self._wish.call.response_id != event.response_id:
            return []
        if event.status == "cancelled":
            return self._unwish(now)
        return self._depart(now, spoke=spoke)

    def another_response(self, now: float) -> list[Output]:
        """The model began another response: the one with the wish is over, though nobody said so."""
        return self._depart(now, spoke=False) if self._wish is not None else []

    def _depart(self, now: float, *, spoke: bool) -> list[Output]:
        wish, self._wish = self._wish, None
        if wish is None or self._departure is not None:
            return []
        farewell = replace(wish.farewell, words="") if spoke else wish.farewell
        reason = f"the assistant asked for {wish.call.name}"
        self._departure = Departure(farewell, now, reason, own=True, revocable=True, call=wish.call)
        self._assistant.dismiss()
        return [] if spoke or not wish.words else self._assistant.say(wish.words, now)

    def say_goodbye(self, reason: str, now: float, *, revocable: bool) -> list[Output]:
        """Nobody is there, as far as can be told."""
        words = self._policy.phrases.goodbye
        self._departure = Departure(Farewell(Outcome.HANGUP, words=words), now, reason, own=True, revocable=revocable)
        self._assistant.dismiss()
        return [Trouble(reason), *self._assistant.say(words, now)]

    # --- the caller does not

    def taken_back(self, now: float) -> list[Output]:
        """The caller spoke, or pressed a key: the conversation goes on."""
        leaving = self._departure
        if leaving is None:
            return self._unwish(now)
        # Without a session there is nothing to go on with.
        if not leaving.revocable or not self._assistant.ready:
            return []
        unsaid = leaving.farewell.words if self._assistant.voice.last_sound_at < leaving.decided_at else ""
        self._assistant.hold_up(unsaid)
        self._departure, self._taken_back = None, (leaving, now)
        self._assistant.recall()
        return self._assistant.deeds.overtaken(leaving.call) if leaving.call is not None else []

    def stands(self, rest: str, now: float) -> None:
        """It was only a noise. rest: what the assistant now goes on to say."""
        taken_back, self._taken_back = self._taken_back, None
        if taken_back is None or self._departure is not None or self._assistant.voice.last_sound_at > taken_back[1]:
            return  # nothing was taken back, or the assistant has said something else since
        self._departure = taken_back[0].again(rest, now)
        self._assistant.dismiss()

    def session_lost(self) -> None:
        """Whoever wished is gone."""
        if self._wish is not None:
            self._assistant.deeds.forget(self._wish.call)
            self._wish = None

    def _unwish(self, now: float) -> list[Output]:
        wish, self._wish = self._wish, None
        return self._assistant.deeds.overtaken(wish.call) if wish is not None else []

    # --- the house, an operator, a limit

    def leave(self, event: Leave, now: float) -> None:
        """Let the caller go; one who is being let go already, for good."""
        if self._departure is None or event.at_once:
            self._departure = Departure(event.farewell, now, event.reason, event.at_once)
            self._assistant.dismiss()
        elif self._departure.revocable:
            self._departure = replace(self._departure, revocable=False)

    # --- when

    def ripe(self, now: float) -> Departure | None:
        """The departure, when it is time; its farewell has the words that the caller has not heard."""
        leaving, assistant = self._departure, self._assistant
        if leaving is None:
            return None
        coming = assistant.making and not assistant.owes
        if leaving.own:  # its words, or a function that was called with it, may still come; not after a long silence
            waited = now - max(leaving.decided_at, assistant.voice.last_sound_at)
            coming = (assistant.making or assistant.deeds.working) and waited < self._policy.longest_silence / 2
        if not leaving.due(now, remaining=assistant.voice.remaining(now), busy=assistant.voice.speaking or coming):
            return None
        heard = not leaving.at_once and assistant.voice.last_sound_at >= leaving.decided_at
        return replace(leaving, farewell=replace(leaving.farewell, words="")) if heard else leaving
