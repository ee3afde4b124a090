"""Reads what a docstring says of a function and its parameters: Google's `Args:` and reST's `:param name:`."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

_SECTION = re.compile(r"(?:args|arguments|parameters|params):\s*", re.IGNORECASE)
_ENTRY = re.compile(r"(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")  # `name: text` or `name (type): text`
# `:param name: text` or `:param type name: text`; the others end what is said of a parameter
_FIELD = re.compile(r":(param|type|returns?|rtype|raises?|yields?)(?:\s[^:]*?)??(?:\s+(\w+))?:\s*(.*)")


@dataclass(frozen=True, slots=True)
class Documentation:
    """summary: the first paragraph on one line. parameters: what is said of each, on one line."""

    summary: str
    parameters: dict[str, str]


def read_docstring(docstring: str) -> Documentation:
    """Read a docstring. What follows neither of the two styles is not an error; it says nothing of parameters."""
    lines = inspect.cleandoc(docstring).splitlines()
    return Documentation(_first_paragraph(lines), {name: " ".join(said) for name, said in _parameters(lines).items()})


def _first_paragraph(lines: list[str]) -> str:
    paragraph: list[str] = []
    for line in lines:
        if not line.strip() or _SECTION.fullmatch(line) or _FIELD.match(line):
            break
        paragraph.append(line.strip())
    return " ".join(paragraph)


def _parameters(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current: list[str] | None = None  # what is said of a parameter, while it goes on
    in_section = False
    depth = 0  # columns by which the section's entries are indented, once the first was seen
    for line in lines:
        words = line.strip()
        indent = len(line) - len(line.lstrip())
        if not words:
            continue
        if indent == 0 and (field := _FIELD.match(line)):
            in_section, current = False, None
            if field[1] == "param" and field[2]:
                current = found.setdefault(field[2], [])
                current += [field[3]] if field[3] else []
        elif indent == 0:
            in_section, depth, current = _SECTION.fullmatch(line) is not None, 0, None
        elif in_section and indent <= (depth or indent):
            depth = indent
            entry = _ENTRY.match(words)
            current = found.setdefault(entry[1], []) if entry else None
            if entry and current is not None and entry[2]:
                current.append(entry[2])
        elif current is not None:
            current.append(words)
    return found
