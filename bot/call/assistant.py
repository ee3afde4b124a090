"""The assistant's side of a call: its replies on their way to the caller, and the sessions behind them.

Pure, as all of `bot/call`: the call machine tells it what the service said and what the caller did, and gets commands
and reports back. What it cannot mend itself it shows by `hopeless`.
"""

from __future__ import annotations

from bot.call.commands import (
    AddText,
    CancelResponse,
    CreateResponse,
    OpenSession,
    SendAudio,
    Turn,
)
from bot.call.conversation import Conversation
from bot.call.deeds import Deeds
from bot.call.events import (
    AudioDelta,
    CallerSaid,
    ResponseDone,
    ResponseRejected,
    SessionReady,
    TranscriptDelta,
)
from bot.call.false_alarm import FalseAlarm
from bot.call.floor import Floor
from bot.call.opening import Returning, first_words
from bot.call.output import Output
from bot.call.patience import Patience, Progress, Step
from bot.call.policy import CONTINUE, Policy
from bot.call.reports import Answered, AssistantWords, Trouble
from bot.call.response import ResponseDesk, Verdict
from bot.call.sessions import Renewal, SessionLife
from bot.call.tooling import ToolDesk
from bot.call.voice import Voice
from bot.call.waiting_audio import WaitingAudio


