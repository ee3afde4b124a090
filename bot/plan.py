"""What is decided about a call before it begins: who answers, how the call is led, and what the assistant may do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from bot.call.commands import RunTool
from bot.call.events import CallerFacts, ToolFinished
from bot.call.policy import BUILT_IN, DigitsWanted, Phrases, Policy, Target
from bot.persona import Persona, Personas
from bot.settings import Settings, environment
from bot.tools import Toolbox, ToolDefinition, load_tools
from bot.tools.running import Watch
from bot.voicelive.configuration import compatible

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call's plan. persona: with its templates rendered; tools: what the model is told of them."""

    facts: CallerFacts
    persona: Persona
    policy: Policy
    tools: tuple[ToolDefinition, ...] = ()


class Planner:
    """Makes plans. longest_silence: seconds before a caller hears something, whatever fails."""

    def __init__(self, personas: Personas, toolbox: Toolbox, *, longest_silence: float) -> None:
        self.personas = personas
        self._toolbox = toolbox
        self._longest_silence = longest_silence

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        watch: Watch,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> Self:
        """Read the file of personas and load their tools. Raises SettingsError."""
        named = Path(settings.persona_file)
        path = named if named.exists() or "persona_file" in settings.model_fields_set else None
        personas = Personas(path, settings, wall_clock=wall_clock, environ=environment(), compatible=compatible)
        tools = load_tools(personas.modules, named.parent)
        toolbox = Toolbox(tools, watch=watch, clock=clock)
        for persona in personas.all:
            toolbox.definitions(persona.tools, {})
        return cls(personas, toolbox, longest_silence=settings.answer_seconds)

    def plan(self, facts: CallerFacts, persona_name: str = "") -> CallPlan:
        """The plan for a call that comes in, or, with a persona's name, for one that the bot places."""
        named = self.personas.named(persona_name, facts) if persona_name else None
        if persona_name and named is None:  # it has gone from the file since the call was placed
            log.error("call=%s there is no persona %.40r any more; the default speaks", facts.call_id, persona_name)
        persona = named or self.personas.for_call(facts)
        if unknown := set(persona.tools) - self._toolbox.names:  # the file has changed since the tools were loaded
            log.error("call=%s no such tools until a restart: %s", facts.call_id, ", ".join(sorted(unknown)))
            persona = replace(persona, tools=tuple(name for name in persona.tools if name not in unknown))
        targets = {name: target.description for name, target in persona.transfer.items()}
        tools = self._toolbox.definitions(persona.tools, targets)
        return CallPlan(facts, persona, self._policy(persona, facts), tuple(tools))

    def tools(self, plan: CallPlan) -> CallTools:
        """The functions that the model may call in this call."""
        return CallTools(self._toolbox, plan)

    def _policy(self, persona: Persona, facts: CallerFacts) -> Policy:
        says = persona.sentences
        keys = {name: wanted for name in persona.tools if (wanted := self._toolbox.digits_wanted(name)) is not None}
        return Policy(
            greeting=persona.greeting.strip(),
            longest_silence=self._longest_silence,
            longest_call=persona.max_call_seconds,
            phrases=Phrases(
                says.reconnected, says.blocked, says.moment, says.still_there, says.goodbye, says.transferring
            ),
            idle_after=persona.idle_seconds,
            idle_prompts=persona.idle_prompts,
            wordless_turns=persona.wordless_turns,
            moment_after=persona.moment_after,
            digits=DigitsWanted(persona.digits.pause, persona.digits.length, persona.digits.secret),
            tool_digits={
                name: DigitsWanted(persona.digits.pause, wanted.length, wanted.secret)
                for name, wanted in keys.items()
            },
            targets={
                name: Target(target.to, target.warm, target.seconds) for name, target in persona.transfer.items()
            },
            approves=_approvals(persona),
            telephone=facts.transferable,
            may=BUILT_IN & frozenset(persona.tools),
        )


def _approvals(persona: Persona) -> Mapping[str, Callable[[str], bool]]:
    return {server.label: server.approves for server in persona.mcp}


class CallTools:
    """The toolbox as one call may use it. Implements `bot.runner.Tools`."""

    def __init__(self, toolbox: Toolbox, plan: CallPlan) -> None:
        self._toolbox = toolbox
        self._plan = plan

    async def run(self, command: RunTool) -> ToolFinished:
        """Run one function within its limits. Never raises."""
        persona = self._plan.persona
        result = await self._toolbox.run(
            command.name,
            command.arguments,
            self._plan.facts,
            offered=persona.tools,
            seconds=persona.tool_seconds,
            digits=command.digits or "",
        )
        return ToolFinished(command.call_id, result.text, "failed" if result.failed else "ok")
