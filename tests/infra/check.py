"""Whether a Bicep file holds together: names, kinds, and what the resources take.

It is no compiler. It knows what `infra/` uses of the language and stops at anything else, so that what it passes was
really looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from tests.infra.bicep import Declaration, File, body, entries, key_text, parts, read, text
from tests.infra.expressions import Expressions
from tests.infra.functions import DECORATORS
from tests.infra.kinds import (
    ANY,
    BOOL,
    NULL,
    PRIMITIVES,
    STRING,
    ListOf,
    Property,
    Record,
)
from tests.infra.schemas import Resource

_BEFORE_DEPLOYMENT = ("id", "name", "type", "apiVersion")
_META = ("scope", "parent", "dependsOn")
_GROUP = "Microsoft.Resources/resourceGroups"
# As in the compiler's own linter.
_SECRET = re.compile("password|pwd|secret|accountkey|acctkey", re.IGNORECASE)


def _references(node: Node) -> Iterator[Node]:
    """The names in an expression that stand for something declared elsewhere."""
    match node.type:
        case "identifier":
            yield node
        case "object":
            for key, value in entries(node):
                yield from _references(value)
                if key.type != "identifier":
                    yield from _references(key)
        case "call_expression":
            yield from _references(parts(node)[1])
        case "for_statement":
            variable, *rest = parts(node)
            for one in rest:
                yield from (name for name in _references(one) if text(name) != text(variable))
        case _:
            for child in parts(node):
                yield from _references(child)


def problems(file: File, resources: Mapping[str, Resource]) -> list[str]:
    """Everything that is wrong in a file, each with its line."""
    return sorted(set(_Check(file, resources).run()))


class _Check(Expressions):
    def run(self) -> list[str]:
        names = [(one.what == "output", one.name) for one in self.file.declarations]
        for one in self.file.declarations:
            if names.count((one.what == "output", one.name)) > 1:
                self.say(one.line, f"{one.name}: is declared twice")
        for one in self.file.declarations:
            if self._depends_on_itself(one):
                self.say(one.line, f"{one.name}: depends on itself")
        if not self.found:
            for one in self.file.declarations:
                self.loop.clear()
                getattr(self, f"_{one.what}")(one)
            self._unused()
        return self.found

    # Names

    def _named(self, node: Node | None) -> Iterator[Declaration]:
        for name in _references(node) if node else ():
            if found := self.names.get(text(name)):
                yield found

    def _depends_on_itself(self, one: Declaration) -> bool:
        seen: set[str] = set()
        waiting = list(self._named(one.value)) if one.what != "output" else []
        while waiting:
            next_one = waiting.pop()
            if next_one.name == one.name:
                return True
            if next_one.name not in seen:
                seen.add(next_one.name)
                waiting += self._named(next_one.value)
        return False

    def _unused(self) -> None:
        used = {other.name for one in self.file.declarations for other in self._named(one.value)}
        for one in self.names.values():
            if one.name not in used and (one.what in ("param", "var") or one.existing):
                self.say(one.line, f"{one.name}: is not used")

    def _constant(self, node: Node, place: str) -> None:
        """Say so where something has to be known before anything is deployed, and is not."""
        for name in _references(node):
            found = self.names.get(text(name))
            if found is None or found.what == "param":
                continue
            if found.what == "var" and found.value:
                self._constant(found.value, place)
                continue
            around = name.parent
            member = text(parts(around)[1]) if around and around.type == "member_expression" else "name"
            if member not in _BEFORE_DEPLOYMENT:
                self.say(node.start_point.row + 1, f"{place}: {found.name}.{member} is not known in time")

    # Declarations

    def _param(self, one: Declaration) -> None:
        if one.type not in PRIMITIVES:
            self.say(one.line, f"{one.name}: there is no type {one.type}")
            return
        for decorator in one.decorators:
            name, arguments = text(parts(decorator)[0]), parts(parts(decorator)[1])
            if name not in DECORATORS or len(arguments) != 1:
                self.say(one.line, f"@{name}: there is no such decorator")
            else:
                self.fits(one.line, self.of(arguments[0]), DECORATORS[name], f"@{name}")
        if one.type in ("string", "object") and _SECRET.search(one.name):
            self.say(one.line, f"{one.name}: looks like a secret that is not marked as one")
        if one.value:
            self.fits(one.line, self.of(one.value), self.kind(one), one.name)

    def _var(self, one: Declaration) -> None:
        self.kind(one)

    def _output(self, one: Declaration) -> None:
        if one.value:
            self.fits(one.line, self.of(one.value), PRIMITIVES.get(one.type, NULL), one.name)

    def _module(self, one: Declaration) -> None:
        assert one.value is not None
        path = self.file.path.parent / one.type
        if not path.is_file():
            self.say(one.line, f"{one.name}: there is no {one.type}")
            return
        inner = read(path)
        takes = {
            param.name: Property(_Check(inner, self.resources).kind(param), required=param.value is None)
            for param in inner.every("param")
        }
        wanted = Record(
            {
                "name": Property(STRING),
                "scope": Property(ANY),
                "dependsOn": Property(ListOf(ANY)),
                "params": Property(Record(takes), required=any(has.required for has in takes.values())),
            }
        )
        self._around(one)
        self.fits(one.line, self.of(body(one.value)), wanted, one.name)
        scope = self._meta(one, "scope")
        if self.file.target != inner.target and not (scope and scope.type.startswith(f"{_GROUP}@")):
            self.say(one.line, f"{one.name}: its scope is not a resource group")

    def _resource(self, one: Declaration) -> None:
        assert one.value is not None
        known = self.resources.get(one.type)
        if known is None:
            self.say(one.line, f"{one.name}: {one.type} is not known; tests/infra/excerpt.py says how it gets known")
            return
        self._around(one)
        given = self.of(body(one.value))
        assert isinstance(given, Record)
        own = Record({name: has for name, has in given.properties.items() if name not in _META}, given.others)
        if not one.existing:
            self.fits(one.line, own, self.form(one), one.name)
        self._place(one, known)

    def _around(self, one: Declaration) -> None:
        """Look at the name, and at `if` and `for`, which are settled before anything is deployed."""
        node = one.value
        while node is not None and node.type != "object":
            *heads, inner = parts(node)
            for head in heads[-1:]:
                self._constant(head, one.name)
                if node.type == "if_statement":
                    self.fits(one.line, self.of(head), BOOL, f"{one.name}: if")
            if node.type == "for_statement":
                self.enter(node)
            node = inner
        for key, value in entries(node) if node else ():
            if key_text(key) == "name":
                self._constant(value, f"{one.name}.name")

    def _place(self, one: Declaration, known: Resource) -> None:
        scope, parent = self._meta(one, "scope"), self._meta(one, "parent")
        if one.type.split("@")[0].count("/") > 1:
            if parent is None or parent.type.split("@")[0] != one.type.split("@")[0].rpartition("/")[0]:
                self.say(one.line, f"{one.name}: its parent is another one")
        elif scope:
            if not known.extends:
                self.say(one.line, f"{one.name}: cannot be put on {scope.name}")
        elif not (known.in_subscription if self.file.target == "subscription" else known.in_group):
            self.say(one.line, f"{one.name}: cannot be in a {self.file.target}")

    def _meta(self, one: Declaration, key: str) -> Declaration | None:
        assert one.value is not None
        for name, value in entries(body(one.value)):
            if key_text(name) == key:
                return next(iter(self._named(value)), None)
        return None
