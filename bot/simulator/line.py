"""The caller's end of the line: what a script speaks into and listens to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn

import audioop

from bot.errors import SimulatorError
from bot.simulator.playout import RATE, SILENCE, PlayOut, leading_quiet, sounding_length
from bot.simulator.result import Interruption, Note, Turn

FRAME = 160  # 20 ms
_SILENT_FRAME = SILENCE * FRAME
_FRAMES_BETWEEN_DIGITS = 10
_DIGITS = frozenset("0123456789*#ABCD")
QUIET = 0.8  # so long a silence after speech means that the assistant has finished


class HungUp(Exception):
    """The caller has put the phone down."""


class Line:
    """One phone held by one script. The call asks it for a frame every 20 ms, which is also how its waits advance.

    Audio in: 16-bit little-endian mono PCM at 8 kHz. Times: seconds on the call's clock.
    """

    def __init__(self, playout: PlayOut, clock: Callable[[], float], note: Callable[[str, str], Note]) -> None:
        self.playout = playout
        self.turns: list[Turn] = []
        self.interruptions: list[Interruption] = []
        self.hung_up = asyncio.Event()
        self.hung_up_at: float | None = None  # on the call's clock
        self._held = False
        self._released_at = 0.0  # on the call's clock
        self._clock = clock
        self._note = note
        self._voice = bytearray()
        self._said: list[tuple[int, bytes]] = []
        self._digits: list[str] = []
        self._frames = 0
        self._next_digit = 0
        self._first_sound = -1  # position of the last turn's first sound
        self._tick = asyncio.Event()

    # --- For scripts ----------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds since the call was placed."""
        return self._clock() - self.playout.began

    @property
    def spoken_to(self) -> bool:
        """Whether the assistant is being heard."""
        return self.playout.playing(self._clock())

    async def say(self, pcm: bytes, text: str = "") -> None:
        """Speak; returns with the last sample. text: for the transcript."""
        if len(pcm) % 2:
            raise SimulatorError("speech should be 16-bit samples, and has half a sample too many")
        audio = audioop.lin2ulaw(pcm, 2)
        audio += SILENCE * (-len(audio) % FRAME)
        begin = self._frames * FRAME + len(self._voice)
        if sounding_length(audio):
            first, last = begin + leading_quiet(audio), begin + sounding_length(audio)
            self._first_sound = first
            self.turns.append(Turn(text, first / RATE, last / RATE))
        self._voice += audio
        if text:
            self._note("you", text)
        end = (begin + len(audio)) // FRAME
        await self.until(lambda: self._frames >= end)

    async def until_spoken_to(self) -> None:
        """Wait until the assistant is heard."""
        await self.until(lambda: self.spoken_to)

    async def until_quiet(self, seconds: float = QUIET) -> None:
        """Wait until nothing has been heard for so long. A silence in which Twilio does something is none."""

        def quiet() -> bool:
            now = self._clock()
            return not self._held and min(self.playout.quiet_for(now), now - self._released_at) >= seconds

        await self.until(quiet)

    async def until_finished(self, seconds: float = QUIET) -> None:
        """Wait until the assistant has said something and has then been quiet for so long."""
        await self.until_spoken_to()
        await self.until_quiet(seconds)

    async def until_interruptible(self, seconds: float) -> None:
        """Wait until the assistant has been speaking for so long, or has finished sooner."""
        await self.until_spoken_to()
        await self.until(
            lambda: (
                self.playout.playing_for(self._clock()) >= seconds or self.playout.quiet_for(self._clock()) >= QUIET
            )
        )

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        end = self._clock() + seconds
        await self.until(lambda: self._clock() >= end)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until `true()`, looked at every 20 ms."""
        while not true():
            await self._tick.wait()

    def press(self, digits: str) -> None:
        """Press keys, one every 200 ms."""
        if not set(digits) <= _DIGITS:
            raise SimulatorError("digits should be 0 to 9, *, #, and A to D")
        self._digits += digits
        self._note("call", f"you press {len(digits)} {'key' if len(digits) == 1 else 'keys'}")  # they may be a PIN

    @property
    def pressed_all(self) -> bool:
        """Whether every key has been pressed."""
        return not self._digits

    async def hang_up(self) -> NoReturn:
        """Put the phone down. The script ends here."""
        self.put_down()
        while True:
            await asyncio.Event().wait()

    # --- For the call ---------------------------------------------------------------------------------------------

    def put_down(self) -> None:
        """Hang up, if that has not been done."""
        if not self.hung_up.is_set():
            self.hung_up_at = self._clock()
            self.hung_up.set()

    async def keep_time(
        self,
        send: Callable[[bytes, str], None],
        sleep: Callable[[float], Awaitable[object]],
        max_seconds: float,
    ) -> None:
        """Fifty times a second, on a schedule that does not drift: `send` 20 ms of the caller, and a key or "".

        Never ends by itself; hangs up after `max_seconds`.
        """
        while True:
            left = self.playout.time((self._frames + 1) * FRAME) - self._clock()
            if left > 0:
                await sleep(left)
            send(*self.frame())
            if self._frames * FRAME / RATE >= max_seconds and not self.hung_up.is_set():
                self._note("call", f"hanging up after {max_seconds:g} s")
                self.put_down()

    async def held[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` that keeps the line busy: Twilio speaks, dials or presses keys. Raises HungUp."""
        self._held = True
        try:
            return await self.unless_hung_up(work)
        finally:
            self._held, self._released_at = False, self._clock()

    async def unless_hung_up[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`; raises HungUp, and cancels it, when the caller hangs up first."""
        doing = asyncio.ensure_future(work)
        hanging_up = asyncio.ensure_future(self.hung_up.wait())
        try:
            await asyncio.wait({doing, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            raise HungUp
        finally:
            doing.cancel()
            hanging_up.cancel()
            await asyncio.gather(doing, hanging_up, return_exceptions=True)

    def frame(self) -> tuple[bytes, str]:
        """The next 20 ms of what the caller says, and a key pressed in it or "". Wakes whoever waits."""
        frame = bytes(self._voice[:FRAME]) or _SILENT_FRAME
        if self._voice:
            del self._voice[:FRAME]
            self._said.append((self._frames * FRAME, frame))
        digit = ""
        if self._digits and self._frames >= self._next_digit:
            digit = self._digits.pop(0)
            self._next_digit = self._frames + _FRAMES_BETWEEN_DIGITS
        self._frames += 1
        self._measure()
        tick, self._tick = self._tick, asyncio.Event()
        tick.set()
        return frame, digit

    def said(self, until: float) -> bytes:
        """Everything the caller said up to `until`, silence included: μ-law at 8 kHz."""
        end = self.playout.position(until)
        sound = bytearray(SILENCE * end)
        for position, frame in self._said:
            length = min(FRAME, end - position)
            if length > 0:
                sound[position : position + length] = frame[:length]
        return bytes(sound)

    def _measure(self) -> None:
        """Keep the last turn's latency, and how soon talking over the assistant was heeded."""
        if not self.turns:
            return
        turn, now, placed = self.turns[-1], self._clock(), self.playout.began
        spoken = self._frames * FRAME
        if spoken - FRAME <= self._first_sound < spoken and self.playout.playing(placed + turn.began):
            self.interruptions.append(Interruption(turn.began))
        if turn.answered is None and turn.ended * RATE <= spoken:
            sound = self.playout.first_sound(placed + turn.ended, now)
            if sound is not None:
                turn.answered = sound - placed
                self._note("call", f"an answer was heard {turn.answered - turn.ended:.2f} s after you had finished")
        if not self.interruptions or self.playout.playing(now):
            return
        interruption = self.interruptions[-1]
        if interruption.silent is None:
            interruption.silent = max(interruption.began, self.playout.ran_dry_at - placed)
            interruption.cleared = any(cleared.at >= placed + interruption.began for cleared in self.playout.cleared)
            verb = "fell silent" if interruption.cleared else "had finished"
            after = interruption.silent - interruption.began
            self._note("call", f"the assistant {verb} {after:.2f} s after you began to talk over it")
