"""A process and its children, looked at from outside by /proc: processor time and memory. Linux only."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import SimulatorError

_PROC = Path("/proc")
_MIB = 1024.0  # of KiB


@dataclass(frozen=True, slots=True)
class Look:
    """One look. cpu: seconds of processor time so far; rss, pss: MiB; pss 0 where the kernel does not say."""

    at: float
    cpu: float
    rss: float
    pss: float
    processes: int


@dataclass(slots=True)
class Watch:
    """A process given by its id, with all its descendants.

    pss shares out what several processes have in common, where rss counts it for each. gone: it ended meanwhile.
    """

    pid: int
    looks: list[Look] = field(default_factory=list)
    gone: bool = False
    _last: dict[int, float] = field(default_factory=dict)  # of each, so that an ended child still counts

    def look(self, now: float) -> Look:
        """Look now. Raises SimulatorError where there is no such process."""
        cpu_now: dict[int, float] = {}
        rss = pss = 0.0
        for pid in _tree(self.pid):
            try:
                cpu_now[pid] = _cpu_seconds(pid)
                rss += _kib(pid, "status", "VmRSS:") / _MIB
            except (OSError, IndexError):
                continue  # it has just ended
            try:
                pss += _kib(pid, "smaps_rollup", "Pss:") / _MIB
            except OSError:
                continue  # of another user, or a kernel without it
        if self.pid not in cpu_now:
            raise SimulatorError(f"--pid {self.pid} is no process of this machine")
        self._last |= cpu_now
        look = Look(now, sum(self._last.values()), rss, pss, len(cpu_now))
        self.looks.append(look)
        return look

    async def follow(
        self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        """Look once a second until cancelled or the process is gone."""
        while True:
            await sleep(1.0)
            try:
                self.look(clock())
            except SimulatorError:
                self.gone = True
                return

    def cpu_between(self, since: float, until: float) -> tuple[float, float] | None:
        """Processor seconds and wall seconds between the looks within; None where there are not two."""
        looks = [look for look in self.looks if since <= look.at <= until]
        if len(looks) < 2:
            return None
        return looks[-1].cpu - looks[0].cpu, looks[-1].at - looks[0].at


def watch(pid: int, now: float) -> Watch:
    """Begin to watch. Raises SimulatorError where that is not possible."""
    if sys.platform != "linux":
        raise SimulatorError("--pid looks into /proc, so it needs Linux")
    watching = Watch(pid)
    watching.look(now)
    return watching


def _tree(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in _tasks(pid):
            try:
                waiting += map(int, (task / "children").read_text().split())
            except OSError:
                continue
    return found


def _tasks(pid: int) -> list[Path]:
    try:
        return list((_PROC / str(pid) / "task").iterdir())
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float:
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kib(pid: int, name: str, label: str) -> float:
    for line in (_PROC / str(pid) / name).read_text().splitlines():
        if line.startswith(label):
            return float(line.split()[1])
    return 0.0
