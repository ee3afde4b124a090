"""The scripts themselves: clean, and at home on macOS."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.harness import PROJECT

SCRIPTS = [PROJECT / "azdeploy.sh", *sorted((PROJECT / "scripts/azure").glob("*.sh"))]
# What bash 3.2, macOS's own, does not know.
NEWER = {
    "associative arrays": r"(declare|local|typeset) -[a-zA-Z]*A",
    "mapfile": r"\b(mapfile|readarray)\b",
    "case by expansion": r"\$\{\w+(\^|,)",
    "references": r"(declare|local) -n",
    "|& and &>>": r"\|&|&>>",
    "the last element by -1": r"\[-1\]",
    "printf times": r"printf '%\(",
    "wait -n": r"wait -n",
    "test -v": r"\[\[? -v ",
    "appending to an array": r"\+=\(",
    "$'…' within a quoted expansion": r"\"[^\"\n]*\$\{[^}\"\n]*\$'",
    "expansion @Q": r"\$\{\w+@[A-Z]\}",
}


def shellcheck() -> str | None:
    beside = Path(sys.executable).with_name("shellcheck")
    return str(beside) if beside.exists() else shutil.which("shellcheck")


def test_shellcheck_has_nothing_to_say() -> None:
    assert shellcheck(), "shellcheck is not installed; make brings it along"
    done = subprocess.run(  # noqa: S603 - a program of our own environment
        [str(shellcheck()), "--external-sources", "azdeploy.sh"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_it_is_bash_of_2007(path: Path) -> None:
    code = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE)
    for what, pattern in NEWER.items():
        assert not re.search(pattern, code), f"{path.name}: {what}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_an_array_that_may_be_empty_is_spread_so_that_old_bash_takes_it(path: Path) -> None:
    """Before 4.4, "${list[@]}" of an empty list is an unbound variable."""
    for line in path.read_text().splitlines():
        for name in re.findall(r'(?<!\+)"\$\{(\w+)\[@\]\}"', line):
            assert f"${{{name}[@]+" in line, f"{path.name}: {line.strip()}"


def test_the_two_values_to_edit_are_at_the_top() -> None:
    lines = [line for line in (PROJECT / "azdeploy.sh").read_text().splitlines() if line and not line.startswith("#")]
    assert re.fullmatch(r'rg="[\w-]+"', lines[0])
    assert re.fullmatch(r'location="\w+"', lines[1])


def test_files_stay_short() -> None:
    assert max(len(path.read_text().splitlines()) for path in SCRIPTS) < 300


def test_azds_folder_and_the_file_of_secrets_stay_out_of_git() -> None:
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    assert {".env", ".azure/"} <= set(ignored)
