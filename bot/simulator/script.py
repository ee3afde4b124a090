"""What the caller says, and when.

A script is any coroutine function that takes a `Line`. When it returns, the caller hangs up; when the call ends
first, it is cancelled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.simulator.line import Line

_EARLY_ANSWER_OVER = 3.0

type Script = Callable[[Line], Awaitable[None]]
type Voice = Callable[[str], Awaitable[bytes]]
"""Speaks a text: 16-bit little-endian mono PCM at 8 kHz."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A line ready to be said. pcm: 16-bit little-endian mono at 8 kHz."""

    pcm: bytes
    text: str = ""


@dataclass(frozen=True, slots=True)
class Pressed:
    """Keys to press: 0 to 9, *, # and A to D."""

    digits: str


async def listen(line: Line) -> None:
    """Say nothing, hear the greeting out and hang up."""
    await line.until_finished()


def conversation(
    lines: Sequence[Spoken | Pressed],
    *,
    at_once: bool = False,
    interrupt_after: float | None = None,
    hang_up_after: float | None = None,
    moment: float = 0.5,
) -> Script:
    """Say or press each line once the assistant has finished, then hear the last answer out, and a `moment` more.

    at_once: the first line does not wait for the greeting. interrupt_after: every line but the first (or the only
    one) begins when the assistant has been speaking for so many seconds. hang_up_after: so many seconds after the
    last line, heard out or not.
    """

    async def script(line: Line) -> None:
        for number, next_line in enumerate(lines):
            if number == 0 and at_once:
                pass
            elif interrupt_after is not None and (number > 0 or len(lines) == 1):
                await line.until_interruptible(interrupt_after)
            else:
                await line.until_finished()
            if isinstance(next_line, Spoken):
                await line.say(next_line.pcm, next_line.text)
            else:
                line.press(next_line.digits)
                await line.until(lambda: line.pressed_all)
        if hang_up_after is not None and lines:
            await line.wait(hang_up_after)
            return
        if lines and isinstance(lines[-1], Pressed):
            await line.until_finished()
        else:
            await _until_answered(line)
        await line.wait(moment)

    return script


async def _until_answered(line: Line) -> None:
    """Hear out the answer to the last turn, and not the rest of what was being said when it ended."""
    if not line.turns:
        await line.until_finished()
        return
    turn, playout = line.turns[-1], line.playout

    def answered() -> bool:
        if turn.answered is not None:
            return True
        # A recording with noise after its last word can be answered before it ends.
        early = playout.first_sound(playout.began + turn.began, playout.began + line.now)
        return early is not None and playout.quiet_for(playout.began + line.now) >= _EARLY_ANSWER_OVER

    await line.until(answered)
    await line.until_quiet()
