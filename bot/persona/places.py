"""In which line of a TOML file a value stands. The standard library's reader does not say.

A TOML file is a row of statements, each in lines of its own and each a small TOML file too. So the reader itself is
asked where one ends, and no second grammar is needed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence

type Path = tuple[str | int, ...]
"""Keys and positions from the top of the file to a value."""


class Places:
    """Where the values of `text`, which is valid TOML, stand."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        counts: dict[Path, int] = {}  # tables so far, in each array of tables
        table: Path = ()
        for line, is_header, statement in _statements([f"{line}\n" for line in text.split("\n")]):
            path: Path = ()
            for key, inner in _chain(statement):
                path = (*path, key)
                if isinstance(inner, list) and is_header:
                    counts[path] = counts.get(path, -1) + 1
                if is_header and path in counts:
                    path = (*path, counts[path])
                if not is_header:
                    self._lines.setdefault((*table, *path), line)
            if is_header:
                table = path
            for depth in range(len(path) if is_header else 0, 0, -1):
                self._lines.setdefault(path[:depth], line)

    def line(self, path: Path) -> int | None:
        """The line of a value, or of the nearest thing around it; None where not even that is known."""
        return next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), None)


def _statements(lines: Sequence[str]) -> Iterator[tuple[int, bool, Mapping[str, object]]]:
    """Each statement: its first line, whether it is a header, and what it says."""
    begin = 0
    while begin < len(lines):
        last = _last(lines[begin])
        for end in range(begin + 1, len(lines) + 1):
            if end > begin + 1 and last not in lines[end - 1]:
                continue
            try:
                statement = tomllib.loads("".join(lines[begin:end]))
            except tomllib.TOMLDecodeError:
                continue
            if statement:
                yield begin + 1, lines[begin].lstrip().startswith("["), statement
            break
        else:
            return
        begin = end


def _last(first: str) -> str:
    """What is in the last line of a statement of several lines, by its first line. Saves asking at every line."""
    closing = {'"""': '"""', "'''": "'''", "[": "]", "{": "}"}
    openings = [opening for opening in closing if opening in first]
    return closing[min(openings, key=first.index)] if openings else "\n"


def _chain(statement: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The keys of a dotted name, with what is under each, down to the value itself."""
    inner: object = statement
    while isinstance(inner, Mapping) and len(inner) == 1:
        [(key, inner)] = inner.items()
        yield key, inner
        if isinstance(inner, list):
            return
