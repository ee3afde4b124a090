from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, NewType, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

from bot.tools.schema import ArgumentsWrong, CannotDescribe, describe


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Floor(IntEnum):
    GROUND = 0
    FIRST = 1


class Odd(Enum):
    PAIR = (1, 2)


@dataclass
class Item:
    name: Annotated[str, "What it is called."]
    count: int = 1
    tags: list[str] = field(default_factory=list)


@dataclass
class Chain:
    next: Chain | None = None


@dataclass
class Sealed:
    given: str
    own: bytes = field(init=False, default=b"")


@dataclass
class Broken:
    part: Missing  # type: ignore[name-defined] # noqa: F821 - the fault it is about


type Price = float
OrderNumber = NewType("OrderNumber", str)


def schema_of(hint: object) -> Any:  # noqa: ANN401 - JSON
    return describe(taking(hint)).parameters["properties"]["value"]


def taking(hint: object) -> Callable[..., object]:
    """A tool with one parameter of that type."""

    def function(value: object) -> None:
        """Take a value."""

    function.__annotations__ = {"value": hint, "return": None}
    return function


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Price, {"type": "number"}),
        (OrderNumber, {"type": "string"}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Size, {"type": "string", "enum": ["small", "large"]}),
        (Floor, {"type": "integer", "enum": [0, 1]}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, list[Size]], {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string", "enum": ["small", "large"]}},
        }),
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045 - people write it
        (Sealed, {"type": "object", "properties": {"given": {"type": "string"}}, "required": ["given"]}),
        (Annotated[str, "Any colour."], {"type": "string", "description": "Any colour."}),
        (Annotated[int, Field(ge=1, le=9)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Annotated[list[Item], Field(max_length=2), "Things."], {
            "type": "array",
            "maxItems": 2,
            "description": "Things.",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": "What it is called."},
                    "count": {"type": "integer", "default": 1},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["name"],
            },
        }),
    ],
)  # fmt: skip
def test_a_type_hint_becomes_a_schema(hint: object, schema: object) -> None:
    assert schema_of(hint) == schema


@pytest.mark.parametrize(
    ("hint", "says"),
    [
        (Any, "Any cannot be described"),
        (object, "object cannot be described"),
        (bytes, "bytes"),
        (list, "list cannot be described"),
        (dict, "dict cannot be described"),
        (dict[int, str], "dict[int, str]"),
        (tuple[int, str], "tuple"),
        (set[str], "set"),
        (Callable[[], None], "Callable"),
        (list[bytes], "bytes"),
        (str | bytes, "bytes"),
        (Odd, "choices"),
        (Literal[b"x"], "choices"),
        (Chain, "Chain.next: Chain holds itself"),
        (Broken, "type hints of Broken cannot be read"),
        (Annotated[str, Field(pattern="(")], "unclosed group"),
    ],
)
def test_a_type_that_cannot_be_described_is_refused_with_its_parameter(hint: object, says: str) -> None:
    with pytest.raises(CannotDescribe, match="value") as caught:
        describe(taking(hint))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def order(number: str, /, *rest: int) -> None:
    """Order."""


def unhinted(number) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - the fault it is about
    """Order."""


def undocumented(number: str) -> None: ...


def misdocumented(number: str) -> None:
    """Order.

    Args:
        nummer: The number.
    """


def unknown_hint(number: Missing) -> None:  # type: ignore[name-defined] # noqa: F821 - the fault it is about
    """Order."""


def unknown_result(number: str) -> Missing:  # type: ignore[name-defined] # noqa: F821 - as above
    """Order."""


def only_keywords(**numbers: int) -> None:
    """Order."""


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (order, "parameter number: should be one that can be given by name"),
        (only_keywords, "parameter numbers: should be one that can be given by name"),
        (unhinted, "parameter number: has no type hint"),
        (undocumented, "docstring is missing"),
        (misdocumented, "describes nummer, which is no parameter"),
        (unknown_hint, "Missing"),
    ],
)
def test_a_function_that_cannot_be_described_is_refused(function: Callable[..., object], says: str) -> None:
    with pytest.raises(CannotDescribe, match=says):
        describe(function)


def test_what_a_function_returns_need_not_be_known() -> None:
    assert list(describe(unknown_result).parameters["properties"]) == ["number"]


def book(
    day: str,
    items: list[Item],
    size: Size = Size.LARGE,
    note: str | None = None,
    copy: bool = False,
    percent: Annotated[float, Field(ge=0, le=100)] = 0.0,
) -> None:
    """Book something
    for a day.

    And so on.

    Args:
        day: Which day.
        note: What else.
    """


BOOK = describe(book)


def test_the_whole_of_a_function() -> None:
    assert BOOK.description == "Book something for a day."
    assert BOOK.parameters["required"] == ["day", "items"]
    assert BOOK.parameters["additionalProperties"] is False
    properties = BOOK.parameters["properties"]
    assert properties["day"] == {"description": "Which day.", "type": "string"}
    assert properties["note"]["description"] == "What else."
    assert properties["size"]["default"] == "large"
    assert "default" not in properties["note"]
    json.dumps(BOOK.parameters)


