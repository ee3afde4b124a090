from __future__ import annotations

import asyncio
import itertools
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator

from bot.call.events import CallerFacts
from bot.errors import SettingsError
from bot.simulator.virtual_time import run as run_in_virtual_time
from bot.tools import Digits, DigitsWanted, Toolbox, ToolError, ToolResult, tool
from bot.tools.definition import is_tool, make_tool
from bot.tools.running import Outcome

FACTS = CallerFacts("CA1", caller="+14255550123")
type Seen = list[tuple[str, Outcome, float]]


@dataclass
class Bench:
    """A toolbox, and what it was told to count."""

    functions: list[Callable[..., object]]
    seen: Seen = field(default_factory=list)
    now: Callable[[], float] = lambda: asyncio.get_running_loop().time()

    def __post_init__(self) -> None:
        self.box = Toolbox(
            [make_tool(function if is_tool(function) else tool(function)) for function in self.functions],
            watch=lambda *seen: self.seen.append(seen),
            clock=lambda: self.now(),
        )

    async def run(self, name: str, arguments: str = "{}", **options: Any) -> ToolResult:  # noqa: ANN401 - run's own
        return await self.box.run(name, arguments, FACTS, **{"offered": self.box.names, **options})

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(name, outcome) for name, outcome, _ in self.seen]


async def greet(name: str, loud: bool = False) -> str:
    """Greet somebody."""
    return f"Hello {name.upper() if loud else name}"


def add(a: int, b: int = 1) -> dict[str, int]:
    """Add."""
    return {"sum": a + b}


async def stall(seconds: float) -> str:
    """Wait."""
    await asyncio.sleep(seconds)
    return "over"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What functions in threads wait for; opened at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


# --- what a model is told -----------------------------------------------------------------------------------------


def test_definitions_come_in_the_personas_order_and_once() -> None:
    box = Bench([greet, add]).box
    names = ["end_call", "add", "send_digits", "add"]
    assert [each.name for each in box.definitions(names, {})] == ["end_call", "add", "send_digits"]
    assert box.names == {"greet", "add", "end_call", "transfer_call", "send_digits"}


def test_transfer_call_is_left_out_where_there_is_nobody_to_transfer_to() -> None:
    box = Bench([]).box
    assert box.definitions(["transfer_call"], {}) == []
    (definition,) = box.definitions(["transfer_call"], {"sales": "orders"})
    assert definition.parameters["properties"]["target"]["enum"] == ["sales"]


def test_a_persona_that_offers_a_tool_that_there_is_not_is_told_which_there_are() -> None:
    with pytest.raises(SettingsError) as caught:
        Bench([greet]).box.definitions(["greet", "sing", "dance"], {})
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "tools: 'sing' is no tool",
        "tools: 'dance' is no tool",
    ]


# --- what a tool gives back ---------------------------------------------------------------------------------------


async def test_an_async_and_a_plain_function_are_run() -> None:
    bench = Bench([greet, add])
    assert await bench.run("greet", '{"name": "Ann", "loud": true}') == ToolResult("Hello ANN")
    assert await bench.run("add", '{"a": 2}') == ToolResult('{"sum":3}')
    assert bench.outcomes == [("greet", "ok"), ("add", "ok")]


async def test_a_plain_function_runs_in_a_thread_of_its_own() -> None:
    def where() -> str:
        """Tell the thread."""
        return threading.current_thread().name

    assert (await Bench([where]).run("where")).text == "tool-where"


async def test_the_facts_of_the_call_are_filled_in_and_cannot_be_sent() -> None:
    async def who(facts: CallerFacts) -> str:
        """Tell who calls."""
        return facts.caller

    bench = Bench([who])
    assert await bench.run("who", "") == ToolResult("+14255550123")
    assert (await bench.run("who", '{"facts": {"call_id": "x"}}')).failed


async def test_an_object_goes_back_as_json() -> None:
    @dataclass
    class Order:
        number: str
        due: date | None = None

    async def orders() -> list[Order]:
        """List the orders."""
        return [Order("7", date(2026, 11, 22))]

    assert (await Bench([orders]).run("orders")).text == '[{"number":"7","due":"2026-11-22"}]'


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("as it is", "as it is"),
        ("", ""),
        (None, "Done."),
        (7, "7"),
        ([1, "ä"], '[1,"ä"]'),
        (float("nan"), "null"),
        ("half \ud83d", "half ?"),
        (Digits("12"), "12"),
    ],
)
async def test_a_result_becomes_text(result: object, text: str) -> None:
    def give() -> object:
        """Give."""
        return result

    assert await Bench([give]).run("give") == ToolResult(text)


def _circle() -> list[object]:
    circle: list[object] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "result", [object(), b"\xff", _circle(), itertools.count(), {"x": object()}, {"x": "\ud83d"}]
)
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_a_result_that_cannot_be_written_is_a_failure(result: object, asynchronous: bool) -> None:
    async def give_async() -> object:
        """Give."""
        return result

    def give() -> object:
        """Give."""
        return result

    name = "give_async" if asynchronous else "give"
    bench = Bench([give_async, give])
    assert await bench.run(name) == ToolResult("Error: the tool failed.", failed=True)
    assert bench.outcomes == [(name, "error")]


