"""From the text of a personas' file to personas, or to every problem in it, in words and with its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

from pydantic import TypeAdapter, ValidationError

from bot.call.parting import BUILT_IN
from bot.errors import SettingsError
from bot.masking import mask
from bot.persona.checks import ModuleName, nearest
from bot.persona.matching import Address, claims
from bot.persona.persona import (
    SETTLED,
    DigitRules,
    LogRules,
    McpServer,
    Persona,
    TransferTarget,
)
from bot.persona.places import Path, Places
from bot.persona.sentences import ENGLISH, WORDED, Sentences, is_english
from bot.settings import Settings

type Compatible = Callable[[Settings], Settings]
"""Makes settings agree with each other, or raises SettingsError: `bot.voicelive.configuration.compatible`."""

_PERSONA = TypeAdapter(Persona)
_SENTENCES = TypeAdapter(Sentences)
_MODULES: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[ModuleName, ...])
_TOP = ("personas", "modules", "sentences")
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}", re.ASCII)
_LONG_NUMBER = re.compile(r"\+?\d{5,}")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column (\d+)\)")
_TABLES: dict[str, type] = {
    "digits": DigitRules,
    "log": LogRules,
    "mcp": McpServer,
    "sentences": Sentences,
    "transfer": TransferTarget,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file. line: counted from 1, None where it is not known."""

    path: Path
    what: str
    line: int | None = None

    def in_words(self, file: str) -> str:
        """`FILE:LINE: where: what`. A key that is no plain word, and might be a number, is not shown."""
        where = "".join(
            f"[{key + 1}]" if isinstance(key, int) else f".{key if _BARE.fullmatch(key) else '***'}"
            for key in self.path
        ).lstrip(".")
        place = f"{file}:{self.line}" if self.line else file
        return f"{place}: {where}: {self.what}" if where else f"{place}: {self.what}"


class BadPersonas(Exception):
    """The file cannot be used."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} problems")


@dataclass(frozen=True, slots=True)
class PersonaFile:
    """What a file says. personas: at least one, and one of them the default; modules: Python modules with tools."""

    personas: tuple[Persona, ...]
    modules: tuple[str, ...] = ()


def as_they_are(settings: Settings) -> Settings:
    """Take settings to be compatible with each other."""
    return settings


def read(
    text: str, settings: Settings, environ: Mapping[str, str], compatible: Compatible = as_they_are
) -> PersonaFile:
    """Make personas of a file; what it leaves out comes from the settings. Raises BadPersonas with every problem.

    environ: in which the variables that the file names must be set.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        line = int(at[1]) if at else len(text.rstrip().split("\n"))
        what = _AT_LINE.sub(lambda found: f", column {found[2]}", str(error))
        what = _LONG_NUMBER.sub("***", what)  # it may name keys
        raise BadPersonas([Problem((), f"is not TOML: {what}", line)]) from None
    reader = _Reader(settings, environ, compatible)
    result = reader.file(content)
    if reader.problems:
        places = Places(text)
        problems = [replace(problem, line=places.line(problem.path)) for problem in reader.problems]
        raise BadPersonas(sorted(problems, key=lambda problem: problem.line or 0))
    return result


