"""One call as a pure state machine: an event and the time go in, commands and reports come out.

No socket, no clock, no await: the runner brings events and carries out commands, so a test is a list of events with
times. What is decided here:

- **Greeting.** Once the leg has started and the session is ready.
- **Barge-in.** When the caller speaks or presses a key: clear, tell the model what was heard, drop what still comes.
- **Failure.** A session that fails, or does not answer in time, is replaced once, with what was said so far; if that
  does not help, the caller is let go to the safety net. Whatever happens, silence is bounded (`Patience`).
- **Silence.** A caller who waits for a function is told so; one who says nothing is asked, and then let go; what a
  noise cut off is said to its end.
- **Keys.** Gathered, for the model or for a function that wants them.
- **Limits.** The longest call, the end of the session's life, a leg that has gone silent.

Here is the caller's side; `Assistant` is the other side, and `Leaving` the end of the call.
"""

from __future__ import annotations

from bot.call.assistant import Assistant
from bot.call.commands import CloseLeg, CloseSession, Farewell, Outcome, Turn
from bot.call.events import (
    ApprovalAsked,
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
    ServerToolEnded,
    ServiceError,
    SessionFailed,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    Tick,
    ToolCalled,
    ToolFinished,
    TranscriptDelta,
)
from bot.call.hearing import QUIET, LineLevel
from bot.call.idle import Idle, IdleStep
from bot.call.keypad import Keypad
from bot.call.leaving import Leaving
from bot.call.opening import Returning
from bot.call.output import Output
from bot.call.parting import BUILT_IN
from bot.call.policy import ASK_FOR_KEYS, Policy
from bot.call.reports import AudioMissing, KeysPressed, State, StateChanged, Trouble
from bot.call.wordless import Wordless

__all__ = ["Call", "Output"]

_LEG_SILENT = 15.0  # a leg sends audio all the time, silence included; one that does not has gone
_NO_KEYS = "The caller pressed no keys."
_ONE_AT_A_TIME = "Not done: the caller is already being asked for keys."
_LONGEST_SPEECH = 60.0  # on a line that is never quiet; after that the service forgot to say that it stopped
_OF_A_SESSION = (
    AudioDelta, AudioDone, TranscriptDelta, SpeechStarted, SpeechStopped, CallerSaid, ResponseCreated, ResponseDone,
    ResponseRefused, ResponseRejected, ToolCalled, ApprovalAsked, ServerToolEnded,
)  # fmt: skip


