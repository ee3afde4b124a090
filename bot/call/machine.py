"""One call as a pure state machine: an event and the time go in, commands and reports come out.

No socket, no clock, no await: the runner brings events and carries out commands, so a test is a list of events with
times. What is decided here:

- **Greeting.** Once the leg has started and the session is ready.
- **Barge-in.** When the caller speaks or presses a key: clear, tell the model what was heard, drop what still comes.
- **Failure.** A session that fails, or does not answer in time, is replaced once, with what was said so far; if that
  does not help, the caller is let go to the safety net. Whatever happens, silence is bounded (`Patience`).
- **Limits.** The longest call, the end of the session's life, a leg that has gone silent.
"""

from __future__ import annotations

from bot.call.commands import (
    AddText,
    CancelResponse,
    Clear,
    CloseLeg,
    CloseSession,
    CreateResponse,
    DeleteItem,
    Farewell,
    LegCommand,
    OpenSession,
    Outcome,
    SendAudio,
    SessionCommand,
    Truncate,
)
from bot.call.conversation import Conversation
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
from bot.call.opening import first_words
from bot.call.patience import Patience, Progress, Step
from bot.call.playback import Playback
from bot.call.policy import CONTINUE, Policy
from bot.call.reports import Answered, AudioMissing, Interrupted, Report, State, StateChanged, Trouble
from bot.call.response import ResponseDesk, Verdict
from bot.call.sessions import Renewal, SessionLife
from bot.call.waiting_audio import WaitingAudio

type Output = LegCommand | SessionCommand | Report

_LEG_SILENT = 15.0  # a leg sends audio all the time, silence included; one that does not has gone
_LONGEST_SPEECH = 60.0  # on a line that is never quiet; after that the service forgot to say that it stopped


