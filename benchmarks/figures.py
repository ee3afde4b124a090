"""What was measured, and how it is shown: one Markdown table with the conditions above it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from pathlib import Path
from statistics import fmean, median
from typing import Literal

_PACKAGES = ("quart", "uvicorn", "uvloop", "websockets", "aiohttp", "azure-ai-voicelive", "msgspec", "numpy")


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised: this statistic is at most so much."""

    statistic: Literal["median", "mean", "p99", "max"]
    at_most: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. samples: in `unit`; target: None where nothing is promised."""

    what: str
    unit: str
    samples: Sequence[float]
    target: Target | None = None
    digits: int = 2

    def value(self, statistic: str) -> float:
        """One statistic of the samples. Raises ValueError where there are none."""
        if not self.samples:
            raise ValueError(f"{self.what}: nothing was measured")
        match statistic:
            case "median":
                return median(self.samples)
            case "mean":
                return fmean(self.samples)
            case "p99":
                return sorted(self.samples)[ceil(0.99 * len(self.samples)) - 1]
            case "min":
                return min(self.samples)
            case _:
                return max(self.samples)

    @property
    def verdict(self) -> str:
        """Whether the promise was kept; empty where there is none."""
        if self.target is None:
            return ""
        return "met" if self.value(self.target.statistic) <= self.target.at_most else "MISSED"

    def row(self) -> str:
        """The line."""
        shown = [f"{self.value(name):.{self.digits}f}" for name in ("median", "p99", "min", "max", "mean")]
        promise = f"{self.target.statistic} ≤ {self.target.at_most:g}" if self.target else ""
        cells = [self.what, self.unit, promise, *shown, str(len(self.samples)), self.verdict]
        return f"| {' | '.join(cells)} |"


def table(figures: Iterable[Figure]) -> str:
    """The whole table, in Markdown."""
    heads = ["what", "unit", "target", "median", "p99", "min", "max", "mean", "samples", ""]
    rule = ["---", "---", "---", *["---:"] * 6, "---"]
    return "\n".join([f"| {' | '.join(heads)} |", f"| {' | '.join(rule)} |", *(figure.row() for figure in figures)])


def conditions(where: str) -> str:
    """The machine and the versions, as lines of Markdown. where: which process ran on which core."""
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    busy = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return (
        f"- {_processor()}, {os.cpu_count()} cores; {platform.system()} {platform.release()}; {where}\n"
        f"- load average at the start (1, 5, 15 min): {busy}\n"
        f"- {platform.python_implementation()} {platform.python_version()}; {packages}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
