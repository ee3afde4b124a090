"""Hours in which nobody is called. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Self
from zoneinfo import ZoneInfo

_FORM = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d) +(\S+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to before `end` by the clocks of `zone`, over midnight where `end` is the earlier one."""

    start: time
    end: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `21:00-08:00 Europe/Berlin`. Raises ValueError, which says what it should be."""
        found = _FORM.fullmatch(text.strip())
        if not found:
            raise ValueError("should be hours and a time zone, such as 21:00-08:00 Europe/Berlin")
        try:
            start, end = time.fromisoformat(found[1]), time.fromisoformat(found[2])
        except ValueError:
            raise ValueError("should have hours from 00:00 to 23:59") from None
        if start == end:
            raise ValueError("should begin and end at different times; without CALLS_KEY there are no calls at all")
        try:
            return cls(start, end, ZoneInfo(found[3]))
        except (KeyError, ValueError, OSError):  # KeyError: ZoneInfoNotFoundError; OSError: a folder such as `Europe`
            raise ValueError("should name a time zone such as Europe/Berlin") from None

    def include(self, moment: float) -> bool:
        """Whether it is quiet at `moment`, in seconds since 1970."""
        clock = datetime.fromtimestamp(moment, self.zone).time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M} to {self.end:%H:%M} in {self.zone.key}"