class Assistant:
    """Speaks, is interrupted, and is replaced where it fails. now: seconds on the call's clock."""

    def __init__(self, policy: Policy, returning: Returning | None = None) -> None:
        self._policy = policy
        self._returning = returning
        self._conversation = Conversation(returning.history if returning else ())
        self._false_alarm = FalseAlarm()
        self._floor = Floor()
        self._desk = ResponseDesk()
        self.voice = Voice(self._conversation, self._desk)
        self._patience = Patience(policy.longest_silence)
        self._session = SessionLife()
        self._tools = ToolDesk(policy, self._conversation)
        self.deeds = Deeds(
            policy,
            self._tools,
            desk=self._desk,
            patience=self._patience,
            session=self._session,
            floor=self._floor,
        )
        self._waiting_audio = WaitingAudio()
        self._broken_off = False  # the session was lost in the middle of a reply
        self._asked_at: float | None = None  # when the caller stopped, and nothing of the answer has come
        self.hopeless = ""  # why nothing more can be had of any session

    # --- how it stands

    @property
    def ready(self) -> bool:
        """Whether a session listens."""
        return self._session.ready

    @property
    def busy(self) -> bool:
        """Whether something is being said, made, waited for, or run."""
        return self.voice.speaking or self.making or self.owes or self.deeds.working

    @property
    def history(self) -> tuple[Turn, ...]:
        """What was said, as far as it was heard."""
        return self._conversation.history()

    @property
    def making(self) -> bool:
        """Whether a response is being made."""
        return self._desk.active

    @property
    def owes(self) -> bool:
        """Whether the caller waits for it."""
        return self._patience.owed

    def stalls(self, now: float) -> bool:
        """Whether a response is being made, and nothing of it is left to be heard."""
        return self._desk.active and not self.voice.remaining(now)

    # --- the caller

    def begin(self, now: float) -> list[Output]:
        """The caller is on the line, and waits for the first words."""
        self._patience.owe(now)
        self._floor.sound(now)
        self._session.first()
        return [self.voice.begin(now), OpenSession(self.history)]

    def hear(self, pcm: bytes) -> list[Output]:
        """The caller's audio; what comes before a session listens is kept for it."""
        if self._session.ready:
            return [SendAudio(pcm)]
        self._waiting_audio.keep(pcm)
        return []

    def caller_began(self, item_id: str, now: float) -> list[Output]:
        """The caller speaks: nobody waits any more, and whatever is being said or planned is overtaken."""
        self._floor.caller_begins()
        self._patience.settle()
        self._conversation.caller_began(item_id)
        out = self.voice.fall_silent(now)
        self._false_alarm.silenced(item_id, " ".join(o.unheard for o in out if isinstance(o, AssistantWords)))
        return out

    def caller_stopped(self, now: float, at: float, last_word: float) -> None:
        """The caller waits for an answer. at: when speech, or a noise, is taken to have ended.

        last_word: when the line was last loud, which is sooner, because it takes some silence to tell.
        """
        self._floor.caller_stops(now)
        self._asked_at = last_word
        self._patience.owe(now)
        self._tools.caller_spoke()
        self._false_alarm.stopped(at)

    def caller_waits(self, now: float) -> None:
        """The caller waits, though no event has said so."""
        self._patience.owe(now)

    def caller_said(self, event: CallerSaid, now: float) -> list[Output]:
        """The caller's words are known."""
        if event.text.strip() or not event.known:
            self._false_alarm.words(event.item_id)
        else:
            self._false_alarm.no_words(event.item_id, now)
        return [*self._conversation.caller_said(event.item_id, event.text)]

    def caller_pressed(self, now: float) -> list[Output]:
        """A key interrupts like a word; unlike at a word, the service knows nothing of it."""
        cancel: list[Output] = [CancelResponse()] if self._desk.drop_active() else []
        self._desk.drop_asked()
        self._false_alarm.settled()
        self.caller_has_time(now)
        if self.ready:
            self._patience.settle()
        return [*self.voice.fall_silent(now), *cancel]

    def caller_has_time(self, now: float) -> None:
        """Nothing is heard because the caller presses keys, or is to: that is no silence of ours."""
        self._floor.sound(now)

    def take_note(self, text: str, now: float) -> list[Output]:
        """Answer something that the caller did without words."""
        self._conversation.note(text)
        self._asked_at = now
        self._patience.owe(now)
        return [AddText(text), *self._desk.ask(CreateResponse())]

    def time_passes(self, now: float) -> list[Output]:
        """Look at what has been heard by now."""
        out = self.voice.look(now)
        if self._floor.caller_speaks or self.voice.remaining(now):
            self._floor.sound(now)
        return out

    # --- what the service says

    def audio(self, event: AudioDelta, now: float) -> list[Output]:
        """The next stretch of a reply."""
        if not self._desk.wants(event.response_id, event.item_id):
            return []
        self._desk.heard_from(event.response_id)
        self._patience.settle()
        self._false_alarm.settled()
        self._session.heard()
        self._floor.answered()
        self._floor.sound(now)
        out = self.voice.say(event, now)
        if self._asked_at is not None:
            out.append(Answered(now - self._asked_at))
            self._asked_at = None
        return out

    def words(self, event: TranscriptDelta) -> list[Output]:
        """The next words of a reply."""
        if not self._desk.wants(event.response_id, event.item_id):
            return []
        return [*self._conversation.assistant_words(event.item_id, event.text)]

    def response_created(self, response_id: str, *, overtaken: bool) -> list[Output]:
        """The model began a response. overtaken: the caller has begun to speak since it was asked for."""
        if not self._desk.created(response_id, overtaken=overtaken):
            return [CancelResponse()]
        self._floor.answered()
        if self._desk.free:
            self._tools.response_began()
        return []

    def response_done(self, event: ResponseDone, now: float) -> list[Output]:
        """A response ended, one way or another."""
        items = self._desk.items_of(event.response_id)
        out: list[Output] = [mark for item_id in items for mark in self.voice.finish(item_id)]
        verdict = self._desk.done(event)
        match verdict.kind:
            case Verdict.Kind.SATISFIED:
                self._patience.settle()
                self._tools.response_heard()
            case Verdict.Kind.BLOCKED:
                blocked = CreateResponse(say=self._policy.phrases.blocked)
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
        return [*out, *verdict.next, *self.deeds.bridge(now)]

    def response_refused(self) -> None:
        """The last request was refused, because another response is active."""
        self._desk.refused()

    def response_rejected(self, event: ResponseRejected, now: float) -> list[Output]:
        """The last request was not taken as it was."""
        again = self._desk.rejected()
        trouble = Trouble("response_rejected", event.reason)
        return [trouble, *(self._replace_session(now) if again is None else again)]

    # --- what it says of itself

    def is_making(self, response_id: str) -> bool:
        """Whether this response is being made."""
        return self._desk.is_making(response_id)

    def spoke(self, response_id: str) -> bool:
        """Whether anything of the response that is being made was heard, if it is this one."""
        return self._desk.spoke(response_id)

    def say(self, words: str, now: float) -> list[Output]:
        """Say something word for word, as soon as nothing else is being made."""
        self._patience.owe(now)
        return [*self._desk.ask(CreateResponse(say=words))]

    def prompt(self, instructions: str, now: float) -> list[Output]:
        """Have the model say something in its own words."""
        self._patience.owe(now)
        return [*self._desk.ask(CreateResponse(instructions=instructions))]

    def cut_off_by_noise(self, now: float) -> str | None:
        """What is still to be said, where a noise and no person cut it off; None where nothing of the kind is due."""
        if self._desk.active or self._floor.caller_speaks or self.voice.remaining(now) or not self.ready:
            return None
        rest = self._false_alarm.take(now)
        if rest is not None:
            self._floor.answered()
        return rest

    def hold_up(self, words: str) -> None:
        """What was heard holds up the end of the call too. words: to be said then, if nothing else is."""
        self._false_alarm.holds_up(words)

    # --- sessions

    def session_opened(self, event: SessionReady, now: float) -> list[Output]:
        """A session listens: it gets what was said meanwhile, and has the first word."""
        self._session.opened(now, event.lifetime)
        out = self._tools.session_opened()
        if kept := self._waiting_audio.take():
            out.append(SendAudio(kept))
        if self._session.quiet:
            self._patience.settle()
        else:
            returning, self._returning = self._returning, None
            out += first_words(
                self._policy, self._conversation, self._desk, broken_off=self._broken_off, returning=returning
            )
            if returning is not None and not returning.instructions:
                self._patience.settle()
        self._session.quiet = self._broken_off = False
        return out

    def session_failed(self, reason: str, now: float) -> list[Output]:
        """The session is lost, or could not be had."""
        return [Trouble("session_failed", reason), *self._replace_session(now)]

    def dismiss(self) -> None:
        """The caller is being let go: what fails now is not mended."""
        self._floor.dismissed = True

    def recall(self) -> None:
        """The caller is not let go after all."""
        self._floor.dismissed = False

    def next_step(self, now: float) -> list[Output]:
        """The next rung of the ladder, where the caller has waited long enough for it."""
        match self._patience.due(now, self._progress()):
            case Step.ASK_AGAIN if not self._desk.active:
                return [Trouble("asked_again"), *self._desk.ask(CreateResponse(), insist=False)]
            case Step.RECONNECT if self._session.may_be_replaced(now):
                return [Trouble("no_answer"), *self._replace_session(now)]
            case Step.GIVE_UP:
                self.hopeless = "the assistant does not answer"
        return []

    def renew(self, now: float, *, pause: bool) -> list[Output]:
        """Replace a session before the service ends it: in a pause if there is one."""
        renewal = self._session.renewal(now)
        if renewal is Renewal.NOT_YET:
            return []
        if pause and not (self.busy or self.voice.remaining(now)):
            out = self._close_books()
            self._session.renewed()
            self._patience.owe(now)
            return [*out, OpenSession(self._conversation.history())]
        return self._replace_session(now) if renewal is Renewal.NOW else []

    def _progress(self) -> Progress:
        if not self._session.ready:
            return Progress.CONNECTING
        return Progress.RESPONSE if self._desk.making else Progress.NOTHING

    def _replace_session(self, now: float) -> list[Output]:
        """Another session at once; where that was tried, there is no hope."""
        if self._floor.dismissed:
            return self._close_books()
        if not self._session.may_be_replaced(now):
            self.hopeless = "the assistant cannot be reached"
            return self._close_books()
        self._session.replaced(now)
        self._patience.owe(now + self.voice.remaining(now))
        books = self._close_books()
        return [*books, OpenSession(self._conversation.history())]

    def _close_books(self) -> list[Output]:
        """Forget what only the old session knew; what it sent is still played."""
        self._session.closed()
        self._floor.session_lost()
        self._tools.session_lost()
        self._false_alarm.settled()
        self._broken_off = self._desk.lost() or self._broken_off
        return self.voice.session_lost()
