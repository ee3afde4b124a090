"""`voicebot persona`: look at a personas' file before the bot does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from bot.errors import SettingsError
from bot.persona.persona import Persona
from bot.plan import Planner
from bot.settings import load_settings


@click.group()
def persona() -> None:
    """Who answers which call."""


@persona.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Say who answers what by FILE, or what is wrong with it (exit code 1). Modules that it names are imported."""
    try:
        settings = load_settings({"persona_file": str(file)})
    except SettingsError as error:
        _refuse([f"voicebot: {problem}" for problem in error.problems])
    try:
        planner = Planner.of(settings, watch=lambda *_: None)
    except SettingsError as error:
        _refuse(error.problems)
    for one in planner.personas.all:
        click.echo("\n".join(_described(one)))


def _described(one: Persona) -> list[str]:
    """A persona in a few lines, for its operator. Where callers may be sent is told by name only."""
    calls = [
        *one.numbers,
        *(f"sip:{name}" for name in one.sip),
        *(f"client:{name}" for name in one.clients),
    ]
    answers = ", ".join([*calls, *(["all other calls"] if one.default else [])]) or "no call that comes in"
    rows = {
        "answers": answers,
        "speaks": f"{one.voice}, {one.model}, {one.language or 'any language'}",
        "greets": f'"{one.greeting}"' if one.greeting else "in the model's own words",
        "may": ", ".join([*one.tools, *(f"what {server.label} offers" for server in one.mcp)]) or "only talk",
        "transfers to": ", ".join(one.transfer),
    }
    return [one.name, *(f"  {label:<13}{text}" for label, text in rows.items() if text)]


def _refuse(problems: list[str]) -> NoReturn:
    for problem in problems:
        click.echo(problem, err=True)
    sys.exit(1)
