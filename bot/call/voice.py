"""What the caller hears of the assistant, and what was heard of it: the ledger of playback and the words in step."""

from __future__ import annotations

from bot.call.commands import Clear, DeleteItem, Truncate
from bot.call.conversation import Conversation
from bot.call.events import AudioDelta
from bot.call.output import Output
from bot.call.playback import Playback
from bot.call.reports import Interrupted, Trouble
from bot.call.response import ResponseDesk


class Voice:
    """The way of the replies to the caller."""

    def __init__(self, conversation: Conversation, desk: ResponseDesk) -> None:
        self._conversation = conversation
        self._desk = desk
        self._playback = Playback()
        self.last_sound_at = 0.0  # when audio of a reply came last

    @property
    def speaking(self) -> bool:
        """Whether the caller hears it, or will."""
        return self._playback.busy

    def remaining(self, now: float) -> float:
        """Seconds of sent audio that the caller has not heard."""
        return self._playback.remaining(now)

    def begin(self, now: float) -> Output:
        """The caller is on the line: measure how far away that is."""
        return self._playback.ping(now)

    def say(self, event: AudioDelta, now: float) -> list[Output]:
        """The next stretch of a reply."""
        self.last_sound_at = now
        return [*self._playback.add(event.item_id, event.content_index, event.pcm, now)]

    def finish(self, item_id: str) -> list[Output]:
        """No more audio will come for a reply."""
        return [*self._playback.finish(item_id)]

    def fall_silent(self, now: float) -> list[Output]:
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

    def played(self, mark: str, now: float) -> None:
        """The caller has heard everything up to a mark, or it was cleared."""
        self._playback.played(mark, now)

    def heard_out(self) -> list[Output]:
        """The replies that were heard to their end since this was asked last."""
        return [words for item_id in self._playback.heard_out() for words in self._conversation.heard_out(item_id)]

    def look(self, now: float) -> list[Output]:
        """Time has passed for the ledger."""
        out: list[Output] = [*self._playback.mark_tail(now)]
        if self._playback.expire(now):
            out.append(Trouble("marks_missing"))
        return out

    def keep_what_was_heard(self, now: float) -> list[Output]:
        """Close the transcript: of what is still being played, the rest will not be heard."""
        return [report for cut in self._playback.cut(now) for report in self._conversation.cut(cut)]

    def session_lost(self) -> list[Output]:
        """Nothing more comes of what was begun; what was sent is still played."""
        sent = self._playback.items
        marks, broken_off = self._playback.disown()
        return [*marks, *self._conversation.broken_off(broken_off, sent)]
