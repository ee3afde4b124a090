"""What the doctor finds, one line for each, and what all of it together means. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What is looked at, in the order in which it is told."""

    SETTINGS = "settings"
    MACHINE = "machine"
    SERVER = "server"
    VOICE_LIVE = "voice-live"
    TWILIO = "twilio"
    ADDRESS = "address"
    CLOCK = "clock"
    CALL = "call"


class Status(StrEnum):
    """How a thing is. skip: it was not looked at, or does not apply."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class Verdict(StrEnum):
    """Whether a call would work."""

    WORKS = "works"
    FAILS = "fails"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        """0: it would, 1: it would not, 2: nobody can tell."""
        return {Verdict.WORKS: 0, Verdict.FAILS: 1, Verdict.UNKNOWN: 2}[self]


class HeardFrom(StrEnum):
    """Who was heard in the doctor's call."""

    NOBODY = ""
    OWN = "own"
    """A bot that the doctor has started for it."""
    RUNNING = "running"
    """A bot that was there already, here or elsewhere."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. says: how it is; seconds: what was measured.

    do: the next step. Every warning and failure has one: ValueError otherwise.
    """

    group: Group
    check: str
    status: Status
    says: str
    do: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.status in (Status.WARN, Status.FAIL) and not self.do:
            raise ValueError(f"{self.group}.{self.check} says what is wrong, but not what to do")


class Notes:
    """The findings of one group, as they come."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.found: list[Finding] = []

    def ok(self, check: str, says: str, *, seconds: float | None = None) -> None:
        """It is as it should be."""
        self.found.append(Finding(self.group, check, Status.OK, says, seconds=seconds))

    def warn(self, check: str, says: str, do: str, *, seconds: float | None = None) -> None:
        """It need not keep a call from working, but somebody should know."""
        self.found.append(Finding(self.group, check, Status.WARN, says, do, seconds))

    def fail(self, check: str, says: str, do: str, *, seconds: float | None = None) -> None:
        """It keeps a call from working."""
        self.found.append(Finding(self.group, check, Status.FAIL, says, do, seconds))

    def skip(self, check: str, says: str, do: str = "") -> None:
        """It was not looked at."""
        self.found.append(Finding(self.group, check, Status.SKIP, says, do))


# They are about this shell and this machine. A bot that answers has its own.
_ABOUT_HERE = frozenset({Group.MACHINE, Group.SERVER, Group.VOICE_LIVE, Group.CLOCK})


def verdict(findings: Iterable[Finding], heard: HeardFrom) -> Verdict:
    """Whether a call would work. Only a call that was heard says that it would."""
    spared = _ABOUT_HERE if heard is HeardFrom.RUNNING else frozenset[Group]()
    if any(found.status is Status.FAIL and found.group not in spared for found in findings):
        return Verdict.FAILS
    return Verdict.WORKS if heard else Verdict.UNKNOWN
