"""What values in Bicep are: kinds, and whether one may stand where another is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Simple:
    """`string`, `int`, `bool` or `null`; or `any`, of which nothing is known."""

    name: str


@dataclass(frozen=True)
class Exactly:
    """One string."""

    text: str


@dataclass(frozen=True)
class OneOf:
    """Any of several kinds."""

    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class ListOf:
    """An array."""

    item: Kind


@dataclass(frozen=True)
class Property:
    """What an object has under a name."""

    kind: Kind
    required: bool = False
    read_only: bool = False
    constant: bool = False  # known before anything is deployed


@dataclass(frozen=True)
class Record:
    """An object. others: kind of what has no name here; None: there is nothing else."""

    properties: Mapping[str, Property] = field(default_factory=dict)
    others: Kind | None = None


@dataclass(frozen=True)
class Later:
    """A record that is looked up when it is needed, because types may hold themselves."""

    name: str
    look_up: Callable[[], Record] = field(compare=False)


type Kind = Simple | Exactly | OneOf | ListOf | Record | Later

ANY, STRING, INT, BOOL, NULL = (Simple(name) for name in ("any", "string", "int", "bool", "null"))
OBJECT = Record(others=ANY)
ARRAY = ListOf(ANY)
PRIMITIVES: Mapping[str, Kind] = {
    "any": ANY,
    "string": STRING,
    "int": INT,
    "bool": BOOL,
    "object": OBJECT,
    "array": ARRAY,
}


def resolved(kind: Kind) -> Kind:
    """The kind itself, where it was a promise of one."""
    return kind.look_up() if isinstance(kind, Later) else kind


def said(kind: Kind) -> str:
    """A kind, as in a message."""
    match kind:
        case Simple(name) | Later(name):
            return name
        case Exactly(text):
            return f"'{text}'"
        case OneOf(kinds):
            return " | ".join(said(one) for one in kinds)
        case ListOf(item):
            return f"{said(item)}[]"
        case Record():
            return "object"


def either(kinds: list[Kind]) -> Kind:
    """Any of these, without saying one twice."""
    flat = [inner for one in kinds for inner in (one.kinds if isinstance(one, OneOf) else (one,))]
    distinct = [one for number, one in enumerate(flat) if one not in flat[:number]]
    return distinct[0] if len(distinct) == 1 else OneOf(tuple(distinct))


def misfits(given: Kind, wanted: Kind, place: str = "") -> Iterator[str]:
    """Sentences on why `given` may not stand where `wanted` is.

    Stricter than the compiler in one thing: where a list of strings is open to new ones, a string that is written out
    has to be on it.
    """
    given, wanted = resolved(given), resolved(wanted)
    if ANY in (given, wanted) or given == wanted:
        return
    if isinstance(given, OneOf):
        for one in given.kinds:
            yield from misfits(one, wanted, place)
    elif isinstance(wanted, OneOf):
        yield from _none_of(given, wanted, place)
    elif isinstance(given, ListOf) and isinstance(wanted, ListOf):
        yield from misfits(given.item, wanted.item, f"{place}[]")
    elif isinstance(given, Record) and isinstance(wanted, Record):
        yield from _object_misfits(given, wanted, place)
    elif not (isinstance(given, Exactly) and wanted == STRING):
        yield f"{place}: {said(given)} is not {said(wanted)}"


def _none_of(given: Kind, wanted: OneOf, place: str) -> Iterator[str]:
    listed = [one for one in wanted.kinds if isinstance(one, Exactly)]
    choices = listed if listed and isinstance(given, Exactly) else wanted.kinds
    if all(list(misfits(given, one, place)) for one in choices):
        yield f"{place}: {said(given)} is not {said(wanted)}"


def _object_misfits(given: Record, wanted: Record, place: str) -> Iterator[str]:
    for name, has in given.properties.items():
        here = f"{place}.{name}" if place else name
        expected = wanted.properties.get(name)
        if expected is None and wanted.others is None:
            yield f"{here}: there is no such property"
        elif expected is not None and expected.read_only:
            yield f"{here}: can only be read"
        else:
            yield from misfits(has.kind, expected.kind if expected else wanted.others or ANY, here)
    for name, expected in wanted.properties.items():
        if expected.required and name not in given.properties and given.others is None:
            yield f"{place}.{name}: is missing" if place else f"{name}: is missing"
    if given.others is not None and wanted.others is not None:
        yield from misfits(given.others, wanted.others, f"{place}.*")
