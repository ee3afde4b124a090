"""A Bicep file as declarations. The grammar is tree-sitter's; what it cannot read is an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

DECLARATIONS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}


class BicepError(Exception):
    """A file that is not Bicep, or uses what is not read here."""


@dataclass(frozen=True)
class Declaration:
    """One statement. what: `param`, `var`, `resource`, `module` or `output`.

    type: of a param or output, as written; of a resource `Type@version`, of a module its path. value: None where a
    param has no default.
    """

    what: str
    name: str
    line: int
    type: str = ""
    value: Node | None = None
    existing: bool = False
    decorators: tuple[Node, ...] = ()


@dataclass(frozen=True)
class File:
    """A whole file. target: `resourceGroup` or `subscription`."""

    path: Path
    target: str = "resourceGroup"
    declarations: list[Declaration] = field(default_factory=list)

    def every(self, what: str) -> Iterator[Declaration]:
        """Its declarations of one sort."""
        return (one for one in self.declarations if one.what == what)

    def one(self, what: str, name: str) -> Declaration:
        """The declaration of that sort and name. Raises StopIteration where there is none."""
        return next(one for one in self.every(what) if one.name == name)


def text(node: Node | None) -> str:
    """A node as it is written."""
    assert node is not None
    assert node.text is not None
    return node.text.decode()


def parts(node: Node) -> list[Node]:
    """What a node consists of, without punctuation and comments."""
    return [child for child in node.named_children if child.type != "comment"]


def literal(node: Node) -> str | None:
    """The content of a string in which nothing is inserted; None if it is anything else."""
    if node.type != "string" or any(part.type == "interpolation" for part in node.named_children):
        return None
    return text(node)[1:-1].replace("\\'", "'").replace("\\\\", "\\")


def entries(node: Node) -> Iterator[tuple[Node, Node]]:
    """Keys and values of an object."""
    for entry in parts(node):
        key, value = parts(entry)
        yield key, value


def key_text(key: Node) -> str | None:
    """An object's key; None where it is put together."""
    return text(key) if key.type == "identifier" else literal(key)


def body(node: Node) -> Node:
    """The object of a resource or module, inside `if` and `for`."""
    while node.type != "object":
        node = parts(node)[-1]
    return node


def at(node: Node, *path: str | int) -> Node:
    """What stands at a path of keys and places in objects and arrays. Raises KeyError."""
    for step in path:
        if isinstance(step, int):
            node = parts(node)[step]
            continue
        found = [value for key, value in entries(node) if key_text(key) == step]
        if not found:
            raise KeyError(step)
        node = found[0]
    return node


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def read(path: Path) -> File:
    """Read a file. Raises BicepError with the line."""
    root = Parser(Language(tree_sitter_bicep.language())).parse(path.read_bytes()).root_node
    for node in walk(root):
        if node.is_error or node.is_missing:
            raise BicepError(f"{path.name}:{node.start_point.row + 1}: not Bicep: {text(node)[:60]}")
    target = "resourceGroup"
    found: list[Declaration] = []
    decorators: tuple[Node, ...] = ()
    for node in parts(root):
        if node.type == "decorators":
            decorators = tuple(parts(one)[0] for one in parts(node))
        elif node.type == "target_scope_assignment":
            target = literal(parts(node)[0]) or ""
        elif node.type in DECLARATIONS:
            found.append(_declaration(node, decorators))
            decorators = ()
        else:
            raise BicepError(f"{path.name}:{node.start_point.row + 1}: {node.type} is not read here")
    return File(path, target, found)


def _declaration(node: Node, decorators: tuple[Node, ...]) -> Declaration:
    what, (name, *rest) = DECLARATIONS[node.type], parts(node)
    declared = ""
    if what in ("param", "output"):
        declared = text(rest.pop(0))
    elif what in ("resource", "module"):
        declared = literal(rest.pop(0)) or ""
    existing = any(child.type == "existing" or text(child) == "existing" for child in node.children)
    value = rest[0] if rest else None
    return Declaration(what, text(name), node.start_point.row + 1, declared, value, existing, decorators)
