from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.tools.loading import load_tools

HEAD = "from bot.tools import tool\n"
ORDERS = f'{HEAD}@tool\ndef orders(number: str) -> str:\n    """Look up."""\n    return number\n'


@pytest.fixture(autouse=True)
def leave_no_modules_behind() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in sys.modules.keys() - modules:
        if "toolmod" in name:
            del sys.modules[name]


def problems(folder: Path, *modules: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_tools(modules, folder)
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def test_a_module_beside_the_file_is_loaded(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_a.py", ORDERS)
    (loaded,) = load_tools(["toolmod_a"], tmp_path)
    assert loaded.name == "orders"
    assert loaded.function(number="7") == "7"


def test_a_module_in_a_folder_beside_the_file_is_loaded(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_shop/orders.py", ORDERS)
    assert [made.name for made in load_tools(["toolmod_shop.orders"], tmp_path)] == ["orders"]


def test_an_importable_module_is_loaded_wherever_the_file_is(tmp_path: Path) -> None:
    names = {made.name for made in load_tools(["examples.order_status"], tmp_path)}
    assert names == {"order_status", "cancel_order"}


def test_a_module_may_import_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_data.py", "NAME = 'bell'\n")
    write(tmp_path, "toolmod_b.py", "from toolmod_data import NAME\n" + ORDERS)
    assert len(load_tools(["toolmod_b"], tmp_path)) == 1


def test_a_file_beside_does_not_take_the_place_of_pythons_own(tmp_path: Path) -> None:
    write(tmp_path, "colorsys.py", ORDERS)
    (problem,) = problems(tmp_path, "colorsys")
    assert "'colorsys': holds no function that is marked with @tool" in problem


def test_a_tool_that_two_modules_show_is_one_tool(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_c.py", ORDERS)
    write(tmp_path, "toolmod_d.py", "from toolmod_c import orders\nagain = orders\n")
    assert len(load_tools(["toolmod_c", "toolmod_d", "toolmod_c"], tmp_path)) == 1


def test_two_tools_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_e.py", ORDERS)
    write(tmp_path, "toolmod_f.py", ORDERS)
    assert problems(tmp_path, "toolmod_e", "toolmod_f") == [
        "modules: toolmod_f.orders: a tool called orders is in toolmod_e already"
    ]


def test_a_built_in_name_cannot_be_taken(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_g.py", f'{HEAD}@tool(name="end_call")\ndef mine() -> None:\n    """End."""\n')
    assert problems(tmp_path, "toolmod_g") == [
        "modules: toolmod_g.mine: a tool called end_call is built in; give this one another name"
    ]


def test_a_hint_that_cannot_be_described_names_module_function_and_parameter(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_h.py", f'{HEAD}@tool\ndef save(file: bytes) -> None:\n    """Save."""\n')
    (problem,) = problems(tmp_path, "toolmod_h")
    assert problem.startswith("modules: toolmod_h.save: parameter file: bytes cannot be described")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import toolmod_missing\n", "ModuleNotFoundError: No module named 'toolmod_missing' (X, line 1)"),
        ("\n\n1 / 0\n", "cannot be imported: ZeroDivisionError: division by zero (X, line 3)"),
        ("def (:\n", "cannot be imported: SyntaxError"),
        ("raise SystemExit(3)\n", "cannot be imported: SystemExit: 3 (X, line 1)"),
        ("raise ValueError('one\\ntwo')\n", "ValueError: one two"),
        ("x = 1\n", "holds no function that is marked with @tool"),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_used_says_why(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "toolmod_i.py", text)
    (problem,) = problems(tmp_path, "toolmod_i")
    assert problem.startswith("modules: 'toolmod_i': ")
    assert says.replace("X", "toolmod_i.py") in problem
    assert "importlib" not in problem


@pytest.mark.parametrize("name", ["toolmod_none", "toolmod_none.orders"])
def test_a_module_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, name) == [
        f"modules: '{name}': there is no such module, neither installed nor in {tmp_path}"
    ]


@pytest.mark.parametrize("name", ["", "shop/orders.py", "../orders", ".orders", "shop..orders", "shop orders"])
def test_what_is_no_name_of_a_module_is_refused(tmp_path: Path, name: str) -> None:
    (problem,) = problems(tmp_path, name)
    assert "should be the name of a module" in problem


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_j.py", "1 / 0\n")
    assert len(problems(tmp_path, "toolmod_j", "toolmod_none", "a/b")) == 3


def test_a_module_that_was_mended_is_loaded(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_k.py", "1 / 0\n")
    problems(tmp_path, "toolmod_k")
    write(tmp_path, "toolmod_k.py", ORDERS)
    assert len(load_tools(["toolmod_k"], tmp_path)) == 1


def test_what_only_stands_in_for_something_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path, "toolmod_l.py", "from quart import request\n" + ORDERS)
    assert len(load_tools(["toolmod_l"], tmp_path)) == 1