def test_arguments_become_what_the_function_takes() -> None:
    given_ = BOOK.read('{"day": "Monday", "items": [{"name": "bell"}], "size": "small", "copy": true}')
    assert given_ == {"day": "Monday", "items": [Item("bell")], "size": Size.SMALL, "copy": True}


def test_what_the_model_leaves_out_is_left_to_the_function() -> None:
    assert BOOK.read('{"day": "Monday", "items": []}') == {"day": "Monday", "items": []}


def test_no_arguments_may_be_sent_as_nothing() -> None:
    def now() -> None:
        """Tell the time."""

    nothing = describe(now)
    assert nothing.read("") == nothing.read(" ") == nothing.read("{}") == {}
    assert nothing.parameters == {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("order it", "JSON"),
        ('{"day": "Mon', "JSON"),
        ("[]", "object"),
        ("null", "object"),
        ('"Monday"', "object"),
        ("{}", "day"),
        ('{"day": 7, "items": []}', "day: Input should be a valid string"),
        ('{"day": "Monday", "items": "bell"}', "items: Input should be a valid"),
        ('{"day": "Monday", "items": [{"count": 2}]}', "items.0.name: Field required"),
        ('{"day": "Monday", "items": [], "size": "huge"}', "size: Input should be 'small' or 'large'"),
        ('{"day": "Monday", "items": [], "percent": NaN}', "percent"),
        ('{"day": "Monday", "items": [], "percent": 101}', "percent"),
        ('{"day": "Monday", "items": [], "facts": {}}', "facts: Unexpected"),
        ('{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}', "and 4 more"),
        ("[" * 5000, "JSON"),
        ('{"day": "' + "x" * 70_000 + '", "items": []}', "longer than"),
    ],
)
def test_arguments_that_do_not_fit_say_what_is_wrong(arguments: str, says: str) -> None:
    with pytest.raises(ArgumentsWrong) as caught:
        BOOK.read(arguments)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_what_is_wrong_is_told_without_the_value() -> None:
    with pytest.raises(ArgumentsWrong) as caught:
        BOOK.read('{"day": ["4111111111111111"], "items": 4111111111111111, "copy": "4111111111111111"}')
    assert "4111" not in str(caught.value)


def test_a_word_of_the_models_choice_is_cut_short() -> None:
    with pytest.raises(ArgumentsWrong) as caught:
        BOOK.read(json.dumps({"x" * 10_000: 1, "day": "Monday", "items": []}))
    assert len(str(caught.value)) <= 200


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(["day", "items", "size", "note", "copy", "percent", "self", "value"])


@given(st.text() | _json.map(json.dumps) | st.dictionaries(_names, _json).map(json.dumps))
def test_whatever_the_model_sends_fits_or_is_told_to_be_wrong(arguments: str) -> None:
    try:
        given_ = BOOK.read(arguments)
    except ArgumentsWrong:
        return
    assert isinstance(given_["day"], str)
    assert all(isinstance(item, Item) for item in given_["items"])
    assert 0 <= given_.get("percent", 0) <= 100
    assert given_.keys() <= BOOK.parameters["properties"].keys()


_words = st.text(st.characters(exclude_categories=["Cs"]))
_needed: dict[str, st.SearchStrategy[object]] = {"day": _words}
_optional: dict[str, st.SearchStrategy[object]] = {
    "size": st.sampled_from(["small", "large"]),
    "note": st.none() | _words,
    "copy": st.booleans(),
    "percent": st.floats(0, 100),
}


@given(st.fixed_dictionaries(_needed, optional=_optional))
def test_what_the_schema_allows_arrives_as_it_was_sent(sent: dict[str, object]) -> None:
    assert BOOK.read(json.dumps({**sent, "items": []})) == {**sent, "items": []}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_is_one_that_can_be_counted_with(number: str) -> None:
    with pytest.raises(ArgumentsWrong, match="value: Input should be a finite number"):
        describe(taking(float)).read(f'{{"value": {number}}}')


def test_a_check_of_the_tools_own_may_say_why() -> None:
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("should be even")
        return value

    with pytest.raises(ArgumentsWrong, match="value: Value error, should be even"):
        describe(taking(Annotated[int, AfterValidator(even)])).read('{"value": 3}')


def test_a_default_that_json_cannot_show_is_left_out() -> None:
    def function(value: str = object()) -> None:  # type: ignore[assignment] # whatever somebody marks an absence with
        """Take a value."""

    arguments = describe(function)
    assert arguments.parameters["properties"]["value"] == {"type": "string"}
    assert arguments.read("{}") == {}


def test_names_that_pydantic_uses_itself_are_as_good_as_any() -> None:
    def odd_names(self: str, json: str, model_dump: int, _hidden: bool, schema: str = "") -> None:
        """Take odd names."""

    arguments = describe(odd_names)
    sent = {"self": "a", "json": "b", "model_dump": 1, "_hidden": True, "schema": "c"}
    assert arguments.read(json.dumps(sent)) == sent
