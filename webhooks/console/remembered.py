"""What numbers pointed at before they were connected, kept in a private file of the working folder.

`.voicebot/twilio.json` lies beside `.env`, because both belong to one deployment of one account: where `connect` was
run, `disconnect` finds it. The folder ignores itself for git. The file is for its owner alone (0600), as an address
in it may hold a password that somebody put there; no token or key of ours is in it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import msgspec

from webhooks.console.errors import ConsoleError
from webhooks.console.files import private_folder, write_private
from webhooks.console.pointing import Pointing

FOLDER = Path(".voicebot")


class Remembered(msgspec.Struct, frozen=True):
    """One number. was: what it pointed at before; ours: what we made of that; both as fields of `Pointing`."""

    number: str
    was: dict[str, str]
    ours: dict[str, str]

    @classmethod
    def change(cls, number: str, was: Pointing, ours: Pointing) -> Remembered:
        """To remember one change."""
        return cls(number, asdict(was), asdict(ours))

    @property
    def before(self) -> Pointing:
        """What the number pointed at before."""
        return Pointing(**self.was)

    @property
    def after(self) -> Pointing:
        """What we made it point at."""
        return Pointing(**self.ours)


class Memory:
    """The file, read and written whole. Keys: the number's SID, which is unique over all accounts."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.path = folder / "twilio.json"

    def look(self, number_sid: str) -> Remembered | None:
        """What is remembered of a number. Raises ConsoleError."""
        return self._read().get(number_sid)

    def keep(self, number_sid: str, change: Remembered) -> None:
        """Remember a change. Raises ConsoleError."""
        self._write(self._read() | {number_sid: change})

    def forget(self, number_sid: str) -> None:
        """Forget a number. Raises ConsoleError."""
        self._write({sid: change for sid, change in self._read().items() if sid != number_sid})

    def _read(self) -> dict[str, Remembered]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._unusable(f"cannot be read ({error.strerror})")
        try:
            remembered = msgspec.json.decode(content, type=dict[str, Remembered])
            for change in remembered.values():
                _ = change.before, change.after  # names that we know
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
            self._unusable("is damaged")
        return remembered

    def _write(self, remembered: dict[str, Remembered]) -> None:
        try:
            private_folder(self.path.parent)
            write_private(self.path, msgspec.json.format(msgspec.json.encode(remembered), indent=2) + b"\n")
        except OSError as error:
            self._unusable(f"cannot be written ({error.strerror})")

    def _unusable(self, why: str) -> NoReturn:
        raise ConsoleError(
            f"{self.path}, which remembers what numbers pointed at before, {why}. Put that right, or move it away."
        )
