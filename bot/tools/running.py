"""Runs tools within limits: whatever a tool does, the model gets a text in time, and the call goes on."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic_core import to_json

from bot.call.events import CallerFacts
from bot.call.parting import BUILT_IN
from bot.errors import SettingsError
from bot.tools.builtin import built_in_definition
from bot.tools.definition import Digits, DigitsWanted, Tool, ToolError
from bot.tools.schema import ArgumentsWrong, ToolDefinition
from bot.tools.threads import DaemonThreads, ThreadsBusy

log = logging.getLogger(__name__)

SECONDS = 10.0  # time limit of a tool, where neither it nor the persona says otherwise
_LONGEST_TEXT = 8000  # characters of a result; more costs the model time, and the caller waits
_LONGEST_REASON = 500  # characters of what a ToolError says
_MOST_THREADS = 32  # of one tool, so that one whose database hangs takes none from the others
_LAST_SECONDS = 1.0  # for an async tool to let itself be stopped
_SHORTEST_SECRET = 4  # digits; fewer are in many a text by chance
_STRANGER = "unknown"  # the metrics' name for tools that there are not; the model's word for them may be anything

type Outcome = Literal["ok", "error", "timeout", "arguments", "unknown"]
type Watch = Callable[[str, Outcome, float], None]
"""Is told a tool's name, how it went, and how many seconds that took; must not block."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the model is told. failed: the tool did not do what it is for; the text then begins with "Error:"."""

    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


