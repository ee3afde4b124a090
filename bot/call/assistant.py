"""The assistant's side of a call: its replies on their way to the caller, and the sessions behind them.

Pure, as all of `bot/call`: the call machine tells it what the service said and what the caller did, and gets commands
and reports back. What it cannot mend itself it shows by `hopeless`.
"""

from __future__ import annotations

from bot.call.commands import (
    AddText,
    CancelResponse,
    Clear,
    CreateResponse,
    DeleteItem,
    LegCommand,
    OpenSession,
    SendAudio,
    SessionCommand,
    Truncate,
)
from bot.call.conversation import Conversation
from bot.call.events import (
    AudioDelta,
    AudioDone,
    CallerSaid,
    MarkPlayed,
    ResponseDone,
    ResponseRejected,
    SessionReady,
    TranscriptDelta,
)
from bot.call.opening import first_words
from bot.call.patience import Patience, Progress, Step
from bot.call.playback import Playback
from bot.call.policy import CONTINUE, Policy
from bot.call.reports import Answered, Interrupted, Report, Trouble
from bot.call.response import ResponseDesk, Verdict
from bot.call.sessions import Renewal, SessionLife
from bot.call.waiting_audio import WaitingAudio

type Output = LegCommand | SessionCommand | Report


class Assistant:
    """Speaks, is interrupted, and is replaced where it fails. now: seconds on the call's clock."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._playback = Playback()
        self._conversation = Conversation()
        self._desk = ResponseDesk()
        self._patience = Patience(policy.longest_silence)
        self._session = SessionLife()
        self._waiting_audio = WaitingAudio()
        self._broken_off = False  # the session was lost in the middle of a reply
        self._dismissed = False
        self._asked_at: float | None = None  # when the caller stopped, and nothing of the answer has come
        self.hopeless = ""  # why nothing more can be had of any session

    # --- how it stands

    @property
    def ready(self) -> bool:
        """Whether a session listens."""
        return self._session.ready

    @property
    def speaking(self) -> bool:
        """Whether the caller hears it, or will."""
        return self._playback.busy

    @property
    def making(self) -> bool:
        """Whether a response is being made."""
        return self._desk.active

    @property
    def owes(self) -> bool:
        """Whether the caller waits for it."""
        return self._patience.owed

    def remaining(self, now: float) -> float:
        """Seconds of sent audio that the caller has not heard."""
        return self._playback.remaining(now)

    def stalls(self, now: float) -> bool:
        """Whether a response is being made, and nothing of it is left to be heard."""
        return self._desk.active and not self._playback.remaining(now)

    # --- the caller

    def begin(self, now: float) -> list[Output]:
        """The caller is on the line, and waits for the first words."""
        self._patience.owe(now)
        self._session.first()
        return [self._playback.ping(now), OpenSession()]

    def hear(self, pcm: bytes) -> list[Output]:
        """The caller's audio; what comes before a session listens is kept for it."""
        if self._session.ready:
            return [SendAudio(pcm)]
        self._waiting_audio.keep(pcm)
        return []

    def caller_began(self, item_id: str, now: float) -> list[Output]:
        """The caller speaks: nobody waits any more, and whatever is being said or planned is overtaken."""
        self._patience.settle()
        self._conversation.caller_began(item_id)
        return self._fall_silent(now)

    def caller_stopped(self, now: float) -> None:
        """The caller waits for an answer."""
        self._asked_at = now
        self._patience.owe(now)

    def caller_waits(self, now: float) -> None:
        """The caller waits, though no event has said so."""
        self._patience.owe(now)

    def caller_said(self, event: CallerSaid) -> list[Output]:
        """The caller's words are known."""
        return [*self._conversation.caller_said(event.item_id, event.text)]

    def caller_pressed(self, now: float) -> list[Output]:
        """A key interrupts like a word; unlike at a word, the service knows nothing of it."""
        cancel: list[Output] = [CancelResponse()] if self._desk.active else []
        if self._session.ready:
            self._patience.settle()
            self._patience.owe(now)
        return [*self._fall_silent(now), *cancel]

    def take_note(self, text: str, now: float) -> list[Output]:
        """Answer something that the caller did without words."""
        self._conversation.note(text)
        self._asked_at = now
        return [AddText(text), *self._desk.ask(CreateResponse())]

    def _fall_silent(self, now: float) -> list[Output]:
        """Stop in the middle of a word, and tell the model what was heard."""
        self._desk.forget_plans()
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

    # --- the way to the caller

    def played(self, event: MarkPlayed, now: float) -> None:
        """The caller has heard everything up to a mark, or it was cleared."""
        self._playback.played(event.name, now)

    def heard_out(self) -> list[Output]:
        """The replies that were heard to their end since this was asked last."""
        return [words for item_id in self._playback.heard_out() for words in self._conversation.heard_out(item_id)]

    def look_at_playback(self, now: float) -> list[Output]:
        """Time has passed for the ledger."""
        out: list[Output] = [*self._playback.mark_tail(now)]
        if self._playback.expire(now):
            out.append(Trouble("marks_missing"))
        return out

    def keep_what_was_heard(self, now: float) -> list[Output]:
        """Close the transcript: of what is still being played, the rest will not be heard."""
        return [report for cut in self._playback.cut(now) for report in self._conversation.cut(cut)]

    # --- what the service says

    def audio(self, event: AudioDelta, now: float) -> list[Output]:
        """The next stretch of a reply."""
        if not self._desk.wants(event.response_id, event.item_id):
            return []
        self._desk.heard_from(event.response_id)
        self._patience.settle()
        self._session.heard()
        out: list[Output] = [*self._playback.add(event.item_id, event.content_index, event.pcm, now)]
        if self._asked_at is not None:
            out.append(Answered(now - self._asked_at))
            self._asked_at = None
        return out

    def audio_done(self, event: AudioDone) -> list[Output]:
        """No more audio will come for a reply."""
        return [*self._playback.finish(event.item_id)]

    def words(self, event: TranscriptDelta) -> list[Output]:
        """The next words of a reply."""
        if not self._desk.wants(event.response_id, event.item_id):
            return []
        return [*self._conversation.assistant_words(event.item_id, event.text)]

    def response_created(self, response_id: str, *, overtaken: bool) -> list[Output]:
        """The model began a response. overtaken: the caller has begun to speak since it was asked for."""
        self._desk.created(response_id)
        if not overtaken:
            return []
        self._desk.drop_active()
        return [CancelResponse()]

    def response_done(self, event: ResponseDone, now: float) -> list[Output]:
        """A response ended, one way or another."""
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

    def response_refused(self) -> None:
        """The last request was refused, because another response is active."""
        self._desk.refused()

    def response_rejected(self, event: ResponseRejected, now: float) -> list[Output]:
        """The last request was not taken as it was."""
        again = self._desk.rejected()
        trouble = Trouble("response_rejected", event.reason)
        return [trouble, *(self._replace_session(now) if again is None else again)]

    # --- sessions

    def session_opened(self, event: SessionReady, now: float) -> list[Output]:
        """A session listens: it gets what was said meanwhile, and has the first word."""
        self._session.opened(now, event.lifetime)
        out: list[Output] = []
        if kept := self._waiting_audio.take():
            out.append(SendAudio(kept))
        if self._session.quiet:
            self._patience.settle()
        else:
            out += first_words(self._policy, self._conversation, self._desk, broken_off=self._broken_off)
        self._session.quiet = self._broken_off = False
        return out

    def session_failed(self, reason: str, now: float) -> list[Output]:
        """The session is lost, or could not be had."""
        return [Trouble("session_failed", reason), *self._replace_session(now)]

    def dismiss(self) -> None:
        """The caller is being let go: what fails now is not mended."""
        self._dismissed = True

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
        if pause and not (self.making or self.owes or self.speaking or self.remaining(now)):
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
        if self._dismissed:
            return self._close_books()
        if not self._session.may_be_replaced(now):
            self.hopeless = "the assistant cannot be reached"
            return self._close_books()
        self._session.replaced(now)
        self._patience.owe(now + self._playback.remaining(now))
        books = self._close_books()
        return [*books, OpenSession(self._conversation.history())]

    def _close_books(self) -> list[Output]:
        """Forget what only the old session knew; what it sent is still played."""
        self._session.closed()
        self._broken_off = self._desk.lost() or self._broken_off
        sent = self._playback.items
        marks, broken_off = self._playback.disown()
        return [*marks, *self._conversation.broken_off(broken_off, sent)]