class Call:
    """Decides everything in one call. now: seconds on the call's clock, never going back."""

    def __init__(self, policy: Policy, *, now: float, returning: Returning | None = None) -> None:
        self._policy = policy
        self._state = State.CONNECTING
        self._assistant = Assistant(policy, returning)
        self._leaving = Leaving(policy, self._assistant)
        self._keypad = Keypad(policy.digits)
        self._idle = Idle(policy.idle_after, policy.idle_prompts)
        self._wordless = Wordless(policy.wordless_turns)
        self._line = LineLevel()
        self._started_at: float | None = None
        self._last_audio_at = now
        self._speaking_since: float | None = None
        self._speaking_item = ""
        self._over = False

    @property
    def state(self) -> State:
        """The state that people are shown."""
        return self._state

    @property
    def over(self) -> bool:
        """Whether nothing more will be asked for."""
        return self._over

    @property
    def history(self) -> tuple[Turn, ...]:
        """What was said, as far as it was heard; for a caller who comes back."""
        return self._assistant.history

    def receive(self, event: Event, now: float) -> list[Output]:
        """Take one event and decide."""
        if self._over:
            return []
        if isinstance(event, CallerAudio):
            return self._caller_audio(event, now)
        if isinstance(event, _OF_A_SESSION) and not self._assistant.ready:
            return []  # it comes from one that is gone
        out = self._decide(event, now)
        if self._assistant.hopeless and not self._leaving.decided:
            out += self._leave(Outcome.FAILED, now, self._assistant.hopeless)
        return [*out, *self._assistant.voice.heard_out(), *self._show_state()]

    def _decide(self, event: OtherEvent, now: float) -> list[Output]:
        assistant = self._assistant
        match event:
            case AudioDelta():
                return assistant.audio(event, now)
            case MarkPlayed():
                assistant.voice.played(event.name, now)
                return self._let_go(now)
            case Tick():
                return self._tick(now)
            case TranscriptDelta():
                return assistant.words(event)
            case AudioLost():
                return [AudioMissing(event.seconds)]
            case AudioDone():
                return assistant.voice.finish(event.item_id)
            case SpeechStarted():
                return self._caller_speaks(event, now)
            case SpeechStopped():
                self._caller_stops(now)
                return []
            case CallerSaid():
                # Words are the proof that speech has ended, should the event that says so be missing.
                if self._speaking_since is not None and event.item_id == self._speaking_item:
                    self._caller_stops(now)
                return self._caller_said(event, now)
            case ResponseCreated():
                overtaken = self._speaking_since is not None or self._keypad.busy
                created = assistant.response_created(event.response_id, overtaken=overtaken)
                return [*created, *self._leaving.another_response(now)]
            case ResponseDone():
                return self._response_done(event, now)
            case ToolCalled():
                return self._tool_called(event, now)
            case ToolFinished():
                return assistant.deeds.finished(event, now)
            case ApprovalAsked():
                return assistant.deeds.approval(event, now)
            case ServerToolEnded():
                return assistant.deeds.server_tool_ended(event, now)
            case ResponseRefused():
                assistant.response_refused()
                return []
            case ResponseRejected():
                return self._unless_replaced(assistant.response_rejected(event, now))
            case ServiceError():
                return [Trouble("service_error", f"{event.code}: {event.message}")]
            case SessionReady():
                return [*assistant.session_opened(event, now), *self._take_keys(now)]
            case SessionFailed():
                return self._unless_replaced(assistant.session_failed(event.reason, now))
            case DigitPressed():
                return self._key_pressed(event, now)
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
        self._idle.noise()
        return [*self._assistant.caller_began(event.item_id, now), *self._leaving.taken_back(now)]

    def _caller_said(self, event: CallerSaid, now: float) -> list[Output]:
        if event.text.strip():
            self._idle.heard()
            self._wordless.words()
        elif event.known:
            self._idle.no_words()
            self._wordless.no_words(event.item_id)
        out = self._assistant.caller_said(event, now)
        return [*out, *self._give_up_on_noise(now)]

    def _caller_stops(self, now: float, at: float | None = None) -> None:
        """The caller waits. at: when the line fell silent, if that was not now."""
        last_word = self._line.last_word(now if self._speaking_since is None else self._speaking_since, now)
        self._speaking_since = None
        self._line.noticed()
        self._assistant.caller_stopped(now, now if at is None else at, last_word)

    def _unless_replaced(self, out: list[Output]) -> list[Output]:
        """Whoever was speaking to a session that is gone has not been heard by the next."""
        if not self._assistant.ready:
            self._speaking_since = None
            self._leaving.session_lost()
        return out

    def _key_pressed(self, event: DigitPressed, now: float) -> list[Output]:
        self._idle.heard()
        self._wordless.words()
        if not self._keypad.press(event.digit, now):
            return []
        out = [*self._assistant.caller_pressed(now), *self._leaving.taken_back(now)]
        return [*out, *self._take_keys(now)]

    def _take_keys(self, now: float) -> list[Output]:
        """Pass on what was pressed, to the function that waits for it or to the model."""
        if not self._assistant.ready or (keys := self._keypad.take(now)) is None:
            return []
        shown: list[Output] = [KeysPressed(keys.shown)] if keys.digits else []
        if keys.call is None:
            return [*shown, *self._assistant.take_note(f"The caller pressed {keys.digits} on the keypad.", now)]
        if not keys.digits:
            self._assistant.caller_has_time(now)
            return self._assistant.deeds.answer(keys.call, _NO_KEYS, now)
        return [*shown, *self._assistant.deeds.run(keys.call, now, keys.digits)]

    def _leg_ended(self, event: LegEnded, now: float) -> list[Output]:
        out = self._assistant.voice.keep_what_was_heard(now)
        if event.failed:
            out.append(Trouble("leg_failed", event.reason))
        return [*out, *self._end(State.ERROR if event.failed else State.ENDED, event.reason)]

    # --- time

    def _tick(self, now: float) -> list[Output]:
        out = self._assistant.time_passes(now)
        if self._started_at is None:
            return out
        if not self._leaving.decided and now - self._last_audio_at > _LEG_SILENT:
            out += [Trouble("leg_silent"), *self._leave(Outcome.FAILED, now, "nothing comes from the caller")]
        if not self._leaving.decided and now - self._started_at >= self._policy.longest_call:
            out += self._leave(Outcome.LIMIT, now, "the longest call is over")
        if self._leaving.decided:
            return [*out, *self._let_go(now)]
        self._look_at_the_line(now)
        if self._assistant.voice.speaking:
            self._keypad.being_asked(now)
        out += self._take_keys(now)
        if self._speaking_since is None:
            out += self._break_silence(now)
            out += self._unless_replaced(self._assistant.next_step(now))
        return [*out, *self._unless_replaced(self._assistant.renew(now, pause=self._speaking_since is None))]

    def _look_at_the_line(self, now: float) -> None:
        """Notice that the caller waits, where no event has said so."""
        if self._speaking_since is not None:
            too_long = now - self._speaking_since >= _LONGEST_SPEECH
            if too_long:
                self._wordless.endless()
                self._caller_stops(now)
            elif self._line.quiet(self._speaking_since, now):
                self._caller_stops(now, now - QUIET)
        elif self._assistant.stalls(now) or self._line.unnoticed(now):
            self._assistant.caller_waits(now)

    def _break_silence(self, now: float) -> list[Output]:
        """Say something where nobody else does."""
        if (rest := self._assistant.cut_off_by_noise(now)) is not None:
            self._leaving.stands(rest, now)
            return [Trouble("false_alarm"), *(self._assistant.say(rest, now) if rest else [])]
        if bridged := self._assistant.deeds.bridge(now):
            return bridged
        quiet = not (self._assistant.busy or self._keypad.busy or self._keypad.wanted_by)
        match self._idle.look(now, quiet=quiet and self._assistant.ready):
            case IdleStep.ASK:
                return self._assistant.say(self._policy.phrases.still_there, now)
            case IdleStep.GOODBYE:
                return self._leaving.say_goodbye("caller_silent", now, revocable=True)
        return []

    def _give_up_on_noise(self, now: float) -> list[Output]:
        """Let go whoever never says a word; noise does not take that back."""
        if not self._wordless.too_many or self._leaving.decided:
            return []
        return self._leaving.say_goodbye("nobody_speaks", now, revocable=False)

    # --- what the assistant does

    def _tool_called(self, call: ToolCalled, now: float) -> list[Output]:
        deeds = self._assistant.deeds
        if deeds.repeated(call):
            return []
        if not deeds.called(call):
            return deeds.overtaken(call)
        if call.name in BUILT_IN:
            return self._leaving.wish(call, now)
        wanted = self._policy.tool_digits.get(call.name)
        if wanted is None:
            return deeds.run(call, now)
        if self._keypad.wanted_by is not None:
            return deeds.answer(call, _ONE_AT_A_TIME, now)
        self._keypad.want(call, wanted, now)
        return []

    def _response_done(self, event: ResponseDone, now: float) -> list[Output]:
        spoke = self._assistant.spoke(event.response_id)
        left = self._leaving.response_done(event, now, spoke=spoke)
        done = self._unless_replaced(self._assistant.response_done(event, now))
        asks = self._ask_for_keys(event, now) if not spoke else []
        return [*done, *left, *asks, *self._let_go(now)]

    def _ask_for_keys(self, event: ResponseDone, now: float) -> list[Output]:
        """Have the caller told what to do, where a function waits for keys and the model has said nothing of it."""
        call = self._keypad.wanted_by
        if call is None or call.response_id != event.response_id or event.status == "cancelled":
            return []
        if self._keypad.busy or self._speaking_since is not None:
            return []
        return self._assistant.prompt(ASK_FOR_KEYS, now)

    # --- the end

    def _asked_to_leave(self, event: Leave, now: float) -> list[Output]:
        self._leaving.leave(event, now)
        return self._let_go(now)

    def _leave(self, outcome: Outcome, now: float, reason: str) -> list[Output]:
        """Let the caller go, after the sentence that is being spoken."""
        return self._asked_to_leave(Leave(reason, Farewell(outcome)), now)

    def _let_go(self, now: float) -> list[Output]:
        """End the call, if the time has come."""
        leaving = self._leaving.ripe(now)
        if leaving is None:
            return []
        out: list[Output] = [Trouble("gave_up", leaving.reason)] if leaving.failed else []
        state = State.ERROR if leaving.failed else State.ENDED
        out += self._assistant.voice.keep_what_was_heard(now)
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
        if self._assistant.voice.speaking:
            return State.SPEAKING
        if not self._assistant.ready or self._started_at is None:
            return State.CONNECTING
        if self._assistant.owes or self._assistant.making:
            return State.PROCESSING
        return State.READY
