"""A whole bot in this process and its event loop: engine, switchboard and web server, on real loopback sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import MappingProxyType

from prometheus_client import CollectorRegistry

from bot.engine.faults import NO_FAULTS, Faults
from bot.engine.parts import Parts
from bot.engine.scripted import ScriptedParts
from bot.engine.server import EngineServer
from bot.metrics import CallMetrics
from bot.plan import Planner
from bot.settings import Settings, load_settings
from bot.simulator import Line, Network, Outcome, Parties, PhoneCall, Script, place_call
from bot.switchboard import Switchboard
from bot.voicelive import VoiceLive
from webhooks.app import create_app
from webhooks.dialler import Dialler
from webhooks.rest import Rest
from webhooks.serve import listen, server

TOKEN = "token of these tests"
ACCOUNT = "AC" + "0" * 32


@dataclass
class House:
    """A running bot."""

    url: str
    engine: EngineServer
    switchboard: Switchboard
    registry: CollectorRegistry
    settings: Settings
    later: list[float]  # seconds by which tokens are older than they are
    personas: Path | None = None  # the file

    async def call(
        self,
        script: Script,
        *,
        network: Network | None = None,
        seed: int = 0,
        max_seconds: float = 60,
        caller: str = Parties().caller,
        called: str = Parties().called,
        headers: Mapping[str, str] = MappingProxyType({}),
        dialled: Sequence[Outcome] = (),
        entrance: str = "/voice",
        call_sid: str = "",
    ) -> PhoneCall:
        """Phone the bot. headers: of a SIP call, by name; dialled: how it goes when the bot has somebody dialled."""
        more = tuple((f"SipHeader_{name}", value) for name, value in headers.items())
        return await place_call(
            self.url,
            script,
            auth_token=self.settings.auth_tokens[0] if self.settings.auth_tokens else "",
            public_url=self.settings.public_url,
            network=network,
            parties=Parties(caller, called, ACCOUNT, more),
            dialled=dialled,
            entrance=entrance,
            call_sid=call_sid,
            rng=Random(seed),  # noqa: S311 - a repeatable call
            max_seconds=max_seconds,
        )

    def metric(self, name: str, **labels: str) -> float:
        """The value of one of the bot's metrics."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def asked(self, kind: str, session: int = -1) -> list[dict[str, object]]:
        """The client events of one kind that the engine got in a session."""
        return [event for event in self.engine.records[session] if event["type"] == kind]


@asynccontextmanager
async def open_house(
    parts: Parts | None = None,
    *,
    faults: Faults = NO_FAULTS,
    lifetime: float = 3600,
    personas: str = "",
    rest: Rest | None = None,
    **overrides: object,
) -> AsyncIterator[House]:
    """A bot whose engine has scripted parts, unless others are given.

    personas: the text of a `voicebot.toml`; rest: plays Twilio's REST, for calls out; overrides: settings, by field
    name.
    """
    clock = asyncio.get_running_loop().time
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(load_settings({"port": 0}, env_file=None)))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        signed = {"twilio_auth_token": TOKEN, "twilio_account_sid": ACCOUNT, "public_url": url}
        persona_file = None
        if personas:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            persona_file = folder / "voicebot.toml"
            persona_file.write_text(personas, encoding="utf-8")
            overrides["persona_file"] = str(persona_file)
        settings = load_settings({**signed, **overrides}, env_file=None)
        engine = await stack.enter_async_context(
            EngineServer(parts or ScriptedParts(), faults=faults, clock=clock, lifetime=lifetime, rng=Random(1))  # noqa: S311 - repeatable ids
        )
        registry = CollectorRegistry()
        metrics = CallMetrics(registry)
        voice_live = VoiceLive(settings, endpoint=engine.endpoint)
        stack.push_async_callback(voice_live.close)
        planner = Planner.of(settings, watch=metrics.tool_used, clock=clock)
        switchboard = await stack.enter_async_context(
            Switchboard(
                voice_live,
                planner,
                metrics,
                max_calls=settings.max_calls,
                clock=clock,
            )
        )
        later: list[float] = []

        def wall_clock() -> float:
            return time.time() + sum(later)

        dialler = None
        if rest is not None:
            dialler = Dialler(settings, switchboard, planner.personas, rest, clock=clock, wall_clock=wall_clock)
            await stack.enter_async_context(dialler)
        app = create_app(
            settings, switchboard, clock=clock, wall_clock=wall_clock, registry=registry, dialler=dialler
        )
        web = server(app)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(web.serve(sockets=[listener]))
            while not web.started:  # noqa: ASYNC110 - uvicorn offers no event for it
                await asyncio.sleep(0.01)
            try:
                yield House(url, engine, switchboard, registry, settings, later, persona_file)
            finally:
                switchboard.board.close()
                web.should_exit = True
                await serving


def spoken(call: PhoneCall, who: str = "bot") -> list[str]:
    """What was said in a call, line by line. who: "bot", "understood", or "cut" for what was not heard."""
    return [note.text for note in call.transcript if note.who == who]


def conversing(*steps: bytes | str, hold: float = 0.5) -> Script:
    """A caller who speaks, or presses keys (text), each time the assistant has finished.

    hold: seconds until the caller hangs up, after the last answer was heard out.
    """

    async def script(line: Line) -> None:
        for step in steps:
            await line.until_finished()
            if isinstance(step, bytes):
                await line.say(step)
            else:
                line.press(step)
        await line.until_finished()
        await line.wait(hold)

    return script


def saying(*lines: bytes, interrupt_after: float | None = None) -> Script:
    """A caller who says each line when the assistant has finished, or after so many seconds of its answer."""

    async def script(line: Line) -> None:
        await line.until_finished()
        for number, pcm in enumerate(lines):
            if number and interrupt_after is not None:
                await line.until_interruptible(interrupt_after)
            elif number:
                await line.until_finished()
            await line.say(pcm, f"line {number + 1}")
        await line.until_finished()

    return script
