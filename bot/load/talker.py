"""Carries a script out: which frame the caller says next. Pure; it is asked once every 20 ms and told the time."""

from __future__ import annotations

from collections.abc import Iterator

from bot.load.ear import Ear
from bot.load.record import FRAME_SECONDS, BargeIn, CallRecord, Line
from bot.load.script import Interrupt, Listen, Pause, Press, Script, Speak, Step
from bot.load.sound import INTERRUPTS, LOUD, Frame, line_noise, recording, spoken

_FRAMES_BETWEEN_DIGITS = 10
_SETTLED = 0.2  # seconds of silence until the assistant counts as having stopped


class Talker:
    """One caller. number: gives the caller a line noise in an order of its own.

    digit: a key pressed with the frame that was last given, or "". finished: the script is at its end.
    """

    def __init__(self, script: Script, ear: Ear, record: CallRecord, number: int) -> None:
        self.digit = ""
        self.finished = False
        self._script = script
        self._ear = ear
        self._record = record
        self._noise = line_noise()
        self._stride = 1 + number % (len(self._noise) - 1)
        self._place = number * 31 % len(self._noise)
        self._now = 0.0
        self._listening_since = 0.0  # what was heard before does not count as an answer
        self._settling: BargeIn | None = None
        self._frames = self._talk()

    def next(self, now: float) -> Frame:
        """The next 20 ms, which leave at `now`."""
        self._now = now
        self.digit = ""
        frame = next(self._frames)
        if frame.level >= LOUD:
            self._ear.last_loud = now
        if self._settling is not None:
            self._settle(self._settling)
        return frame

    def cleared(self, now: float) -> None:
        """The assistant has fallen silent by a `clear`."""
        barge_in = self._settling
        if barge_in is not None and barge_in.cleared is None:
            barge_in.cleared = now

    # --- The steps: each gives its frames --------------------------------------------------------------------------

    def _talk(self) -> Iterator[Frame]:
        yield from self._steps(self._script.step)
        while self._script.repeat:
            yield from self._steps([step for step in self._script.step if not step.once])
        self.finished = True
        while True:
            yield self._quiet()

    def _steps(self, steps: tuple[Step, ...] | list[Step]) -> Iterator[Frame]:
        for step in steps:
            match step:
                case Listen():
                    yield from self._listen(step)
                case Speak(seconds=seconds, wav=wav):
                    yield from recording(wav) if wav else spoken(seconds)
                    self._record.lines.append(Line(self._now))
                    self._listening_since = self._now
                case Pause(seconds=seconds):
                    for _ in range(round(seconds / FRAME_SECONDS)):
                        yield self._quiet()
                case Interrupt():
                    yield from self._interrupt(step)
                case Press(digits=digits):
                    for digit in digits:
                        frame = self._quiet()
                        self.digit = digit
                        yield frame
                        for _ in range(_FRAMES_BETWEEN_DIGITS - 1):
                            yield self._quiet()

    def _listen(self, step: Listen) -> Iterator[Frame]:
        ear, until = self._ear, self._now + step.at_most
        while self._now < until:
            yield self._quiet()  # one at least, so that a script of nothing but this takes time
            heard = ear.sound_until > self._listening_since
            if heard and ear.quiet_for(self._now) >= step.quiet:
                return

    def _interrupt(self, step: Interrupt) -> Iterator[Frame]:
        ear, until = self._ear, self._now + step.at_most
        while not (ear.spoken_for(self._now) >= step.after and ear.sound_until > self._now):
            if self._now >= until:
                return
            yield self._quiet()
        over_somebody = True
        for frame in recording(step.wav) if step.wav else spoken(step.seconds, INTERRUPTS):
            if over_somebody and frame.level >= LOUD:
                over_somebody = False
                self._settling = BargeIn(self._now)
                self._record.barge_ins.append(self._settling)
            yield frame
        self._listening_since = self._now

    def _settle(self, barge_in: BargeIn) -> None:
        """Note when the assistant was heard no more."""
        if self._ear.quiet_for(self._now) >= _SETTLED:
            barge_in.silent = max(barge_in.began, self._ear.sound_until)
            self._settling = None

    def _quiet(self) -> Frame:
        self._place = (self._place + self._stride) % len(self._noise)
        return self._noise[self._place]
