"""From type hints to a JSON schema, and from the JSON that a model sends to the arguments that a function takes.

The schema is made here and not by pydantic, so that it stays flat and short (no titles, no references) and so that a
type which the model could not be told of is refused when the bot starts, not in the middle of a call. Checking and
converting what the model sends is pydantic's.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, SchemaError, to_jsonable_python

from bot.tools.docstrings import read_docstring

type Json = dict[str, Any]

_PLAIN: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_LONGEST_ARGUMENTS = 65_536  # characters
_MOST_PROBLEMS = 3  # told to the model at once
_LONGEST_PROBLEM = 200  # characters
_UNUSABLE = (PydanticUserError, SchemaError, TypeError, ValueError)  # what pydantic raises for a hint
_ABSENT = object()  # stands for an argument that the model left to its default
_USE = "use str, int, float, bool, Literal, Enum, list[...], dict[str, ...], a dataclass, or one of these or None"


class CannotDescribe(Exception):
    """A function cannot be made a tool; says which parameter, and why."""


class ArgumentsWrong(Exception):
    """The model's arguments do not fit; says what is wrong, for the model to mend, and shows no value."""


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """What a model is told of a tool. parameters: a JSON schema, of an object."""

    name: str
    description: str
    parameters: Json


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a function takes: `parameters` tells a model, `read` takes what the model sends."""

    description: str
    parameters: Json
    _adapter: TypeAdapter[Any]

    def read(self, arguments: str) -> dict[str, Any]:
        """The keyword arguments in the JSON text that a model sent. Raises ArgumentsWrong."""
        if len(arguments) > _LONGEST_ARGUMENTS:
            raise ArgumentsWrong(f"they are longer than {_LONGEST_ARGUMENTS} characters")
        try:
            # No arguments at all are sent as nothing by some models, as {} by others.
            values = self._adapter.validate_json(arguments if arguments.strip() else "{}")
        except ValidationError as error:
            raise ArgumentsWrong(_in_words(error)) from None
        given = {name: getattr(values, name) for name in self.parameters["properties"]}
        return {name: value for name, value in given.items() if value is not _ABSENT}


def describe(function: Callable[..., object], filled: Callable[[str, object], bool] = lambda *_: False) -> Arguments:
    """Describe what `function` takes. filled: whether a parameter, by name and type, is not the model's to give.

    Raises CannotDescribe.
    """
    documentation = read_docstring(function.__doc__ or "")
    if not documentation.summary:
        raise CannotDescribe("a docstring is missing: its first paragraph tells the model when to use the tool")
    signature, hints = _signature(function)
    if strangers := sorted(documentation.parameters.keys() - signature.keys()):
        raise CannotDescribe(f"the docstring describes {strangers[0]}, which is no parameter")
    properties: Json = {}
    fields: list[tuple[str, Any, Any]] = []
    required: list[str] = []
    for name, parameter in signature.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise CannotDescribe(f"parameter {name}: should be one that can be given by name")
        if name not in hints:
            raise CannotDescribe(f"parameter {name}: has no type hint")
        if filled(name, hints[name]):
            continue
        try:
            properties[name] = _schema(hints[name])
        except CannotDescribe as problem:
            raise CannotDescribe(f"parameter {name}: {problem}") from None
        if name in documentation.parameters:
            properties[name] = {"description": documentation.parameters[name], **properties[name]}
        if parameter.default is parameter.empty:
            required.append(name)
            fields.append((name, hints[name], dataclasses.field()))
        else:
            properties[name] |= _default(parameter.default)
            fields.append((name, hints[name], dataclasses.field(default=_ABSENT)))
    parameters: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        parameters["required"] = required
    return Arguments(documentation.summary, parameters, _adapter(fields))


def _signature(function: Callable[..., object]) -> tuple[Mapping[str, inspect.Parameter], dict[str, Any]]:
    plain = inspect.unwrap(function)
    hinted: object = plain
    if inspect.isfunction(plain):
        # What it returns is nothing to a model, and may be a name that only a type checker imports.
        hints = {name: hint for name, hint in plain.__annotations__.items() if name != "return"}
        hinted = types.SimpleNamespace(__annotations__=hints, __globals__=plain.__globals__)
    try:
        return inspect.signature(function).parameters, typing.get_type_hints(hinted, include_extras=True)
    except (NameError, TypeError, ValueError, AttributeError) as error:
        raise CannotDescribe(f"its type hints cannot be read: {error}") from None


def _adapter(fields: list[tuple[str, Any, Any]]) -> TypeAdapter[Any]:
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    try:
        return TypeAdapter(
            dataclasses.make_dataclass("Given", fields, kw_only=True, namespace={"__pydantic_config__": config})
        )
    except _UNUSABLE as error:
        raise CannotDescribe(f"its type hints cannot be used: {_one_line(str(error))}") from None


def _default(value: object) -> Json:
    """What a parameter is if the model leaves it out, where JSON can show that."""
    if value is None:
        return {}
    try:
        return {"default": to_jsonable_python(value)}
    except PydanticSerializationError:
        return {}


# --- types ------------------------------------------------------------------------------------------------------


def _schema(hint: Any, within: tuple[type, ...] = ()) -> Json:  # noqa: ANN401 - a type hint may be anything
    """The JSON schema of a type. within: the dataclasses that it is in."""
    if isinstance(hint, type) and hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if isinstance(hint, TypeAliasType):
        return _schema(hint.__value__, within)
    if isinstance(hint, typing.NewType):
        return _schema(hint.__supertype__, within)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _one_of([member.value for member in hint])
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _record(hint, within)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(hint, within)
    if origin is Literal:
        return _one_of(list(args))
    if origin is list:
        return {"type": "array", "items": _schema(args[0], within)}
    if origin is dict and args[0] is str:
        return {"type": "object", "additionalProperties": _schema(args[1], within)}
    if origin is Union or origin is types.UnionType:
        return {"anyOf": [_schema(arg, within) for arg in args]}
    name = hint.__name__ if isinstance(hint, type) and not args else str(hint)
    raise CannotDescribe(f"{_one_line(name)} cannot be described to a model; {_USE}")


def _one_of(values: list[Any]) -> Json:
    kinds = {type(value) for value in values}
    if not kinds <= _PLAIN.keys() or not values:
        raise CannotDescribe("its choices should be str, int, float, bool or None")
    schema: Json = {"enum": values}
    return {"type": _PLAIN[kinds.pop()], **schema} if len(kinds) == 1 else schema


def _annotated(hint: Any, within: tuple[type, ...]) -> Json:  # noqa: ANN401 - as above
    """Text is a description; anything else is for pydantic, such as `Field(ge=1)`."""
    base, *extras = get_args(hint)
    schema = _schema(base, within)
    if any(not isinstance(extra, str) for extra in extras):
        try:
            whole = TypeAdapter(hint).json_schema()
        except _UNUSABLE as error:
            raise CannotDescribe(f"{_one_line(str(error))}") from None
        # pydantic's own way to say what is said already, or to point to it
        schema |= {key: value for key, value in whole.items() if key not in {*schema, "title", "$defs", "$ref"}}
    texts = [extra for extra in extras if isinstance(extra, str)]
    return schema | ({"description": " ".join(texts)} if texts else {})


def _record(record: type, within: tuple[type, ...]) -> Json:
    if record in within:
        raise CannotDescribe(f"{record.__name__} holds itself, which cannot be described to a model")
    try:
        hints = typing.get_type_hints(record, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise CannotDescribe(f"the type hints of {record.__name__} cannot be read: {error}") from None
    properties: Json = {}
    required: list[str] = []
    for field in dataclasses.fields(record):
        if not field.init:
            continue
        try:
            properties[field.name] = _schema(hints[field.name], (*within, record))
        except CannotDescribe as problem:
            raise CannotDescribe(f"{record.__name__}.{field.name}: {problem}") from None
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append(field.name)
        elif field.default is not dataclasses.MISSING:
            properties[field.name] |= _default(field.default)
    schema: Json = {"type": "object", "properties": properties}
    return schema | ({"required": required} if required else {})


# --- words ------------------------------------------------------------------------------------------------------


def _in_words(error: ValidationError) -> str:
    """What is wrong, and where; never the value itself, which may be anything."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    said = [_one_line(": ".join(filter(None, (_place(each["loc"]), each["msg"])))) for each in problems]
    more = [f"and {len(said) - _MOST_PROBLEMS} more"] if len(said) > _MOST_PROBLEMS else []
    return "; ".join(said[:_MOST_PROBLEMS] + more)


def _place(steps: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in steps)


def _one_line(words: str) -> str:
    """Words of unknown make, fit for a line of a log or an answer."""
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_PROBLEM else line[: _LONGEST_PROBLEM - 1] + "…"
