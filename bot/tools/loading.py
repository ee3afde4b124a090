"""From the modules that `voicebot.toml` names to tools.

A module is imported once in the life of a process: after a change of its code, restart the bot.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from bot.call.parting import BUILT_IN
from bot.errors import SettingsError
from bot.tools.definition import Tool, is_tool, make_tool
from bot.tools.schema import CannotDescribe

_LONGEST_CAUSE = 200  # characters


def load_tools(modules: Sequence[str], folder: Path) -> tuple[Tool, ...]:
    """Import modules, and make tools of their functions that are marked with `@tool`.

    folder: where `voicebot.toml` is; modules beside it can be named too, though installed ones come first. It
    imports, so it blocks. Raises SettingsError with one line for each problem, which names the module and the cause.
    """
    problems: list[str] = []
    tools: dict[str, tuple[str, Tool]] = {}
    for name in dict.fromkeys(modules):
        try:
            functions = _functions(_import(name, folder))
        except _Unusable as cause:
            problems.append(f"modules: {name!r}: {cause}")
            continue
        for function in functions:
            place = f"modules: {name}.{getattr(function, '__name__', 'function')}"
            try:
                made = make_tool(function)
            except CannotDescribe as cause:
                problems.append(f"{place}: {cause}")
                continue
            other, known = tools.get(made.name, ("", made))
            if made.name in BUILT_IN:
                problems.append(f"{place}: a tool called {made.name} is built in; give this one another name")
            elif other and known.function is not function:
                problems.append(f"{place}: a tool called {made.name} is in {other} already")
            else:
                tools[made.name] = name, made
    if problems:
        raise SettingsError(problems)
    return tuple(made for _, made in tools.values())


class _Unusable(Exception):
    """A module gives no tools; says why."""


def _import(name: str, folder: Path) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise _Unusable("should be the name of a module, such as shop.orders for the file shop/orders.py")
    # Last in line, so that a file called random.py beside voicebot.toml does not take the place of Python's own.
    # It stays there: a tool may import its neighbours whenever it likes.
    if (place := str(folder.resolve())) not in sys.path:
        sys.path.append(place)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise _Unusable(f"there is no such module, neither installed nor in {folder}") from None
        raise _Unusable(_cause(error)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything; the operator is told
        raise _Unusable(_cause(error)) from None


def _cause(error: BaseException) -> str:
    """What a module raised while it was imported, and the last line of a file that it came from."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    ours = (__file__, importlib.__file__)
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if frame.filename not in ours and not frame.filename.startswith("<")]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"cannot be imported: {words[:_LONGEST_CAUSE]}{where}"


def _functions(module: ModuleType) -> list[Callable[..., object]]:
    """The marked functions of a module, in its order, each once."""
    marked = {id(value): value for value in vars(module).values() if is_tool(value)}
    if not marked:
        raise _Unusable(f"holds no function that is marked with @tool ({module.__file__ or 'built in'})")
    return list(marked.values())
