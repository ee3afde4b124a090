"""Limits for a machine to judge by: `--fail-over p99_frame=8ms`, `--fail-over missing_frames=0`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.errors import SimulatorError
from bot.load.measures import COUNTS, MEASURES, Findings
from bot.load.stats import STATISTICS

_LIMIT = re.compile(r"(?:(p50|p90|p99|max|min|mean)_)?([a-z_]+)=([0-9]+(?:\.[0-9]+)?)(ms|s)?")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measure's statistic, in milliseconds, or a count (statistic empty), that should be no more than `limit`."""

    statistic: str
    key: str
    limit: float

    @property
    def name(self) -> str:
        """As it was given."""
        return f"{self.statistic}_{self.key}" if self.statistic else self.key

    def verdict(self, found: Findings) -> str:
        """One sentence where it is broken, or nothing was measured to keep it; else empty."""
        if self.statistic:
            value = found.distributions[self.key].statistic(self.statistic)
            unit = " ms"
        else:
            count = found.counts.get(self.key)
            value, unit = (None if count is None else float(count)), ""
        if value is None:
            return f"{self.name}: nothing was measured"
        if value > self.limit:
            return f"{self.name} is {value:.4g}{unit}, over {self.limit:g}{unit}"
        return ""


def threshold(text: str) -> Threshold:
    """Read one limit. Raises SimulatorError with one sentence."""
    found = _LIMIT.fullmatch(text)
    if not found:
        raise SimulatorError(f"--fail-over {text} should be like p99_frame=8ms or missing_frames=0")
    statistic, key, number, unit = found.groups()
    known, what = (MEASURES, "measure") if statistic else (COUNTS, "count")
    if key not in known:
        raise SimulatorError(f"--fail-over {text}: there is no {what} {key}; there are {', '.join(known)}")
    if not statistic and unit:
        raise SimulatorError(f"--fail-over {text}: {key} is a count and has no unit; a measure has {STATISTICS[0]}_")
    return Threshold(statistic or "", key, float(number) * (1000 if unit == "s" else 1))
