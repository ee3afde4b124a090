"""One call as a pure state machine: an event and the time go in, commands and reports come out.

No socket, no clock, no await: the runner brings events and carries out commands, so a test is a list of events with
times. What is decided here:

- **Greeting.** Once the leg has started and the session is ready.
- **Barge-in.** When the caller speaks or presses a key: clear, tell the model what was heard, drop what still comes.
- **Failure.** A session that fails, or does not answer in time, is replaced once, with what was said so far; if that
  does not help, the caller is let go to the safety net. Whatever happens, silence is bounded (`Patience`).
- **Limits.** The longest call, the end of the session's life, a leg that has gone silent.

Here is the caller's side and the end of the call; `Assistant` is the other side.
"""

from __future__ import annotations

from bot.call.assistant import Assistant, Output
from bot.call.commands import CloseLeg, CloseSession, Farewell, Outcome
from bot.call.departure import Departure
from bot.call.events import (
    AudioDelta,
    AudioDone,
    AudioLost,
    CallerAudio,
    CallerSaid,
    DigitPressed,
    Event,
    Leave,
    LegEnded,
    LegStarted,
    MarkPlayed,
    OtherEvent,
    ResponseCreated,
    ResponseDone,
    ResponseRefused,
    ResponseRejected,
    ServiceError,
    SessionFailed,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    Tick,
    TranscriptDelta,
)
from bot.call.hearing import LineLevel
from bot.call.keypad import Keypad
from bot.call.policy import Policy
from bot.call.reports import AudioMissing, State, StateChanged, Trouble

__all__ = ["Call", "Output"]

_LEG_SILENT = 15.0  # a leg sends audio all the time, silence included; one that does not has gone
_LONGEST_SPEECH = 60.0  # on a line that is never quiet; after that the service forgot to say that it stopped


