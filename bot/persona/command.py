"""`voicebot persona`: look at a personas' file before the bot does."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from bot.errors import SettingsError
from bot.persona.persona import Persona
from bot.persona.personas import Personas
from bot.settings import load_settings
from bot.voicelive.configuration import compatible


@click.group()
def persona() -> None:
    """Who answers which call."""


@persona.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Say who answers what by FILE, or what is wrong with it (exit code 1)."""
    try:
        settings = load_settings()
    except SettingsError as error:
        _refuse([f"voicebot: {problem}" for problem in error.problems])
    try:
        personas = Personas(file, settings, environ=os.environ, compatible=compatible)
    except SettingsError as error:
        _refuse(error.problems)
    for one in personas.all:
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
