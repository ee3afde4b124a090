"""The life of the sessions of one call: how often one may be replaced, and when one must be."""

from __future__ import annotations

from enum import Enum, auto

_MOST_REPLACEMENTS = 3  # within the time below; more is no conversation
_WINDOW = 60.0
# Seconds before its end from which a session is replaced: in a pause, or anyway. Less where it lives but minutes.
_RENEW_IN_A_PAUSE = 60.0
_RENEW_ANYWAY = 10.0


class Renewal(Enum):
    """Whether a session should be replaced because the service is about to end it."""

    NOT_YET = auto()
    IN_A_PAUSE = auto()
    NOW = auto()


class SessionLife:
    """Counts tries: a session that was never heard may be replaced once, then the call is given up."""

    def __init__(self) -> None:
        self.ready = False
        self.quiet = False  # the one being opened replaces another in a pause: nobody need be told
        self._tries = 0
        self._replaced_at: list[float] = []
        self._ends_at: float | None = None
        self._short = 1.0  # how much of the times above this session's life has room for

    def first(self) -> None:
        """The call's first session is being opened."""
        self._tries = 1

    def opened(self, now: float, lifetime: float | None) -> None:
        """The session listens. lifetime: seconds until the service ends it, where it said so."""
        self.ready = True
        self._ends_at = now + lifetime if lifetime is not None else None
        self._short = min(1.0, lifetime / (6 * _RENEW_IN_A_PAUSE)) if lifetime is not None else 1.0

    def heard(self) -> None:
        """The session spoke to the caller: it is good, and if it is lost it may be replaced."""
        self._tries = 1

    def closed(self) -> None:
        """The session is gone."""
        self.ready = self.quiet = False
        self._ends_at = None

    def may_be_replaced(self, now: float) -> bool:
        """Whether another try makes sense."""
        recent = [at for at in self._replaced_at if now - at < _WINDOW]
        return self._tries < 2 and len(recent) < _MOST_REPLACEMENTS

    def replaced(self, now: float) -> None:
        """Another session is being opened because the one before failed."""
        self._tries += 1
        self._replaced_at = [at for at in self._replaced_at if now - at < _WINDOW] + [now]

    def renewed(self) -> None:
        """Another session is being opened in a pause, before the service ends this one."""
        self.quiet = True
        self._tries = 1

    def renewal(self, now: float) -> Renewal:
        """Whether the end that the service set is near."""
        if self._ends_at is None or now < self._ends_at - _RENEW_IN_A_PAUSE * self._short:
            return Renewal.NOT_YET
        return Renewal.NOW if now >= self._ends_at - _RENEW_ANYWAY * self._short else Renewal.IN_A_PAUSE
