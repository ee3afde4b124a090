"""Percentiles and distributions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

STATISTICS = ("p50", "p90", "p99", "max")


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` of all do not exceed. ordered: ascending, not empty."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Samples of one measure, in order. what: for people; unit: theirs."""

    key: str
    what: str
    unit: str
    ordered: tuple[float, ...]

    def statistic(self, name: str) -> float | None:
        """One of STATISTICS, `min`, `mean`, or `n`; None where nothing was measured. Raises KeyError."""
        if name == "n":
            return float(len(self.ordered))
        if not self.ordered:
            return None
        match name:
            case "max":
                return self.ordered[-1]
            case "min":
                return self.ordered[0]
            case "mean":
                return sum(self.ordered) / len(self.ordered)
            case _:
                return percentile(self.ordered, {"p50": 0.5, "p90": 0.9, "p99": 0.99}[name])

    def curve(self, points: int = 160) -> list[tuple[float, float]]:
        """The share of samples up to each value, thinned out to so many points and the extremes."""
        count = len(self.ordered)
        if not count:
            return []
        ranks = sorted({0, count - 1, *(round(step * (count - 1) / points) for step in range(points + 1))})
        return [(self.ordered[rank], (rank + 1) / count) for rank in ranks]
