"""Small checks of JSON values. Each takes a value and its path, and returns the value or raises `Refusal`.

Codes and sentences are those by which Voice Live and OpenAI's realtime service refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.errors import EngineError

type Json = Any
"""A value as JSON knows it: nobody knows what it is before it was checked."""

type Check = Callable[[Json, str], Json]


class Refusal(EngineError):
    """A client event is answered with an `error` of type invalid_request_error. param: path of the field to blame."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        self.code = code
        self.message = message
        self.param = param
        super().__init__(f"{code}: {message}")


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Json, path: str) -> Json:
        if not isinstance(value, str) or value not in allowed:
            words = ", ".join(f"'{word}'" for word in allowed)
            raise Refusal("invalid_value", f"Invalid value: {_shown(value)}. Supported values are: {words}.", path)
        return value

    return check


def number(low: float, high: float, *, whole: bool = False) -> Check:
    """A number from `low` to `high`."""

    def check(value: Json, path: str) -> Json:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise _wrong_type(value, path, "an integer" if whole else "a number")
        if not low <= value <= high:
            raise Refusal(
                "invalid_value", f"Invalid '{path}': should be from {low:g} to {high:g}, got {_shown(value)}.", path
            )
        return value

    return check


def text(longest: int = 65_536) -> Check:
    """A string of at most `longest` characters."""

    def check(value: Json, path: str) -> Json:
        if not isinstance(value, str):
            raise _wrong_type(value, path, "a string")
        if len(value) > longest:
            raise Refusal("string_above_max_length", f"Invalid '{path}': at most {longest} characters.", path)
        return value

    return check


def boolean(value: Json, path: str) -> Json:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong_type(value, path, "a boolean")
    return value


def anything(value: Json, path: str) -> Json:
    """Whatever it is: it is kept and has no meaning here."""
    return value


def optional(check: Check) -> Check:
    """Null, or what `check` takes."""
    return lambda value, path: None if value is None else check(value, path)


def either(*checks: Check) -> Check:
    """The first check that takes it; the last one's complaint where none does."""

    def check(value: Json, path: str) -> Json:
        for attempt in checks[:-1]:
            try:
                return attempt(value, path)
            except Refusal:
                continue
        return checks[-1](value, path)

    return check


def list_of(item: Check, *, longest: int = 128) -> Check:
    """A list of at most `longest` things that `item` takes."""

    def check(value: Json, path: str) -> Json:
        if not isinstance(value, list):
            raise _wrong_type(value, path, "an array")
        if len(value) > longest:
            raise Refusal("array_above_max_length", f"Invalid '{path}': at most {longest} elements.", path)
        return [item(element, f"{path}[{index}]") for index, element in enumerate(value)]

    return check


def record(fields: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    """An object with these fields and no others."""

    def check(value: Json, path: str) -> Json:
        if not isinstance(value, dict):
            raise _wrong_type(value, path, "an object")
        for name in required:
            if name not in value:
                raise missing(f"{path}.{name}")
        for name in value:
            if name not in fields:
                raise Refusal("unknown_parameter", f"Unknown parameter: '{path}.{name}'.", f"{path}.{name}")
        return {name: fields[name](element, f"{path}.{name}") for name, element in value.items()}

    return check


def missing(path: str) -> Refusal:
    """The refusal of an event in which `path` should be and is not."""
    return Refusal("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def field(event: Mapping[str, Any], name: str, check: Check) -> Json:
    """A field that the event must have."""
    if event.get(name) is None:
        raise missing(name)
    return check(event[name], name)


def optional_field(event: Mapping[str, Any], name: str, check: Check) -> Json:
    """A field that the event may have; None where it is absent or null."""
    return optional(check)(event.get(name), name)


def _wrong_type(value: Json, path: str, wanted: str) -> Refusal:
    return Refusal("invalid_type", f"Invalid type for '{path}': expected {wanted}, got {_shown(value)}.", path)


def _shown(value: Json) -> str:
    if isinstance(value, str):
        return f"'{value[:40]}'"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return "null" if value is None else str(value)[:40]
