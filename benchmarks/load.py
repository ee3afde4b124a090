"""Many calls on one core, each talking, interrupting and getting replies; and the floor: the same through a relay.

The callers and the service's side are those of `voicebot load`, in this process on the other core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from time import monotonic

from benchmarks.delays import MS
from benchmarks.figures import Figure, Target
from benchmarks.floor import relay
from benchmarks.watched import AUTH_TOKEN, Watched, bot, free_port
from bot.load import fleet
from bot.load.measures import Findings, find
from bot.load.target import Plan
from bot.load.target import Target as Server

RAMP = 4.0  # seconds in which all calls come
SECONDS = 17.0  # of a run, the ramp included

_FIRST_LOOKS = 2  # seconds after the ramp that are not counted: greetings, and the first words of all

type _Program = Callable[[str], AbstractAsyncContextManager[Watched]]


@dataclass(frozen=True, slots=True)
class Load:
    """What came out. cpu: milliseconds for each call and second, one sample a second."""

    calls: int
    cpu: list[float]
    findings: Findings

    def delays(self, measure: str) -> list[float]:
        """The samples of a measure of `voicebot load`."""
        return list(self.findings.distributions[measure].ordered)


async def run() -> list[Figure]:
    """Forty calls through the relay and the bot, then more and more through the bot."""
    relayed = await load(40, relay)
    ours = await load(40, _bot)
    figures = [
        Figure("40 calls: CPU for each call and second", "ms", ours.cpu, Target("mean", 4.5)),
        Figure("floor (a relay that only re-wraps), 40 calls: CPU for each call and second", "ms", relayed.cpu),
        Figure(
            "40 calls: CPU, in the floor's",
            "times",
            [sum(ours.cpu) / len(ours.cpu) / (sum(relayed.cpu) / len(relayed.cpu))],
            Target("mean", 1.5),
        ),
        Figure("40 calls: caller frame in → `append` out", "ms", ours.delays("frame"), Target("p99", 3.0)),
        Figure("floor, 40 calls: caller frame in → `append` out", "ms", relayed.delays("frame")),
        Figure("40 calls: audio delta in → `media` out", "ms", ours.delays("delta")),
        Figure("floor, 40 calls: audio delta in → `media` out", "ms", relayed.delays("delta")),
    ]
    hundred = await load(100, _bot)
    figures += [
        *_crowd(hundred, Target("p99", 8.0)),
        Figure(
            "100 calls: `speech_started` in → `clear` out", "ms", hundred.delays("model_clear"), Target("p99", 6.0)
        ),
        Figure("100 calls: frames lost", "", [hundred.findings.counts["missing_frames"]], Target("max", 0), digits=0),
    ]
    for calls, at_most in ((150, 15.0), (200, 30.0)):
        figures += _crowd(await load(calls, _bot), Target("p99", at_most))
    return figures


def _crowd(load: Load, target: Target) -> list[Figure]:
    before = f"{load.calls} calls: "
    return [
        Figure(f"{before}caller frame in → `append` out", "ms", load.delays("frame"), target),
        Figure(f"{before}CPU for each call and second", "ms", load.cpu),
        Figure(f"{before}frame later than the callers' own clock", "ms", load.delays("lateness")),
    ]


def _bot(model_url: str) -> AbstractAsyncContextManager[Watched]:
    return bot(model_url, MAX_CALLS="250")


async def load(calls: int, program: _Program) -> Load:
    """Load one program, on the measured core. Raises RuntimeError where a call does not come about."""
    port = free_port()
    async with program(f"http://127.0.0.1:{port}") as watched:
        server = Server(url=watched.url, auth_token=AUTH_TOKEN, public_url=watched.url)
        plan = Plan(server, calls=calls, ramp=RAMP, seconds=SECONDS, levels=True)
        run = await fleet.run(plan, clock=monotonic, enough=asyncio.Event(), model_port=port, pid=watched.pid)
    analyse = partial(find, run.calls, run.sessions, run.steady, phoned=True)
    findings = await asyncio.to_thread(analyse)
    if findings.failures:
        raise RuntimeError(f"of {calls} calls some failed: {dict(findings.failures)}")
    return Load(calls, _cpu(run, calls), findings)


def _cpu(run: fleet.Run, calls: int) -> list[float]:
    looks = [] if run.watched is None else [look for look in run.watched.looks if look.at >= run.steady]
    seconds = zip(looks[_FIRST_LOOKS:], looks[_FIRST_LOOKS + 1 :], strict=False)
    return [MS * (after.cpu - before.cpu) / (after.at - before.at) / calls for before, after in seconds][:-1]