class Toolbox:
    """The tools of this process, for all its calls; belongs to one event loop. clock: seconds, never going back."""

    def __init__(self, tools: Iterable[Tool], *, watch: Watch, clock: Callable[[], float]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._watch = watch
        self._clock = clock
        self._threads = {name: DaemonThreads(f"tool-{name}", _MOST_THREADS) for name in self._tools}
        self._stubborn: set[asyncio.Future[object]] = set()  # async tools that go on though they were stopped

    @property
    def names(self) -> frozenset[str]:
        """Every name that a persona may offer, the built-in ones included."""
        return BUILT_IN | self._tools.keys()

    def definitions(self, names: Sequence[str], transfer: Mapping[str, str]) -> list[ToolDefinition]:
        """What the model is told of the tools that a persona offers, in its order.

        transfer: the persona's targets, name to description; `transfer_call` is left out where there are none.
        Raises SettingsError for a name that is not known.
        """
        wanted = dict.fromkeys(names)
        if strangers := [name for name in wanted if name not in self.names]:
            known = ", ".join(sorted(self.names))
            raise SettingsError([f"tools: {name!r} is no tool; there are {known}" for name in strangers])
        found = (
            built_in_definition(name, transfer) if name in BUILT_IN else self._tools[name].definition
            for name in wanted
        )
        return [definition for definition in found if definition is not None]

    def digits_wanted(self, name: str) -> DigitsWanted | None:
        """The keys that have to be pressed before this tool is run; None where it wants none."""
        tool = self._tools.get(name)
        return tool.digits if tool is not None else None

    async def run(
        self,
        name: str,
        arguments: str,
        facts: CallerFacts,
        *,
        offered: Collection[str],
        seconds: float = SECONDS,
        digits: str = "",
    ) -> ToolResult:
        """Run a tool that is not built in, and say in a text for the model how that went. It raises nothing.

        arguments: the JSON text that the model sent. offered: the persona's tools; any other is unknown to it.
        seconds: the persona's limit, for a tool that has none of its own. digits: what the caller pressed for it.
        Cancelled, it stops an async tool; a function in a thread goes on, and nobody waits for it.
        """
        began = self._clock()
        tool = self._tools.get(name) if name in offered else None
        if tool is None:
            log.warning("call=%s the model asks for a tool that it was not offered", facts.call_id)
            self._watch(_STRANGER, "unknown", self._clock() - began)
            return _failed("there is no such tool")
        result, outcome = await self._run(tool, arguments, facts, tool.seconds or seconds, digits)
        self._watch(name, outcome, self._clock() - began)
        return result

    async def _run(
        self, tool: Tool, arguments: str, facts: CallerFacts, seconds: float, digits: str
    ) -> tuple[ToolResult, Outcome]:
        if tool.digits_in and not digits:
            return _failed("the caller has pressed no keys yet"), "arguments"
        try:
            given = tool.arguments.read(arguments)
        except ArgumentsWrong as wrong:
            log.info("call=%s tool=%s the model's arguments are wrong", facts.call_id, tool.name)
            return _failed(f"wrong arguments: {wrong}"), "arguments"
        except Exception as error:  # noqa: BLE001 - a validator of the tool's own may raise anything; logged there
            return self._broken(tool, error, facts), "error"
        if tool.facts_in:
            given[tool.facts_in] = facts
        if tool.digits_in:
            given[tool.digits_in] = Digits(digits)
        try:
            ended = await self._within(seconds, self._begin(tool, given), tool, facts)
        except ThreadsBusy:
            log.error("call=%s tool=%s is not run: %d of it hang", facts.call_id, tool.name, _MOST_THREADS)
            return _failed("the tool is too busy now"), "error"
        except TimeoutError:
            log.warning("call=%s tool=%s took longer than %g s", facts.call_id, tool.name, seconds)
            return _failed(f"the tool did not answer within {seconds:g} seconds"), "timeout"
        secret = digits if tool.digits is not None and tool.digits.secret else ""
        if isinstance(ended, ToolError):
            return _failed(_without(secret, _shortened(ended))), "error"
        if isinstance(ended, _Raised):
            return self._broken(tool, ended.error, facts), "error"
        return ToolResult(_cut(_without(secret, str(ended)))), "ok"

    # --- the two ways to run

    def _begin(self, tool: Tool, given: dict[str, Any]) -> asyncio.Future[object]:
        """Begin to run a tool. What it gives back, or raises, is the future's result: it never raises itself."""
        if tool.asynchronous:
            return asyncio.ensure_future(_in_loop(tool, given))
        return asyncio.get_running_loop().run_in_executor(self._threads[tool.name], _in_thread, tool, given)

    async def _within(
        self, seconds: float, running: asyncio.Future[object], tool: Tool, facts: CallerFacts
    ) -> object:
        """Wait for a tool. Raises TimeoutError; whatever happens, the tool is over or on its own when this ends."""
        try:
            done, _ = await asyncio.wait([running], timeout=seconds)
            if not done:
                raise TimeoutError
            # Cancelled though nobody here asked for it: the tool cancelled itself.
            return _Raised(asyncio.CancelledError()) if running.cancelled() else running.result()
        finally:
            if not running.done():
                await self._stop(running, tool, facts)

    async def _stop(self, running: asyncio.Future[object], tool: Tool, facts: CallerFacts) -> None:
        running.cancel()
        self._stubborn.add(running)
        running.add_done_callback(self._stubborn.discard)
        await asyncio.wait([running], timeout=_LAST_SECONDS)
        if not running.done():
            log.error("call=%s tool=%s does not let itself be stopped", facts.call_id, tool.name)

    def _broken(self, tool: Tool, error: BaseException, facts: CallerFacts) -> ToolResult:
        """Something went wrong that is not for the model to know. An exception's words may hold anything: no log."""
        log.error("call=%s tool=%s failed: %s", facts.call_id, tool.name, " from ".join(_places(error)))
        return _failed("the tool failed")


async def _in_loop(tool: Tool, given: dict[str, Any]) -> object:
    try:
        result = tool.function(**given)
        return _text(await result if inspect.isawaitable(result) else result)
    except ToolError as error:
        return error
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a tool raises is its result
        return _Raised(error)


def _in_thread(tool: Tool, given: dict[str, Any]) -> object:
    try:
        return _text(tool.function(**given))
    except ToolError as error:
        return error
    except BaseException as error:  # noqa: BLE001 - as above; in a thread of ours nothing else is to be told
        return _Raised(error)


# --- texts ------------------------------------------------------------------------------------------------------


def _failed(reason: str) -> ToolResult:
    return ToolResult(f"Error: {reason}.", failed=True)


def _text(result: object) -> str:
    """Text as it is, "Done." for None, anything else as JSON. Raises where it is none of these."""
    if isinstance(result, str):
        text = str.__str__(result)
    elif result is None:
        text = "Done."
    elif isinstance(result, Iterator):  # it may have no end
        raise TypeError("a tool should give back a list, not an iterator")
    else:
        text = to_json(result, inf_nan_mode="null").decode()
    return text.encode("utf-8", "replace").decode()  # half a character would break the socket's message


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    note = f" … (cut here: the whole has {len(text)} characters)"
    return text[: _LONGEST_TEXT - len(note)] + note


def _shortened(error: ToolError) -> str:
    reason = " ".join(str(error).split()).rstrip(".") or "the tool failed"
    reason = reason.encode("utf-8", "replace").decode()
    return reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 1] + "…"


def _without(secret: str, text: str) -> str:
    """The text, should the tool have put the caller's secret digits into it, without them."""
    return text.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else text


def _places(error: BaseException | None) -> Iterator[str]:
    """The kinds of an error and its causes, and where in the code each came from; no values."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
        yield f"{type(error).__name__} at {where or 'no place'}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
