"""`voicebot load`: many callers at once, and what it was like for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path
from time import monotonic

import click

from bot.errors import SettingsError, SimulatorError
from bot.load import fleet, report
from bot.load.loop import new_loop
from bot.load.measures import find
from bot.load.model import ModelSide
from bot.load.picture import picture
from bot.load.target import LONGEST_RUN, MOST_AT_ONCE, MOST_IN_ALL, Plan, Target
from bot.load.thresholds import Threshold, threshold
from bot.settings import load_settings

_SECONDS = click.FloatRange(min=1, max=LONGEST_RUN)
_PATH = click.Path(path_type=Path, dir_okay=False)


def _parameters(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    if not all("=" in value[1:] for value in values):
        raise click.BadParameter("should be NAME=VALUE")
    return dict(value.split("=", 1) for value in values)


def _thresholds(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[Threshold, ...]:
    try:
        return tuple(threshold(value) for value in values)
    except SimulatorError as error:
        raise click.BadParameter(str(error)) from None


def _svg(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix.lower() != ".svg":
        raise click.BadParameter("should be the name of an .svg file")
    return value


@click.command()
@click.option(
    "--url", default="", help="The bot's webhook, /voice where it has no path.  [default: this machine's bot]"
)
@click.option("--stream", default="", help="Instead: a Media Streams socket to connect to, ws://… or wss://….")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    callback=_parameters,
    metavar="NAME=VALUE",
    help="With --stream: a custom parameter of its `start`. Repeatable.",
)
@click.option("--calls", type=click.IntRange(1, MOST_AT_ONCE), default=10, show_default=True, help="Callers at once.")
@click.option(
    "--ramp",
    type=click.FloatRange(min=0, max=LONGEST_RUN),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="Take so long to get there, one caller after the other.",
)
@click.option(
    "--seconds",
    type=_SECONDS,
    default=30.0,
    show_default=True,
    help="The whole run, ramp included; then everybody hangs up.",
)
@click.option(
    "--most",
    type=click.IntRange(1, MOST_IN_ALL),
    help="Calls in all, where the script does not repeat and callers phone again.  [default: 10000; remote: --calls]",
)
@click.option("--script", "script_file", type=_PATH, help="What each caller does, TOML; docs/load.md.")
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Have so many processes call."
)
@click.option(
    "--model-port",
    type=click.IntRange(0, 65535),
    help="Play Voice Live on this port, for a bot that was started with it as its endpoint.",
)
@click.option("--pid", type=click.IntRange(1), help="Watch this process and its children: CPU and memory. Linux.")
@click.option("--json", "json_file", type=_PATH, help="Write the report to this file as JSON.")
@click.option(
    "--picture", "picture_file", type=_PATH, callback=_svg, help="Draw the distributions into this SVG file."
)
@click.option(
    "--fail-over",
    "thresholds",
    multiple=True,
    callback=_thresholds,
    metavar="NAME=VALUE",
    help="Exit code 1 where this is exceeded: p99_frame=8ms, missing_frames=0. Repeatable.",
)
@click.option("--allow-remote", is_flag=True, help="Call another machine. Every call there costs somebody money.")
def load(
    url: str,
    stream: str,
    parameters: dict[str, str],
    calls: int,
    ramp: float,
    seconds: float,
    most: int | None,
    script_file: Path | None,
    processes: int,
    model_port: int | None,
    pid: int | None,
    json_file: Path | None,
    picture_file: Path | None,
    thresholds: tuple[Threshold, ...],
    allow_remote: bool,
) -> None:
    """Call a bot many times at once, as Twilio would, and measure what callers notice.

    Exit code: 0 if every call worked and every --fail-over was kept, 1 if not, 2 for a wrong option or setting.
    Ctrl-C ends the run early, with the report so far.
    """
    try:
        settings = load_settings()
        target = Target(
            url=url or ("" if stream else "http://127.0.0.1:8000"),
            stream=stream,
            parameters=parameters,
            auth_token=next(iter(settings.auth_tokens), ""),
            public_url="" if stream else settings.public_url,
            account_sid=settings.twilio_account_sid or Target().account_sid,
            allow_remote=allow_remote,
        )
        in_all = most or (calls if target.remote else MOST_IN_ALL)
        plan = Plan(
            target, calls, ramp, seconds, processes, in_all, str(script_file or ""), levels=model_port is not None
        )
        plan.check()
    except (SettingsError, SimulatorError) as error:
        raise _failure(str(error), 2) from None
    if target.remote:
        click.echo(
            f"Up to {in_all} calls to {target.host}, which is not this machine: each costs somebody money.", err=True
        )
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            result = runner.run(_until_interrupted(plan, model_port, pid))
    except SimulatorError as error:
        raise _failure(str(error), 2) from None
    found = find(result.calls, result.sessions, result.steady, phoned=bool(target.url))
    click.echo(report.table(result, found))
    try:
        if json_file:
            json_file.write_text(json.dumps(report.as_json(result, found), indent=2) + "\n", encoding="utf-8")
        if picture_file:
            picture_file.write_text(picture(result, found), encoding="utf-8")
    except OSError as error:
        raise _failure(f"{error.filename} cannot be written: {error.strerror}", 1) from None
    broken = [sentence for each in thresholds if (sentence := each.verdict(found))]
    for sentence in broken:
        click.echo(sentence, err=True)
    if broken or found.counts["failed"] or not found.counts["calls"]:
        raise SystemExit(1)


async def _until_interrupted(plan: Plan, model_port: int | None, pid: int | None) -> fleet.Run:
    """Run; the first Ctrl-C has everybody hang up, a second one ends it at once."""
    loop, enough = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        enough.set()
        loop.remove_signal_handler(signal.SIGINT)

    async def ready(model: ModelSide | None) -> None:
        if model is not None:
            click.echo(f"The model's side listens on {model.url}", err=True)

    with contextlib.suppress(NotImplementedError):  # Windows
        loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        return await fleet.run(plan, clock=monotonic, enough=enough, model_port=model_port, pid=pid, ready=ready)
    finally:
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)


def _failure(sentence: str, code: int) -> SystemExit:
    click.echo(sentence, err=True)
    return SystemExit(code)
