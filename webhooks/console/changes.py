"""What a command has changed so far, for when it ends in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from webhooks.console.errors import ConsoleError


class Changes:
    """Keeps account of one command's changes, at Twilio and in files.

    Each change is made within `making`. What ends there by Twilio's clear refusal was not done; what ends by Ctrl-C
    or by an answer that never came may have been done.
    """

    def __init__(self) -> None:
        self._done: list[str] = []
        self._perhaps: list[str] = []

    @contextmanager
    def making(self, what: str) -> Iterator[None]:
        """Around a change. what: in the past tense, such as `the API key was made`."""
        try:
            yield
        except ConsoleError as error:
            if error.unsure:
                self._perhaps.append(what)
            raise
        except KeyboardInterrupt:
            self._perhaps.append(what)
            raise
        self._done.append(what)

    def undone(self, what: str) -> None:
        """A change was taken back: nobody needs to hear of it any more."""
        for told in (self._done, self._perhaps):
            if what in told:
                told.remove(what)

    def so_far(self) -> str:
        """What to say at an early end: one sentence or several."""
        if not self._done and not self._perhaps:
            return "Nothing was changed."
        sentences = [f"Done before that: {'; '.join(self._done)}."] if self._done else []
        if self._perhaps:
            sentences.append(f"Perhaps done, as Twilio's answer was not seen: {'; '.join(self._perhaps)}.")
        return " ".join([*sentences, "The same command again takes it from there."])
