"""A call machine driven by hand: events at times, and what came of them."""

from __future__ import annotations

from typing import Self

from bot.call.commands import Clear, CloseLeg, CreateResponse, Farewell, Mark, Play
from bot.call.events import (
    AudioDelta,
    AudioDone,
    CallerAudio,
    Event,
    LegStarted,
    MarkPlayed,
    ResponseCreated,
    ResponseDone,
    SessionReady,
    Tick,
    ToolCalled,
    TranscriptDelta,
)
from bot.call.machine import Call, Output
from bot.call.opening import Returning
from bot.call.playback import BYTES_PER_SECOND
from bot.call.policy import Policy
from bot.call.reports import State, StateChanged

FRAME = bytes(BYTES_PER_SECOND // 50)
LOUD_FRAME = b"\x00\x10\x00\xf0" * (len(FRAME) // 4)


class Scene:
    """One call. `now` goes on as the scene is played; a leg that hears everything gives marks back at once."""

    def __init__(self, policy: Policy | None = None, returning: Returning | None = None) -> None:
        self.now = 0.0
        self.call = Call(policy or Policy(), now=0.0, returning=returning)
        self.out: list[Output] = []
        self.states: list[State] = []
        self._returned: set[str] = set()

    def happens(self, *events: Event) -> list[Output]:
        """Events at this moment; returns what they led to."""
        out: list[Output] = []
        for event in events:
            out += self.call.receive(event, self.now)
        for output in out:
            if isinstance(output, StateChanged):
                self.states.append(output.state)
        self.out += out
        return out

    def passes(self, seconds: float, *, audio: bool = True, loud: bool = False) -> list[Output]:
        """Time passes in ticks, with the caller's audio, silent unless told otherwise."""
        before = len(self.out)
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + 0.1)
            self.happens(*([CallerAudio(LOUD_FRAME if loud else FRAME)] if audio else []), Tick())
        return self.out[before:]

    def of[T](self, kind: type[T]) -> list[T]:
        """Everything of one kind so far."""
        return [output for output in self.out if isinstance(output, kind)]

    @property
    def said(self) -> list[str]:
        """What the assistant was made to say word for word."""
        return [request.say for request in self.of(CreateResponse) if request.say]

    @property
    def farewell(self) -> Farewell | None:
        """How the caller was let go, if that has happened."""
        return next((closed.farewell for closed in self.of(CloseLeg)), None)

    def answered(self) -> Self:
        """The leg has started and the session is ready; the greeting has been asked for."""
        self.happens(LegStarted(), SessionReady("session"))
        return self

    def reply(
        self, response: str, seconds: float, text: str = "", *, item: str = "", done: bool = True
    ) -> list[Output]:
        """The model says something, faster than it is spoken."""
        item = item or f"item of {response}"
        events: list[Event] = [ResponseCreated(response)]
        if text:
            events.append(TranscriptDelta(response, item, text))
        pcm = bytes(int(seconds * BYTES_PER_SECOND) // 2 * 2)
        step = BYTES_PER_SECOND // 2
        events += [AudioDelta(response, item, 0, pcm[i : i + step]) for i in range(0, len(pcm), step)]
        if done:
            events += [AudioDone(response, item), ResponseDone(response, "completed")]
        return self.happens(*events)

    def hears_everything(self) -> list[Output]:
        """Every mark that was asked for and not given back comes back now."""
        names = [mark.name for mark in self.of(Mark) if mark.name not in self._returned]
        self._returned.update(names)
        return self.happens(*(MarkPlayed(name) for name in names))

    def greeted(self) -> Self:
        """The greeting was spoken and heard."""
        self.answered()
        self.network_answers(0.05)
        self.reply("greeting", 1.0, "Hello! How can I help you?")
        self.network_answers(0.05)
        self.now += 1.0
        self.hears_everything()
        return self

    def network_answers(self, round_trip: float) -> None:
        """Time passes, and the mark that was sent ahead of the audio comes back."""
        self.now += round_trip
        [ahead, *_] = [mark for mark in self.of(Mark) if mark.name not in self._returned]
        self._returned.add(ahead.name)
        self.happens(MarkPlayed(ahead.name))


class Telephone(Scene):
    """A call whose far end plays what it is sent and gives marks back when they are due, as time passes."""

    def __init__(self, policy: Policy | None = None, returning: Returning | None = None) -> None:
        super().__init__(policy, returning)
        self.plays_until = 0.0  # when the last sound that was sent will have been heard
        self._due: list[tuple[float, str]] = []

    def happens(self, *events: Event) -> list[Output]:
        """Events at this moment; what is sent to the far end is queued there."""
        out = super().happens(*events)
        for output in out:
            match output:
                case Play(pcm):
                    self.plays_until = max(self.plays_until, self.now) + len(pcm) / BYTES_PER_SECOND
                case Mark(name):
                    self._due.append((max(self.plays_until, self.now), name))
                case Clear():
                    self.plays_until = self.now
                    self._due = [(self.now, name) for _, name in self._due]
        return out

    def passes(self, seconds: float, *, audio: bool = True, loud: bool = False) -> list[Output]:
        """Time passes, and the caller hears what was sent."""
        before = len(self.out)
        end = self.now + seconds
        while self.now < end - 1e-9 and not self.call.over:
            super().passes(min(0.1, end - self.now), audio=audio, loud=loud)
            due = [name for at, name in self._due if at <= self.now]
            self._due = [(at, name) for at, name in self._due if at > self.now]
            self.happens(*(MarkPlayed(name) for name in due))
        return self.out[before:]

    def loses_marks(self) -> None:
        """The marks that are on their way never come back."""
        self._due.clear()

    def greeted(self) -> Self:
        """The greeting was spoken and heard."""
        self.answered()
        self.reply("greeting", 1.0, "Hello! How can I help you?")
        self.passes(1.2)
        return self

    def calls(
        self,
        name: str,
        arguments: str = "{}",
        *,
        speaks: float = 0.0,
        words: str = "",
        call: str = "",
        done: bool = True,
    ) -> list[Output]:
        """The model calls a function in a response of its own, and may speak before it does."""
        call = call or name
        response = f"response of {call}"
        before = len(self.out)
        self.happens(ResponseCreated(response))
        if words:
            self.happens(TranscriptDelta(response, f"item of {response}", words))
        if speaks:
            pcm = bytes(int(speaks * BYTES_PER_SECOND) // 2 * 2)
            self.happens(
                AudioDelta(response, f"item of {response}", 0, pcm), AudioDone(response, f"item of {response}")
            )
        self.happens(ToolCalled(response, call, name, arguments))
        if done:
            self.happens(ResponseDone(response, "completed"))
        return self.out[before:]