class Call:
    """Decides everything in one call. now: seconds on the call's clock, never going back."""

    def __init__(self, policy: Policy, *, now: float) -> None:
        self._policy = policy
        self._state = State.CONNECTING
        self._assistant = Assistant(policy)
        self._keypad = Keypad()
        self._line = LineLevel()
        self._started_at: float | None = None
        self._last_audio_at = now
        self._speaking_since: float | None = None
        self._speaking_item = ""
        self._leaving: Departure | None = None
        self._over = False

    @property
    def state(self) -> State:
        """The state that people are shown."""
        return self._state

    @property
    def over(self) -> bool:
        """Whether nothing more will be asked for."""
        return self._over

    def receive(self, event: Event, now: float) -> list[Output]:
        """Take one event and decide."""
        if self._over:
            return []
        if isinstance(event, CallerAudio):
            return self._caller_audio(event, now)
        out = self._decide(event, now)
        if self._assistant.hopeless and self._leaving is None:
            out += self._leave(Outcome.FAILED, now, self._assistant.hopeless)
        return [*out, *self._assistant.heard_out(), *self._show_state()]

    def _decide(self, event: OtherEvent, now: float) -> list[Output]:
        assistant = self._assistant
        match event:
            case AudioDelta():
                return assistant.audio(event, now)
            case MarkPlayed():
                assistant.played(event, now)
                return self._let_go_if_polite(now)
            case Tick():
                return self._tick(now)
            case TranscriptDelta():
                return assistant.words(event)
            case AudioLost():
                return [AudioMissing(event.seconds)]
            case AudioDone():
                return assistant.audio_done(event)
            case SpeechStarted():
                return self._caller_speaks(event, now)
            case SpeechStopped():
                self._caller_stops(now)
                return []
            case CallerSaid():
                # Words are the proof that speech has ended, should the event that says so be missing.
                if self._speaking_since is not None and event.item_id == self._speaking_item:
                    self._caller_stops(now)
                return assistant.caller_said(event)
            case ResponseCreated():
                return assistant.response_created(event.response_id, overtaken=self._speaking_since is not None)
            case ResponseDone():
                return self._unless_replaced(assistant.response_done(event, now))
            case ResponseRefused():
                assistant.response_refused()
                return []
            case ResponseRejected():
                return self._unless_replaced(assistant.response_rejected(event, now))
            case ServiceError():
                return [Trouble("service_error", f"{event.code}: {event.message}")]
            case SessionReady():
                return [*assistant.session_opened(event, now), *self._take_digits(now)]
            case SessionFailed():
                return self._unless_replaced(assistant.session_failed(event.reason, now))
            case DigitPressed():
                self._keypad.press(event.digit, now)
                return [*assistant.caller_pressed(now), *self._take_digits(now)]
            case LegStarted():
                self._started_at = self._last_audio_at = now
                return assistant.begin(now)
            case LegEnded():
                return self._leg_ended(event, now)
            case Leave():
                return self._asked_to_leave(event, now)

    # --- the caller

    def _caller_audio(self, event: CallerAudio, now: float) -> list[Output]:
        self._last_audio_at = now
        self._line.hear(event.pcm, now, alone=self._state is not State.SPEAKING)
        return self._assistant.hear(event.pcm)

    def _caller_speaks(self, event: SpeechStarted, now: float) -> list[Output]:
        self._speaking_since, self._speaking_item = now, event.item_id
        self._line.noticed()
        return self._assistant.caller_began(event.item_id, now)

    def _caller_stops(self, now: float) -> None:
        self._speaking_since = None
        self._line.noticed()
        self._assistant.caller_stopped(now)

    def _unless_replaced(self, out: list[Output]) -> list[Output]:
        """Whoever was speaking to a session that is gone has not been heard by the next."""
        if not self._assistant.ready:
            self._speaking_since = None
        return out

    def _take_digits(self, now: float) -> list[Output]:
        if not self._assistant.ready or not (digits := self._keypad.take(now)):
            return []
        return self._assistant.take_note(f"The caller pressed {digits} on the keypad.", now)

    def _leg_ended(self, event: LegEnded, now: float) -> list[Output]:
        out = self._assistant.keep_what_was_heard(now)
        if event.failed:
            out.append(Trouble("leg_failed", event.reason))
        return [*out, *self._end(State.ERROR if event.failed else State.ENDED, event.reason)]

    # --- time

    def _tick(self, now: float) -> list[Output]:
        out = self._assistant.look_at_playback(now)
        if self._started_at is None:
            return out
        if self._leaving is None and now - self._last_audio_at > _LEG_SILENT:
            out += [Trouble("leg_silent"), *self._leave(Outcome.FAILED, now, "nothing comes from the caller")]
        if self._leaving is None and now - self._started_at >= self._policy.longest_call:
            out += self._leave(Outcome.LIMIT, now, "the longest call is over")
        if self._leaving is not None:
            return [*out, *self._let_go_if_polite(now)]
        self._look_at_the_line(now)
        out += self._take_digits(now)
        if self._speaking_since is None:
            out += self._unless_replaced(self._assistant.next_step(now))
        return [*out, *self._unless_replaced(self._assistant.renew(now, pause=self._speaking_since is None))]

    def _look_at_the_line(self, now: float) -> None:
        """Notice that the caller waits, where no event has said so."""
        if self._speaking_since is not None:
            too_long = now - self._speaking_since >= _LONGEST_SPEECH
            if too_long or self._line.quiet(self._speaking_since, now):
                self._caller_stops(now)
        elif self._assistant.stalls(now) or self._line.unnoticed(now):
            self._assistant.caller_waits(now)

    # --- the end

    def _asked_to_leave(self, event: Leave, now: float) -> list[Output]:
        if self._leaving is None or event.at_once:
            self._leaving = Departure(event.farewell, now, event.reason, event.at_once)
            self._assistant.dismiss()
        return self._let_go_if_polite(now)

    def _leave(self, outcome: Outcome, now: float, reason: str) -> list[Output]:
        """Let the caller go, after the sentence that is being spoken."""
        return self._asked_to_leave(Leave(reason, Farewell(outcome)), now)

    def _let_go_if_polite(self, now: float) -> list[Output]:
        leaving, assistant = self._leaving, self._assistant
        if leaving is None:
            return []
        answering = assistant.making and not assistant.owes
        if not leaving.due(now, remaining=assistant.remaining(now), busy=assistant.speaking or answering):
            return []
        out: list[Output] = [Trouble("gave_up", leaving.reason)] if leaving.failed else []
        state = State.ERROR if leaving.failed else State.ENDED
        out += assistant.keep_what_was_heard(now)
        return [*out, CloseLeg(leaving.farewell), *self._end(state, leaving.reason)]

    def _end(self, state: State, reason: str) -> list[Output]:
        self._over = True
        self._state = state
        return [CloseSession(), StateChanged(state, reason)]

    def _show_state(self) -> list[Output]:
        state = self._current_state()
        if self._over or state is self._state:
            return []
        self._state = state
        return [StateChanged(state)]

    def _current_state(self) -> State:
        if self._speaking_since is not None:
            return State.LISTENING
        if self._assistant.speaking:
            return State.SPEAKING
        if not self._assistant.ready or self._started_at is None:
            return State.CONNECTING
        if self._assistant.owes or self._assistant.making:
            return State.PROCESSING
        return State.READY
