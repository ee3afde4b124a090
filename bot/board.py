"""Every call of this process at a glance, for those who watch: one row each, and which rows have changed.

Watchers remember the version they have seen and ask for what is newer, at their own pace: nothing is queued for
them, and a call pays the same whether nobody watches or ten do.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from bot.call.events import CallerFacts
from bot.call.reports import (
    Answered,
    AssistantDraft,
    AssistantWords,
    AudioMissing,
    CallerWords,
    Interrupted,
    Report,
    State,
    StateChanged,
)
from bot.masking import mask

_ENDED_KEPT = 20  # calls that are over and still shown to who comes late
_LONGEST_WORDS = 200  # characters


@dataclass(frozen=True, slots=True)
class Row:
    """One call. caller, called: masked; began: seconds since 1970; outcome: how it ended, once it is over."""

    call_id: str
    caller: str
    called: str
    began: float
    state: State = State.CONNECTING
    message: str = ""
    caller_words: str = ""
    assistant_words: str = ""
    answer_seconds: float | None = None
    interruptions: int = 0
    missing_seconds: float = 0.0
    over: bool = False
    outcome: str = ""
    transferable: bool = True


class Board:
    """The rows. boot: a word that tells this process from the one before it, for watchers who come back."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self.version = 0
        self.oldest = 0  # who has seen less than this has missed rows that are gone
        self.closed = False
        self._rows: dict[str, tuple[int, Row]] = {}  # in the order of their last change
        self._ended: dict[str, None] = {}
        self._more = asyncio.Event()

    # --- what happens

    def begin(self, facts: CallerFacts, began: float) -> None:
        """A call is expected. began: seconds since 1970."""
        self._ended.pop(facts.call_id, None)
        row = Row(facts.call_id, mask(facts.caller), mask(facts.called), began, transferable=facts.transferable)
        self._enter(row)

    def take(self, call_id: str, report: Report) -> None:
        """Something was reported of a call."""
        _, row = self._rows.get(call_id, (0, None))
        if row is not None and (changed := _after(row, report)) is not row:
            self._enter(changed)

    def end(self, call_id: str, outcome: str) -> None:
        """A call is over. outcome: one word."""
        _, row = self._rows.get(call_id, (0, None))
        if row is None:
            return
        state = row.state if row.state is State.ERROR else State.ENDED
        self.show(replace(row, state=state, over=True, outcome=outcome))

    def show(self, row: Row) -> None:
        """A row is to be shown as it is: another process, which has the call, tells of it."""
        self._enter(row)
        self._ended.pop(row.call_id, None)
        if row.over:
            self._ended[row.call_id] = None
        while len(self._ended) > _ENDED_KEPT:
            gone = next(iter(self._ended))
            del self._ended[gone]
            self.oldest = max(self.oldest, self._rows.pop(gone)[0])

    def close(self) -> None:
        """The house closes: nothing more will happen."""
        self.closed = True
        self._tell()

    # --- who watches

    def changes(self, after: int) -> list[Row]:
        """The rows that have changed since version `after`, in the order of their last change."""
        changed = []
        for version, row in reversed(self._rows.values()):
            if version <= after:
                break
            changed.append(row)
        return changed[::-1]

    async def changed(self, after: int) -> None:
        """Wait until something has happened since version `after`, or the board is closed."""
        while self.version <= after and not self.closed:
            await self._more.wait()

    def _enter(self, row: Row) -> None:
        self.version += 1
        self._rows.pop(row.call_id, None)
        self._rows[row.call_id] = (self.version, row)
        self._tell()

    def _tell(self) -> None:
        """Wake who waits, and have the next one wait for the next change."""
        self._more.set()
        self._more = asyncio.Event()


def _after(row: Row, report: Report) -> Row:
    match report:
        case StateChanged():
            return replace(row, state=report.state, message=report.message)
        case CallerWords():
            return replace(row, caller_words=report.text[-_LONGEST_WORDS:])
        case AssistantDraft():
            return replace(row, assistant_words=report.text[-_LONGEST_WORDS:])
        case AssistantWords():
            return replace(row, assistant_words=report.heard[-_LONGEST_WORDS:])
        case Answered():
            return replace(row, answer_seconds=report.seconds)
        case Interrupted():
            return replace(row, interruptions=row.interruptions + 1)
        case AudioMissing():
            return replace(row, missing_seconds=row.missing_seconds + report.seconds)
        case _:
            return row