class _Reader:
    """Reads one file, and gathers the problems on the way."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], compatible: Compatible) -> None:
        self.problems: list[Problem] = []
        self._settings = settings
        self._environ = environ
        self._compatible = compatible
        self._modules: tuple[str, ...] = ()
        self._sentences: dict[str, Mapping[str, str]] = {}

    def file(self, content: Mapping[str, object]) -> PersonaFile:
        for key in content:
            if key not in _TOP:
                self._complain((key,), f"is not known{nearest(key, _TOP)}")
        self._modules = self._check(("modules",), _MODULES, content.get("modules", ())) or ()
        for language, words in self._tables(content, ("sentences",)):
            checked = self._check(("sentences", language), _SENTENCES, {**words, "language": language})
            if "language" in words:
                self._complain(("sentences", language, "language"), "is the name of the table already")
            if checked is not None:
                self._sentences[language] = {name: getattr(checked, name) for name in words}
        tables = list(self._tables(content, ("personas",)))
        personas = [persona for name, table in tables if (persona := self._persona(name, table)) is not None]
        if not tables and not self.problems:
            self._complain((), "holds no persona; one begins with [personas.NAME]")
        self._check_owners(personas)
        return PersonaFile(self._with_default(personas, len(tables)), self._modules)

    def _tables(self, content: Mapping[str, object], path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
        tables = content.get(str(path[-1]), {})
        if not isinstance(tables, Mapping):
            self._complain(path, f"should be tables: [{path[-1]}.NAME]")
            return
        for name, table in tables.items():
            if isinstance(table, Mapping):
                yield name, table
            else:
                self._complain((*path, name), f"should be a table: [{path[-1]}.NAME]")

    # --- one persona

    def _persona(self, name: str, table: Mapping[str, object]) -> Persona | None:
        path: Path = ("personas", name)
        if "name" in table:
            self._complain((*path, "name"), "is the name of the table already")
        given = {key: value for key, value in table.items() if key not in ("name", "sentences")}
        checked = self._check(path, _PERSONA, {**given, "name": name})
        sentences = self._worded(path, table, checked)
        if checked is None or sentences is None:
            return None
        values = {key: getattr(checked, key) for key in given}
        values |= {"name": name, "default": checked.default, "sentences": sentences}
        persona = replace(Persona.of(self._settings), **values)
        self._check_tools(path, persona)
        self._check_servers(path, persona)
        return self._agreeing(path, persona, given)

    def _worded(self, path: Path, table: Mapping[str, object], checked: Persona | None) -> Sentences | None:
        """A persona's sentences: its own, else those of its language, else the English ones."""
        path = (*path, "sentences")
        own = table.get("sentences", {})
        if not isinstance(own, Mapping):
            self._complain(path, "should be a table")
            return None
        if self._check(path, _SENTENCES, own) is None:
            return None
        spoken = checked.language if checked is not None and checked.language in self._sentences else ENGLISH
        language = str(own.get("language", spoken))
        words: dict[str, str] = {**self._sentences.get(language, {}), **own, "language": language}
        missing = [name for name in WORDED if name not in words]
        if missing and not is_english(language):
            self._complain(path, f"in {language} has no words for {', '.join(missing)}")
            return None
        return Sentences(**{name: text.strip() for name, text in words.items()})

    def _check_tools(self, path: Path, persona: Persona) -> None:
        for position, tool in enumerate(persona.tools):
            if tool not in BUILT_IN and not self._modules:
                near = nearest(tool, sorted(BUILT_IN))
                what = f"is not built in ({', '.join(sorted(BUILT_IN))}), and no `modules` are named{near}"
                self._complain((*path, "tools", position), what)
        if "transfer_call" in persona.tools and not persona.transfer:
            self._complain(
                (*path, "tools"), f"offers transfer_call, but there is no [personas.{persona.name}.transfer.NAME]"
            )
        if persona.transfer and "transfer_call" not in persona.tools:
            self._complain((*path, "transfer"), 'is never used: add "transfer_call" to `tools`')

    def _check_servers(self, path: Path, persona: Persona) -> None:
        labels: set[str] = set()
        for position, server in enumerate(persona.mcp):
            if server.label in labels:
                self._complain((*path, "mcp", position, "label"), "is the label of another server too")
            labels.add(server.label)
            for header, variable in server.headers.items():
                if not self._environ.get(variable):
                    what = f"the environment variable {variable} is not set"
                    self._complain((*path, "mcp", position, "headers", header), what)

    def _agreeing(self, path: Path, persona: Persona, given: Mapping[str, object]) -> Persona:
        """The persona with a turn detection and transcription that its model takes."""
        asked = {f"voice_live_{name}": getattr(persona, name) for name in SETTLED if name in given}
        try:
            taken = self._compatible(self._settings.model_copy(update=asked))
        except SettingsError as error:
            for problem in error.problems:
                self._complain(path, re.sub(r"VOICE_LIVE_([A-Z_]+)", lambda found: found[1].lower(), problem))
            return persona
        return replace(
            persona,
            turn_detection=taken.voice_live_turn_detection,
            transcription=taken.voice_live_transcription,
        )

    # --- all of them

    def _check_owners(self, personas: list[Persona]) -> None:
        owners: dict[Address, Persona] = {}
        for persona in personas:
            for claim in claims(persona):
                owner = owners.setdefault(claim.address, persona)
                if owner is not persona:
                    shown = mask(claim.address.value) if claim.address.kind == "number" else "this address"
                    what = f"{shown} belongs to both {owner.name} and {persona.name}"
                    self._complain(("personas", persona.name, claim.key, claim.position), what)

    def _with_default(self, personas: list[Persona], tables: int) -> tuple[Persona, ...]:
        """The personas with one default. tables: how many the file has, readable or not."""
        marked = [persona for persona in personas if persona.default]
        if len(marked) > 1:
            self._complain(
                ("personas", marked[1].name, "default"), f"both {marked[0].name} and {marked[1].name} are the default"
            )
        elif not marked and tables == 1:
            return tuple(replace(persona, default=True) for persona in personas)
        elif not marked and len(personas) == tables > 1:
            names = ", ".join(persona.name for persona in personas)
            self._complain(("personas",), f"one of {names} should be marked with default = true")
        return tuple(personas)

    # --- values

    def _check[T](self, path: Path, kind: TypeAdapter[T], value: object) -> T | None:
        """The value as what it should be; None where it is not, with the problems noted."""
        try:
            return kind.validate_python(value)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                inner: Path = tuple(key for key in problem["loc"] if key != "[key]")
                self._complain(
                    (*path, *inner),
                    _in_words(problem["type"], problem["msg"], inner, Sentences if kind is _SENTENCES else Persona),
                )
            return None

    def _complain(self, path: Path, what: str) -> None:
        self.problems.append(Problem(path, what))


def _in_words(kind: str, message: str, inner: Path, table: type) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "unexpected_keyword_argument":
        known = [field.name for field in fields(_table_of(inner, table)) if field.name != "name"]
        return f"is not known{nearest(str(inner[-1]), known)}"
    if kind.startswith("dataclass"):
        return "should be a table"
    return message.removeprefix("Value error, ").removeprefix("Input ").replace("a valid tuple", "a list")


def _table_of(inner: Path, table: type) -> type:
    """The kind of table that the last key of a path stands in."""
    return _TABLES.get(str(inner[0]), table) if len(inner) > 1 else table