class Call:
    """Decides everything in one call. now: seconds on the call's clock, never going back."""

    def __init__(self, policy: Policy, *, now: float) -> None:
        self._policy = policy
        self._state = State.CONNECTING
        self._playback = Playback()
        self._conversation = Conversation()
        self._patience = Patience(policy.longest_silence)
        self._keypad = Keypad()
        self._desk = ResponseDesk()
        self._waiting_audio = WaitingAudio()
        self._line = LineLevel()
        self._started_at: float | None = None
        self._last_audio_at = now
        self._session = SessionLife()
        self._broken_off = False  # the session was lost in the middle of a reply
        self._speaking_since: float | None = None  # the caller
        self._speaking_item = ""
        self._stopped_at: float | None = None
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
        for item_id in self._playback.heard_out():
            out += self._conversation.heard_out(item_id)
        return out + self._show_state(now)

    def _decide(self, event: OtherEvent, now: float) -> list[Output]:
        match event:
            case AudioDelta():
                return self._audio_delta(event, now)
            case MarkPlayed():
                self._playback.played(event.name, now)
                return self._let_go_if_polite(now)
            case Tick():
                return self._tick(now)
            case TranscriptDelta():
                if not self._desk.wants(event.response_id, event.item_id):
                    return []
                return [*self._conversation.assistant_words(event.item_id, event.text)]
            case AudioLost():
                return [AudioMissing(event.seconds)]
            case AudioDone():
                return [*self._playback.finish(event.item_id)]
            case SpeechStarted():
                return self._caller_speaks(event, now)
            case SpeechStopped():
                return self._caller_stops(now)
            case CallerSaid():
                # Words are the proof that speech has ended, should the event that says so be missing.
                ended = self._speaking_since is not None and event.item_id == self._speaking_item
                stopped = self._caller_stops(now) if ended else []
                return [*stopped, *self._conversation.caller_said(event.item_id, event.text)]
            case ResponseCreated():
                self._desk.created(event.response_id)
                if self._speaking_since is None:
                    return []
                self._desk.drop_active()  # asked for before the caller spoke, and overtaken
                return [CancelResponse()]
            case ResponseDone():
                return self._response_done(event, now)
            case ResponseRefused():
                self._desk.refused()
                return []
            case ResponseRejected():
                trouble = Trouble("response_rejected", event.reason)
                again = self._desk.rejected()
                return [trouble, *(self._replace_session(now) if again is None else again)]
            case ServiceError():
                return [Trouble("service_error", f"{event.code}: {event.message}")]
            case SessionReady():
                return self._session_opened(event, now)
            case SessionFailed():
                return [Trouble("session_failed", event.reason), *self._replace_session(now)]
            case DigitPressed():
                return self._digit(event, now)
            case LegStarted():
                self._started_at = self._last_audio_at = now
                self._patience.owe(now)
                self._session.first()
                return [self._playback.ping(now), OpenSession()]
            case LegEnded():
                return self._leg_ended(event, now)
            case Leave():
                self._leaving = Departure(event.farewell, now, event.reason, event.at_once)
                return self._let_go_if_polite(now)

    # --- the caller

    def _caller_audio(self, event: CallerAudio, now: float) -> list[Output]:
        self._last_audio_at = now
        self._line.hear(event.pcm, now, alone=self._state is not State.SPEAKING)
        if self._session.ready:
            return [SendAudio(event.pcm)]
        self._waiting_audio.keep(event.pcm)
        return []

    def _caller_speaks(self, event: SpeechStarted, now: float) -> list[Output]:
        self._speaking_since, self._speaking_item = now, event.item_id
        self._line.noticed()
        self._patience.settle()
        self._desk.forget_plans()
        self._conversation.caller_began(event.item_id)
        return self._interrupt(now)

    def _caller_stops(self, now: float) -> list[Output]:
        self._speaking_since, self._stopped_at = None, now
        self._line.noticed()
        self._patience.owe(now)
        return []

    def _interrupt(self, now: float) -> list[Output]:
        """Silence the assistant, and tell the model what was heard of it."""
        out: list[Output] = [Clear()] if self._playback.unconfirmed else []
        for cut in self._playback.cut(now):
            heard_ms, sent_ms = int(cut.heard * 1000), int(cut.sent * 1000)
            self._desk.drop_item(cut.item_id)
            if not cut.orphan:
                truncate = Truncate(cut.item_id, cut.content_index, heard_ms)
                out.append(truncate if heard_ms else DeleteItem(cut.item_id))
            out.append(Interrupted(cut.item_id, heard_ms, sent_ms))
            out += self._conversation.cut(cut)
        self._desk.drop_active()
        return out + self._conversation.unspoken(self._playback.items)

    def _digit(self, event: DigitPressed, now: float) -> list[Output]:
        self._keypad.press(event.digit, now)
        cancel: list[Output] = [CancelResponse()] if self._desk.active else []
        self._desk.forget_plans()
        if self._session.ready:
            self._patience.settle()
            self._patience.owe(now)
        return [*self._interrupt(now), *cancel, *self._take_digits(now)]

    def _take_digits(self, now: float) -> list[Output]:
        if not self._session.ready or not (digits := self._keypad.take(now)):
            return []
        text = f"The caller pressed {digits} on the keypad."
        self._conversation.note(text)
        self._stopped_at = now
        return [AddText(text), *self._desk.ask(CreateResponse())]

    def _leg_ended(self, event: LegEnded, now: float) -> list[Output]:
        out = self._keep_what_was_heard(now)
        if event.failed:
            out.append(Trouble("leg_failed", event.reason))
        return [*out, *self._end(State.ERROR if event.failed else State.ENDED, event.reason)]

    def _keep_what_was_heard(self, now: float) -> list[Output]:
        """Close the transcript: of what is still being played, the rest will not be heard."""
        return [report for cut in self._playback.cut(now) for report in self._conversation.cut(cut)]

    # --- the assistant

    def _audio_delta(self, event: AudioDelta, now: float) -> list[Output]:
        if not self._desk.wants(event.response_id, event.item_id):
            return []
        self._desk.heard_from(event.response_id)
        self._patience.settle()
        self._session.heard()
        out: list[Output] = [*self._playback.add(event.item_id, event.content_index, event.pcm, now)]
        if self._stopped_at is not None:
            out.append(Answered(now - self._stopped_at))
            self._stopped_at = None
        return out

    def _response_done(self, event: ResponseDone, now: float) -> list[Output]:
        items = self._desk.items_of(event.response_id)
        out: list[Output] = [mark for item_id in items for mark in self._playback.finish(item_id)]
        verdict = self._desk.done(event)
        match verdict.kind:
            case Verdict.Kind.SATISFIED:
                self._patience.settle()
            case Verdict.Kind.BLOCKED:
                blocked = CreateResponse(say=self._policy.blocked)
                out += [Trouble("response_blocked", event.detail), *self._desk.ask(blocked)]
            case Verdict.Kind.FAILED:
                out.append(Trouble("response_failed", event.detail or event.status))
            case Verdict.Kind.BROKEN_OFF:
                rest = CreateResponse(instructions=CONTINUE)
                out += [Trouble("response_failed", event.detail), *self._desk.ask(rest)]
            case Verdict.Kind.HOPELESS:
                return [*out, Trouble("response_failed", event.detail), *self._replace_session(now)]
            case Verdict.Kind.IGNORED:
                pass
        return [*out, *verdict.next]

    # --- the session

    def _session_opened(self, event: SessionReady, now: float) -> list[Output]:
        self._session.opened(now, event.lifetime)
        out: list[Output] = []
        if kept := self._waiting_audio.take():
            out.append(SendAudio(kept))
        if self._session.quiet:
            self._patience.settle()
        else:
            out += first_words(self._policy, self._conversation, self._desk, broken_off=self._broken_off)
        self._session.quiet = self._broken_off = False
        return [*out, *self._take_digits(now)]

    def _replace_session(self, now: float) -> list[Output]:
        """The next rung of the ladder: another session at once, or, where that was tried, the safety net."""
        if self._leaving is not None:
            return self._close_books()
        if not self._session.may_be_replaced(now):
            return [*self._close_books(), *self._leave(Outcome.FAILED, now, "the assistant cannot be reached")]
        self._session.replaced(now)
        self._patience.owe(now + self._playback.remaining(now))
        books = self._close_books()
        return [*books, OpenSession(self._conversation.history())]

    def _close_books(self) -> list[Output]:
        """Forget what only the old session knew; what it sent is still played."""
        self._session.closed()
        self._speaking_since = None
        self._broken_off = self._desk.lost() or self._broken_off
        sent = self._playback.items
        marks, broken_off = self._playback.disown()
        return [*marks, *self._conversation.broken_off(broken_off, sent)]

    def _renew(self, now: float) -> list[Output]:
        """Replace a session before the service ends it: in a pause if there is one."""
        renewal = self._session.renewal(now)
        if renewal is Renewal.NOT_YET:
            return []
        if self._quiet(now):
            out = self._close_books()
            self._session.renewed()
            self._patience.owe(now)
            return [*out, OpenSession(self._conversation.history())]
        return self._replace_session(now) if renewal is Renewal.NOW else []

    # --- time

    def _tick(self, now: float) -> list[Output]:
        out: list[Output] = [*self._playback.mark_tail(now)]
        if self._playback.expire(now):
            out.append(Trouble("marks_missing"))
        if self._started_at is None:
            return out
        if self._leaving is None and now - self._last_audio_at > _LEG_SILENT:
            out += [Trouble("leg_silent"), *self._leave(Outcome.FAILED, now, "nothing comes from the caller")]
        if self._leaving is None and now - self._started_at >= self._policy.longest_call:
            out += self._leave(Outcome.LIMIT, now, "the longest call is over")
        if self._leaving is not None:
            return [*out, *self._let_go_if_polite(now)]
        self._look_at_the_line(now)
        return [*out, *self._take_digits(now), *self._patience_step(now), *self._renew(now)]

    def _look_at_the_line(self, now: float) -> None:
        """Notice that the caller waits, where no event has said so."""
        if self._speaking_since is not None:
            too_long = now - self._speaking_since >= _LONGEST_SPEECH
            if too_long or self._line.quiet(self._speaking_since, now):
                self._caller_stops(now)
        elif (self._desk.active and not self._playback.remaining(now)) or self._line.unnoticed(now):
            self._patience.owe(now)  # a reply that stalls, or a session that has gone deaf

    def _progress(self) -> Progress:
        if not self._session.ready:
            return Progress.CONNECTING
        return Progress.RESPONSE if self._desk.making else Progress.NOTHING

    def _patience_step(self, now: float) -> list[Output]:
        if self._speaking_since is not None:
            return []
        match self._patience.due(now, self._progress()):
            case Step.ASK_AGAIN if not self._desk.active:
                return [Trouble("asked_again"), *self._desk.ask(CreateResponse(), insist=False)]
            case Step.RECONNECT if self._session.may_be_replaced(now):
                return [Trouble("no_answer"), *self._replace_session(now)]
            case Step.GIVE_UP:
                return self._leave(Outcome.FAILED, now, "the assistant does not answer")
        return []

    def _quiet(self, now: float) -> bool:
        return not (
            self._speaking_since is not None
            or self._desk.active
            or self._patience.owed
            or self._playback.busy
            or self._playback.remaining(now)
        )

    # --- the end

    def _leave(self, outcome: Outcome, now: float, reason: str) -> list[Output]:
        """Let the caller go, after the sentence that is being spoken."""
        if self._leaving is None:
            self._leaving = Departure(Farewell(outcome), now, reason)
        return self._let_go_if_polite(now)

    def _let_go_if_polite(self, now: float) -> list[Output]:
        leaving = self._leaving
        if leaving is None:
            return []
        answering = self._desk.active and not self._patience.owed
        if not leaving.due(now, remaining=self._playback.remaining(now), busy=self._playback.busy or answering):
            return []
        out: list[Output] = [Trouble("gave_up", leaving.reason)] if leaving.failed else []
        state = State.ERROR if leaving.failed else State.ENDED
        return [*out, *self._keep_what_was_heard(now), CloseLeg(leaving.farewell), *self._end(state, leaving.reason)]

    def _end(self, state: State, reason: str) -> list[Output]:
        self._over = True
        self._state = state
        return [CloseSession(), StateChanged(state, reason)]

    def _show_state(self, now: float) -> list[Output]:
        state = self._current_state(now)
        if self._over or state is self._state:
            return []
        self._state = state
        return [StateChanged(state)]

    def _current_state(self, now: float) -> State:
        if self._speaking_since is not None:
            return State.LISTENING
        if self._playback.busy:
            return State.SPEAKING
        if not self._session.ready or self._started_at is None:
            return State.CONNECTING
        if self._patience.owed or self._desk.active:
            return State.PROCESSING
        return State.READY
