"""What an expression in Bicep comes to, and what is wrong inside it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tree_sitter import Node

from tests.infra.bicep import Declaration, File, body, entries, key_text, literal, parts, read, text, walk
from tests.infra.functions import FUNCTIONS, united
from tests.infra.kinds import (
    ANY,
    BOOL,
    INT,
    NULL,
    PRIMITIVES,
    STRING,
    Exactly,
    Kind,
    ListOf,
    Property,
    Record,
    either,
    misfits,
    resolved,
    said,
)
from tests.infra.schemas import Resource

# As in the compiler's own linter.
_HOSTS = re.compile(r"(core\.windows|database\.windows|graph\.windows|vault\.azure)\.net|management\.azure\.com")


class Expressions:
    """The expressions of one file. found: what is wrong, each with its line."""

    def __init__(self, file: File, resources: Mapping[str, Resource]) -> None:
        self.file, self.resources = file, resources
        self.names = {one.name: one for one in file.declarations if one.what != "output"}
        self.loop: dict[str, Kind] = {}
        self.found: list[str] = []

    def say(self, line: int, problem: str) -> None:
        self.found.append(f"{self.file.path.name}:{line}: {problem}")

    def fits(self, line: int, given: Kind, wanted: Kind, place: str) -> None:
        for problem in misfits(given, wanted, place):
            self.say(line, problem)

    def kind(self, one: Declaration) -> Kind:
        """What a declared name stands for."""
        if one.what == "param":
            for decorator in one.decorators:
                if text(parts(decorator)[0]) == "allowed":
                    allowed = resolved(self.of(parts(parts(decorator)[1])[0]))
                    return allowed.item if isinstance(allowed, ListOf) else ANY
            return PRIMITIVES.get(one.type, ANY)
        assert one.value is not None
        if one.what == "var":
            return self.of(one.value)
        kind: Kind = ANY
        if one.what == "resource" and one.type in self.resources:
            kind = self.form(one)
        elif one.what == "module" and (self.file.path.parent / one.type).is_file():
            inner = read(self.file.path.parent / one.type)
            gives = {out.name: Property(PRIMITIVES.get(out.type, ANY)) for out in inner.every("output")}
            kind = Record({"name": Property(STRING), "outputs": Property(Record(gives))})
        return ListOf(kind) if one.value.type == "for_statement" else kind

    def of(self, node: Node) -> Kind:
        """What an expression comes to; says what is wrong inside it."""
        match node.type:
            case "string":
                return self._string(node)
            case "number":
                return INT
            case "boolean":
                return BOOL
            case "null":
                return NULL
            case "identifier":
                return self._name(node)
            case "parenthesized_expression":
                return self.of(parts(node)[0])
            case "array":
                items = [self.of(item) for item in parts(node)]
                return ListOf(either(items) if items else ANY)
            case "object":
                return self._object(node)
            case "ternary_expression":
                condition, yes, no = parts(node)
                self.fits(node.start_point.row + 1, self.of(condition), BOOL, "condition")
                return either([self.of(yes), self.of(no)])
            case "unary_expression" if text(node).startswith("!"):
                self.fits(node.start_point.row + 1, self.of(parts(node)[0]), BOOL, "!")
                return BOOL
            case "member_expression":
                return self._member(node)
            case "call_expression":
                return self._call(node)
        self.say(node.start_point.row + 1, f"{node.type} is not looked at here")
        return ANY

    def _string(self, node: Node) -> Kind:
        for part in walk(node):
            if part.type == "string_content" and _HOSTS.search(text(part)):
                self.say(part.start_point.row + 1, f"{text(part)}: differs between clouds")
        for part in parts(node):
            if part.type == "interpolation":
                self.of(parts(part)[0])
        whole = literal(node)
        return STRING if whole is None else Exactly(whole)

    def _name(self, node: Node) -> Kind:
        name = text(node)
        if name in self.loop:
            return self.loop[name]
        if name in self.names:
            return self.kind(self.names[name])
        self.say(node.start_point.row + 1, f"{name}: there is no such name")
        return ANY

    def _object(self, node: Node) -> Kind:
        properties: dict[str, Property] = {}
        others: list[Kind] = []
        for key, value in entries(node):
            name, kind = key_text(key), self.of(value)
            if name is None:
                self.of(key)
                others.append(kind)
            elif name in properties:
                self.say(key.start_point.row + 1, f"{name}: is there twice")
            else:
                properties[name] = Property(kind)
        return Record(properties, either(others) if others else None)

    def _member(self, node: Node) -> Kind:
        whole, name = resolved(self.of(parts(node)[0])), text(parts(node)[1])
        if isinstance(whole, Record):
            if found := whole.properties.get(name):
                return found.kind
            if whole.others is not None:
                return whole.others
        if whole != ANY:
            self.say(node.start_point.row + 1, f"{text(node)}: there is no {name} in {said(whole)}")
        return ANY

    def _call(self, node: Node) -> Kind:
        line, name, given = node.start_point.row + 1, text(parts(node)[0]), parts(parts(node)[1])
        kinds = [self.of(one) for one in given]
        signature = FUNCTIONS.get(name)
        if signature is None:
            self.say(line, f"{name}: is no function that tests/infra/functions.py knows")
            return ANY
        if len(given) < signature.least or (signature.most is not None and len(given) > signature.most):
            self.say(line, f"{name}: takes another number of arguments than {len(given)}")
        for kind in kinds:
            self.fits(line, kind, signature.takes, name)
        return united(kinds) if name == "union" else signature.returns

    def enter(self, loop: Node) -> None:
        variable, several, _ = parts(loop)
        kind = resolved(self.of(several))
        if isinstance(kind, ListOf):
            self.loop[text(variable)] = kind.item
            return
        self.say(loop.start_point.row + 1, f"for: {said(kind)} is no array")
        self.loop[text(variable)] = ANY

    def form(self, one: Declaration) -> Record:
        """What the resource takes and gives, by its name where it depends on that."""
        assert one.value is not None
        forms = self.resources[one.type].forms
        name = next((literal(value) for key, value in entries(body(one.value)) if key_text(key) == "name"), None)
        return forms.get(name or "") or forms.get("") or next(iter(forms.values()))
