"""A peer's nonsense: skipped, counted, logged once per kind, and too much of it in a row ends the stream."""

from __future__ import annotations

import logging

from webhooks.metrics import Meters

log = logging.getLogger(__name__)

MOST_IN_A_ROW = 100


class BadInput:
    """What one socket sent that made no sense."""

    def __init__(self, meters: Meters) -> None:
        self.call_id = "unknown"  # until a start with a valid token names it
        self.total = 0
        self._in_a_row = 0
        self._seen: set[str] = set()
        self._meters = meters

    @property
    def too_much(self) -> bool:
        """Whether more came in a row than a working peer would ever send."""
        return self._in_a_row > MOST_IN_A_ROW

    def take(self, kind: str) -> None:
        """Count one message; `kind` is one word of ours."""
        self.total += 1
        self._in_a_row += 1
        self._meters.bad_messages.labels(kind).inc()
        if kind not in self._seen:
            self._seen.add(kind)
            log.warning(
                "call=%s skipped odd input on the stream: %s (more of it is only counted)", self.call_id, kind
            )

    def good(self) -> None:
        """Note that a message made sense."""
        self._in_a_row = 0
