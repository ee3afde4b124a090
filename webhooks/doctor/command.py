"""`voicebot doctor`: says whether a call would work, and what to do where it would not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time

import click

from webhooks.doctor.examination import Examination, Examined
from webhooks.doctor.findings import Finding, Group
from webhooks.doctor.report import as_json, line, summary
from webhooks.doctor.surroundings import Surroundings

_NAMES = [str(group) for group in Group]
_STOPPED = 2


@click.command("doctor")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON document; docs/doctor.md describes it.")
@click.option("--offline", is_flag=True, help="Ask nobody beyond this machine.")
@click.option("--only", multiple=True, type=click.Choice(_NAMES), help="Look at this group only. Repeatable.")
@click.option("--skip", multiple=True, type=click.Choice(_NAMES), help="Leave this group out. Repeatable.")
def doctor(*, json_wanted: bool, offline: bool, only: tuple[str, ...], skip: tuple[str, ...]) -> None:
    """Would a call work? Looks at settings, credentials and the way here, and places one short call.

    Where no bot runs, one is started for the call and stopped again. Exit code: 0 if a call would work, 1 if not, 2
    if that cannot be told (no call was made, Ctrl-C) or an option is wrong.
    """
    wanted = [group for group in Group if (not only or group in only) and group not in skip]
    if not wanted:
        raise click.UsageError("--only and --skip leave nothing to look at")
    # What libraries log is no line of ours; what matters of it is said in one.
    logging.getLogger().addHandler(logging.NullHandler())
    began = time.monotonic()

    def tell(found: Finding) -> None:
        if not json_wanted:
            _show(found)

    examination = Examination(Surroundings(offline=offline), wanted, tell)
    try:
        try:
            examined = asyncio.run(examination.run())
        except KeyboardInterrupt:
            click.echo("Stopped. Nothing was left running.", err=True)
            raise SystemExit(_STOPPED) from None
        code = _conclude(examined, json_wanted=json_wanted, seconds=time.monotonic() - began)
    except* OSError as group:  # of the output: whatever else has one is told in a line
        _unwritten(group)
        code = _STOPPED
    raise SystemExit(code)


def _unwritten(group: BaseExceptionGroup[OSError]) -> None:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    with contextlib.suppress(OSError):
        why = first.strerror if isinstance(first, OSError) else ""
        if not isinstance(first, BrokenPipeError):  # whoever read them has seen enough
            click.echo(f"The lines cannot be written ({why}). Make room, or send them elsewhere.", err=True)
    # What is still to be written would fail once more, and in the interpreter's own words.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _show(found: Finding) -> None:
    text, colour = line(found)
    first, rest = text[: len(found.status)], text[len(found.status) :]
    click.echo(click.style(first, fg=colour) + rest)


def _conclude(examined: Examined, *, json_wanted: bool, seconds: float) -> int:
    if json_wanted:
        click.echo(as_json(examined.verdict, examined.findings, examined.heard, seconds=seconds).decode())
    else:
        click.echo(f"\n{summary(examined.verdict, examined.findings, examined.heard)}")
    return examined.verdict.exit_code
