"""What makes a Python function a tool: the mark on it, and what the bot knows of it once it is loaded."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, get_args, get_origin, overload

from bot.call.events import CallerFacts
from bot.tools.schema import Arguments, CannotDescribe, ToolDefinition, describe

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # what the service takes for a function's name
_LONGEST = 600.0  # seconds that a tool may ask for; the caller waits for all of them
_MOST_DIGITS = 64
_MARK = "__voicebot_tool__"


class ToolError(Exception):
    """Raised by a tool to tell the model, in words for the model, why it did not work. Nothing else reaches it."""


class Digits(str):
    """What the caller pressed for a tool, given to the parameter of this type. It does not show in a `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Digits('***')"


@dataclass(frozen=True, slots=True)
class DigitsWanted:
    """A tool wants keys pressed. length: so many end the entry (a `#` or a pause ends it sooner).

    secret: they are shown to nobody but the tool, not in a log and not to the model.
    """

    length: int = 32
    secret: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    seconds: float | None
    digits: DigitsWanted | None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. seconds: its own time limit, where it has one.

    facts_in, digits_in: names of the parameters that the bot fills in; "" where there is none.
    """

    definition: ToolDefinition
    function: Callable[..., object]
    arguments: Arguments
    seconds: float | None = None
    digits: DigitsWanted | None = None
    facts_in: str = ""
    digits_in: str = ""

    @property
    def name(self) -> str:
        """What the model calls it by."""
        return self.definition.name

    @property
    def asynchronous(self) -> bool:
        """Whether it runs in the event loop; anything else runs in a thread."""
        return inspect.iscoroutinefunction(inspect.unwrap(self.function))


@overload
def tool[F: Callable[..., object]](function: F, /) -> F: ...


@overload
def tool[F: Callable[..., object]](
    *, name: str = "", seconds: float | None = None, digits: DigitsWanted | None = None
) -> Callable[[F], F]: ...


def tool(
    function: Callable[..., object] | None = None,
    /,
    *,
    name: str = "",
    seconds: float | None = None,
    digits: DigitsWanted | None = None,
) -> Callable[..., object]:
    """Mark a plain or async function as a tool; the function itself stays as it is.

    name: what the model calls it by, in place of the function's name. seconds: a time limit of its own, in place of
    the persona's. digits: it wants keys pressed, and has a parameter of type `Digits` that takes them.
    """

    def mark(marked: Callable[..., object]) -> Callable[..., object]:
        setattr(marked, _MARK, _Mark(name, seconds, digits))
        return marked

    return mark if function is None else mark(function)


def is_tool(value: object) -> bool:
    """Whether `value` is a function that was marked."""
    # Statically: a module may hold proxies that answer to any name, or raise at every one.
    return isinstance(inspect.getattr_static(value, _MARK, None), _Mark)


def make_tool(function: Callable[..., object]) -> Tool:
    """Make a tool of a marked function. Raises CannotDescribe."""
    marks: _Mark = getattr(function, _MARK)
    name = marks.name or getattr(function, "__name__", "")
    if not _NAME.fullmatch(name):
        raise CannotDescribe("its name should be 1 to 64 of a-z, A-Z, 0-9, _ and -")
    if marks.seconds is not None and not (math.isfinite(marks.seconds) and 0 < marks.seconds <= _LONGEST):
        raise CannotDescribe(f"seconds should be more than 0 and at most {_LONGEST:g}")
    plain = inspect.unwrap(function)
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise CannotDescribe("should return its result, not yield it")
    filled: dict[type, str] = {}

    def fill(parameter: str, hint: object) -> bool:
        """Note the parameters that are ours to fill in."""
        kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        if kind is not CallerFacts and kind is not Digits:
            return False
        if kind in filled:
            raise CannotDescribe(f"parameter {parameter}: one of this type is enough")
        filled[kind] = parameter
        return True

    arguments = describe(function, fill)
    _check_digits(marks.digits, filled.get(Digits, ""))
    return Tool(
        ToolDefinition(name, arguments.description, arguments.parameters),
        function,
        arguments,
        marks.seconds,
        marks.digits,
        filled.get(CallerFacts, ""),
        filled.get(Digits, ""),
    )


def _check_digits(wanted: DigitsWanted | None, parameter: str) -> None:
    if wanted is None and parameter:
        raise CannotDescribe(f"parameter {parameter}: @tool should say digits=DigitsWanted(...)")
    if wanted is not None and not parameter:
        raise CannotDescribe("asks for digits, and has no parameter of type Digits to take them")
    if wanted is not None and not 1 <= wanted.length <= _MOST_DIGITS:
        raise CannotDescribe(f"the length of digits should be 1 to {_MOST_DIGITS}")
