from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated, Any

import pytest

from bot.call.events import CallerFacts
from bot.tools.definition import Digits, DigitsWanted, is_tool, make_tool, tool
from bot.tools.schema import CannotDescribe


@tool
def plain(number: str) -> str:
    """Plain."""
    return number


@tool(name="other_name", seconds=3, digits=DigitsWanted(length=4, secret=True))
async def whole(number: str, caller: CallerFacts, pin: Digits) -> str:
    """Whole."""
    return number + caller.caller + pin


def test_a_marked_function_stays_a_function() -> None:
    assert plain("7") == "7"
    assert is_tool(plain)
    assert not is_tool(len)


def test_what_the_mark_says_is_in_the_tool() -> None:
    made = make_tool(whole)
    assert (made.name, made.seconds, made.digits) == ("other_name", 3, DigitsWanted(4, secret=True))
    assert made.asynchronous
    assert not make_tool(plain).asynchronous
    assert make_tool(plain).name == "plain"


def test_what_the_bot_fills_in_is_not_shown_to_the_model() -> None:
    made = make_tool(whole)
    assert list(made.definition.parameters["properties"]) == ["number"]
    assert (made.facts_in, made.digits_in) == ("caller", "pin")


def test_a_description_does_not_change_what_the_bot_fills_in() -> None:
    @tool
    def annotated(caller: Annotated[CallerFacts, "Who calls."]) -> None:
        """Annotated."""

    assert make_tool(annotated).facts_in == "caller"


def test_an_async_function_in_a_plain_wrapper_is_still_async() -> None:
    def traced(function: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Awaitable[str]:  # noqa: ANN401 - whatever the function takes
            return function(*args, **kwargs)

        return wrapper

    made = make_tool(tool(traced(whole_without_digits)))
    assert made.asynchronous
    assert list(made.definition.parameters["properties"]) == ["number"]


async def whole_without_digits(number: str) -> str:
    """Whole."""
    return number


def test_digits_do_not_show() -> None:
    digits = Digits("2580")
    assert digits == "2580"
    assert "2580" not in repr({"pin": digits})


@tool(name="not a name")
def misnamed() -> None:
    """Fault."""


@tool(seconds=0)
def no_time() -> None:
    """Fault."""


@tool(seconds=float("nan"))
def nan_time() -> None:
    """Fault."""


@tool
def yields() -> Iterator[int]:
    """Fault."""
    yield 1


@tool
async def yields_async() -> AsyncIterator[int]:
    """Fault."""
    yield 1


@tool
def digits_unasked(pin: Digits) -> None:
    """Fault."""


@tool(digits=DigitsWanted())
def digits_untaken(number: str) -> None:
    """Fault."""


@tool(digits=DigitsWanted(length=0))
def digits_of_no_length(pin: Digits) -> None:
    """Fault."""


@tool
def facts_twice(caller: CallerFacts, again: CallerFacts) -> None:
    """Fault."""


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (misnamed, "its name should be"),
        (no_time, "seconds should be"),
        (nan_time, "seconds should be"),
        (yields, "not yield"),
        (yields_async, "not yield"),
        (digits_unasked, "parameter pin: @tool should say digits="),
        (digits_untaken, "has no parameter of type Digits"),
        (digits_of_no_length, "length of digits should be 1 to 64"),
        (facts_twice, "parameter again: one of this type is enough"),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(function: Callable[..., object], says: str) -> None:
    with pytest.raises(CannotDescribe, match=says):
        make_tool(function)
