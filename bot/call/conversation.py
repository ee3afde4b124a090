"""What was said so far, as far as it was heard; what a new session is given when the old one is lost."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from typing import Literal

from bot.call.commands import Turn
from bot.call.playback import Cut
from bot.call.reports import AssistantDraft, AssistantWords, CallerWords

# Speech runs at about 15 characters a second; used where an item was cut before all its audio had come.
_CHARACTERS_PER_SECOND = 15
_MOST_TURNS = 60
_MOST_CHARACTERS = 4000


@dataclass(slots=True)
class _Entry:
    role: Literal["user", "assistant"]
    text: str = ""
    settled: bool = False


class LastWord(Enum):
    """Who spoke last."""

    NOBODY = auto()
    ASSISTANT = auto()
    CALLER = auto()
    CALLER_UNHEARD = auto()  # the caller did, and nobody knows what


class Conversation:
    """The turns of one call, in the order in which they began, each known by its item."""

    def __init__(self, history: Sequence[Turn] = ()) -> None:
        self._entries: dict[str, _Entry] = {}
        self._notes = count(1)
        for turn in history:
            entry = self._entry(f"earlier {next(self._notes)}", turn.role)
            entry.text, entry.settled = turn.text, True

    def caller_began(self, item_id: str) -> None:
        """The caller began to say `item_id`; its words come later."""
        self._entry(item_id, "user")

    def caller_said(self, item_id: str, text: str) -> list[CallerWords]:
        """The words of `item_id` are known; a repetition changes nothing."""
        entry = self._entry(item_id, "user")
        text = text.strip()[:_MOST_CHARACTERS]
        if not text or entry.text == text:
            return []
        entry.text = text
        return [CallerWords(item_id, text)]

    def note(self, text: str) -> None:
        """Remember a line that stands for something the caller did. It is not reported: it may hold digits."""
        self._entry(f"note {next(self._notes)}", "user").text = text

    def assistant_words(self, item_id: str, text: str) -> list[AssistantDraft]:
        """The next words of a reply; they run ahead of its audio."""
        entry = self._entry(item_id, "assistant")
        if entry.settled or not text or len(entry.text) >= _MOST_CHARACTERS:
            return []
        entry.text += text
        return [AssistantDraft(item_id, entry.text)]

    def heard_out(self, item_id: str) -> list[AssistantWords]:
        """A reply was heard to its end."""
        entry = self._entries.get(item_id)
        if entry is None or entry.settled:
            return []
        entry.settled = True
        return [AssistantWords(item_id, entry.text)] if entry.text else []

    def cut(self, cut: Cut) -> list[AssistantWords]:
        """A reply was cut off: keep the part of its words that fits the audio that was heard."""
        entry = self._entries.get(cut.item_id)
        if entry is None or entry.settled:
            return []
        if cut.complete:
            length = round(len(entry.text) * cut.heard / cut.sent) if cut.sent else 0
        else:
            length = round(cut.heard * _CHARACTERS_PER_SECOND)
        heard = _whole_words(entry.text, length)
        report = AssistantWords(cut.item_id, heard, entry.text[len(heard) :].strip())
        entry.text, entry.settled = heard, True
        return [report] if report.heard or report.unheard else []

    def unspoken(self, played: Container[str]) -> list[AssistantWords]:
        """Replies that will not be spoken, of which nothing was sent: nobody heard their words.

        played: the items of which audio was sent.
        """
        reports = []
        for item_id, entry in self._entries.items():
            if entry.role == "assistant" and not entry.settled and item_id not in played:
                if entry.text:
                    reports.append(AssistantWords(item_id, "", entry.text))
                entry.text, entry.settled = "", True
        return reports

    def broken_off(self, cuts: list[Cut], played: Container[str]) -> list[AssistantWords]:
        """The session is lost. Replies run ahead in words: keep what was sent of them, and drop what was not at all.

        cuts: the replies that were not complete. played: the items of which audio was sent.
        """
        reports = [report for cut in cuts for report in self.cut(cut)] + self.unspoken(played)
        for item_id, entry in list(self._entries.items()):
            if entry.role == "assistant" and entry.settled and not entry.text:
                del self._entries[item_id]
        return reports

    def last_word(self) -> LastWord:
        """Who spoke last, and whether it was understood."""
        if not self._entries:
            return LastWord.NOBODY
        last = next(reversed(self._entries.values()))
        if last.role == "assistant":
            return LastWord.ASSISTANT
        return LastWord.CALLER if last.text else LastWord.CALLER_UNHEARD

    def history(self) -> tuple[Turn, ...]:
        """The last turns that have words."""
        turns = [Turn(entry.role, entry.text) for entry in self._entries.values() if entry.text]
        return tuple(turns[-_MOST_TURNS:])

    def _entry(self, item_id: str, role: Literal["user", "assistant"]) -> _Entry:
        entry = self._entries.get(item_id)
        if entry is None:
            if len(self._entries) >= 4 * _MOST_TURNS:
                del self._entries[next(iter(self._entries))]
            entry = self._entries[item_id] = _Entry(role)
        return entry


def _whole_words(text: str, length: int) -> str:
    """The first `length` characters of `text`, less a word that they cut in two."""
    if length >= len(text):
        return text
    if length <= 0:
        return ""
    head = text[:length]
    if text[length].isspace() or head[-1].isspace():
        return head.rstrip()
    return head.rpartition(" ")[0].rstrip()