async def test_a_megabyte_is_cut_and_says_so() -> None:
    def much() -> str:
        """Give much."""
        return "x" * 1_000_000

    result = await Bench([much]).run("much")
    assert len(result.text) == 8000
    assert result.text.endswith("(cut here: the whole has 1000000 characters)")
    assert not result.failed


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_whatever_comes_back_is_a_text_that_can_be_sent(value: object) -> None:
    async def give() -> object:
        """Give."""
        return value

    result = run_in_virtual_time(Bench([give]).run("give"))
    assert len(result.text) <= 8000
    result.text.encode()


# --- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("Ann", "Invalid JSON"),
        ("[]", "object"),
        ("{}", "name: Field required"),
        ('{"name": 7}', "name: Input should be a valid string"),
        ('{"name": "Ann", "age": 7}', "age"),
    ],
)
async def test_arguments_that_do_not_fit_are_an_error_text(arguments: str, says: str) -> None:
    bench = Bench([greet])
    result = await bench.run("greet", arguments)
    assert result.failed
    assert result.text.startswith("Error: wrong arguments: ")
    assert says in result.text
    assert bench.outcomes == [("greet", "arguments")]


@given(st.text() | st.dictionaries(st.sampled_from(["name", "loud", "x"]), st.text() | st.booleans()).map(json.dumps))
def test_no_arguments_whatever_raise(arguments: str) -> None:
    bench = Bench([greet])
    result = run_in_virtual_time(bench.run("greet", arguments))
    assert bench.outcomes == [("greet", "arguments" if result.failed else "ok")]


@pytest.mark.parametrize("name", ["sing", "end_call", "\n" * 1000])
async def test_a_tool_that_there_is_not_is_not_run(name: str, log: pytest.LogCaptureFixture) -> None:
    bench = Bench([greet])
    assert await bench.run(name) == ToolResult("Error: there is no such tool.", failed=True)
    assert bench.outcomes == [("unknown", "unknown")]
    assert name not in log.text


async def test_a_tool_that_this_persona_does_not_offer_is_not_run() -> None:
    bench = Bench([greet, add])
    assert (await bench.run("add", '{"a": 2}', offered=["greet"])).failed
    assert bench.outcomes == [("unknown", "unknown")]


async def _fail_async() -> None:
    raise ValueError("card 4111111111111111")


def _fail() -> None:
    try:
        raise KeyError("token-abc")
    except KeyError as error:
        raise ValueError("card 4111111111111111") from error


def _exit() -> None:
    raise SystemExit("token-abc")


async def _exit_async() -> None:
    raise SystemExit("token-abc")


def _interrupt() -> None:
    raise KeyboardInterrupt


def _stop_iteration() -> None:
    raise StopIteration


async def _cancel() -> None:
    raise asyncio.CancelledError


async def _group() -> None:
    raise ExceptionGroup("4111111111111111", [ValueError("token-abc")])


@pytest.mark.parametrize(
    "function", [_fail_async, _fail, _exit, _exit_async, _interrupt, _stop_iteration, _cancel, _group]
)
async def test_whatever_a_tool_raises_the_model_is_told_and_nothing_more(
    function: Callable[[], object], log: pytest.LogCaptureFixture
) -> None:
    function.__doc__ = "Fail."
    bench = Bench([function])
    name = function.__name__
    assert await bench.run(name) == ToolResult("Error: the tool failed.", failed=True)
    assert bench.outcomes == [(name, "error")]
    assert f"call=CA1 tool={name} failed: " in log.text
    assert "4111" not in log.text
    assert "token-abc" not in log.text


def _check(value: str) -> str:
    raise KeyError("token-abc")


async def test_a_check_of_the_tools_own_that_breaks_is_a_failure_too(log: pytest.LogCaptureFixture) -> None:
    async def checked(value: Annotated[str, AfterValidator(_check)]) -> None:
        """Take a value."""

    bench = Bench([checked])
    assert await bench.run("checked", '{"value": "7"}') == ToolResult("Error: the tool failed.", failed=True)
    assert bench.outcomes == [("checked", "error")]
    assert "token-abc" not in log.text


async def test_the_log_says_where_an_error_came_from(log: pytest.LogCaptureFixture) -> None:
    _fail.__doc__ = "Fail."
    await Bench([_fail]).run("_fail")
    assert "ValueError at " in log.text
    assert " from KeyError at test_tools_running.py:" in log.text


async def test_a_tool_may_tell_the_model_why() -> None:
    async def look() -> None:
        """Look."""
        raise ToolError("there is no\n such order.")

    def look_longer() -> None:
        """Look."""
        raise ToolError("x" * 10_000)

    bench = Bench([look, look_longer])
    assert await bench.run("look") == ToolResult("Error: there is no such order.", failed=True)
    assert len((await bench.run("look_longer")).text) < 600
    assert bench.outcomes == [("look", "error"), ("look_longer", "error")]


# --- time ---------------------------------------------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_an_async_tool_that_takes_too_long_is_stopped_in_time() -> None:
    bench = Bench([stall])
    result = await bench.run("stall", '{"seconds": 60}', seconds=4)
    assert result == ToolResult("Error: the tool did not answer within 4 seconds.", failed=True)
    assert bench.outcomes == [("stall", "timeout")]
    assert bench.seen[0][2] == pytest.approx(4)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.virtual_time
async def test_a_tools_own_time_limit_comes_first() -> None:
    @tool(seconds=30)
    async def patient() -> str:
        """Wait."""
        await asyncio.sleep(20)
        return "over"

    assert await Bench([patient]).run("patient", seconds=4) == ToolResult("over")


@pytest.mark.virtual_time
async def test_a_tool_that_does_not_let_itself_be_stopped_is_left_behind(log: pytest.LogCaptureFixture) -> None:
    async def stubborn() -> None:
        """Go on."""
        for _ in range(3):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    bench = Bench([stubborn])
    result = await bench.run("stubborn", seconds=2)
    assert "within 2 seconds" in result.text
    assert bench.seen[0][2] < 4
    assert "does not let itself be stopped" in log.text
    await asyncio.sleep(200)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_plain_function_that_hangs_holds_up_nobody(gate: threading.Event) -> None:
    def hang() -> None:
        """Hang."""
        gate.wait(60)

    bench = Bench([hang, greet])
    hanging = asyncio.create_task(bench.run("hang", seconds=0.05))
    assert not (await bench.run("greet", '{"name": "Ann"}')).failed
    assert (await hanging).text == "Error: the tool did not answer within 0.05 seconds."
    assert bench.outcomes == [("greet", "ok"), ("hang", "timeout")]
    assert not gate.is_set()


async def test_functions_that_hang_are_bounded_and_take_nothing_from_other_tools(gate: threading.Event) -> None:
    def hang() -> None:
        """Hang."""
        gate.wait(60)

    bench = Bench([hang, add])
    before = threading.active_count()
    results = await asyncio.gather(*(bench.run("hang", seconds=0.05) for _ in range(100)))
    assert threading.active_count() - before <= 32
    assert sum("too busy" in result.text for result in results) == 68
    assert await bench.run("add", '{"a": 1}') == ToolResult('{"sum":2}')
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "tool-hang":
            await asyncio.to_thread(thread.join, 30)
    assert await bench.run("hang") == ToolResult("Done.")


@pytest.mark.virtual_time
async def test_the_end_of_the_call_stops_an_async_tool() -> None:
    ended: list[str] = []

    async def wait() -> None:
        """Wait."""
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("stopped")

    bench = Bench([wait])
    running = asyncio.create_task(bench.run("wait", seconds=100))
    await asyncio.sleep(1)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert ended == ["stopped"]
    assert bench.seen == []


async def test_the_end_of_the_call_does_not_wait_for_a_thread(gate: threading.Event) -> None:
    started = threading.Event()

    def hang() -> None:
        """Hang."""
        started.set()
        gate.wait(60)

    running = asyncio.create_task(Bench([hang]).run("hang", seconds=100))
    await asyncio.to_thread(started.wait, 30)
    running.cancel()
    await asyncio.wait([running], timeout=30)
    assert running.cancelled()
    assert not gate.is_set()


@pytest.mark.virtual_time
async def test_tools_in_parallel_take_as_long_as_the_slowest() -> None:
    bench = Bench([stall])
    began = bench.now()
    await asyncio.gather(*(bench.run("stall", json.dumps({"seconds": seconds})) for seconds in (1, 2, 3)))
    assert bench.now() - began == pytest.approx(3)
    assert [seconds for _, _, seconds in bench.seen] == pytest.approx([1, 2, 3])


# --- digits -------------------------------------------------------------------------------------------------------


@tool(digits=DigitsWanted(length=4, secret=True))
async def check_pin(pin: Digits, give_away: bool = False) -> str:
    """Check a PIN."""
    if give_away:
        raise ToolError(f"{pin} is wrong")
    return f"{pin} is right"


async def test_digits_are_given_to_the_tool_that_wants_them_and_the_secret_ones_not_to_the_model() -> None:
    bench = Bench([check_pin])
    assert bench.box.digits_wanted("check_pin") == DigitsWanted(4, secret=True)
    assert await bench.run("check_pin", digits="2580") == ToolResult("*** is right")
    told = await bench.run("check_pin", '{"give_away": true}', digits="2580")
    assert told == ToolResult("Error: *** is wrong.", failed=True)


async def test_digits_that_are_no_secret_may_be_told() -> None:
    @tool(digits=DigitsWanted())
    async def echo(number: Digits) -> str:
        """Echo."""
        return number

    assert await Bench([echo]).run("echo", digits="2580") == ToolResult("2580")


async def test_without_digits_a_tool_that_wants_them_is_not_run() -> None:
    bench = Bench([check_pin, greet])
    assert await bench.run("check_pin") == ToolResult("Error: the caller has pressed no keys yet.", failed=True)
    assert bench.outcomes == [("check_pin", "arguments")]
    assert bench.box.digits_wanted("greet") is bench.box.digits_wanted("sing") is None
