"""`voicebot call`: calls a bot from the shell, and shows and records what happens."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import signal
from pathlib import Path
from random import Random
from typing import Any

import click

from bot.errors import EngineError, SettingsError, SimulatorError
from bot.settings import load_settings
from bot.simulator import wav
from bot.simulator.addresses import Addresses
from bot.simulator.caller import place_call
from bot.simulator.line import Line
from bot.simulator.network import Network, Stall
from bot.simulator.result import Note, PhoneCall
from bot.simulator.script import Script, Spoken, conversation
from bot.simulator.voice import engine_voice
from bot.simulator.webhook import Parties

_SHOWN = {"understood": "heard as", "cut": "cut off"}
_DIGITS = re.compile(r"[0-9*#A-D]*")


class _Within(click.FloatRange):
    """A range that "nan" is not within."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 - click's
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


_POSITIVE = _Within(min=0, min_open=True, max=3600)
_MILLISECONDS = _Within(min=0, max=10_000)


def _digits(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _DIGITS.fullmatch(value):
        raise click.BadParameter("should be made of 0 to 9, *, #, and A to D")
    return value


def _stalls(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[Stall, ...]:
    stalls = []
    for value in values:
        at, _colon, seconds = value.partition(":")
        try:
            stall = Stall(float(at), float(seconds))
        except ValueError:
            stall = Stall(-1, -1)
        if not (0 <= stall.at <= 3600 and 0 < stall.seconds <= 600):
            raise click.BadParameter("should be AT:SECONDS, such as 5:1.2")
        stalls.append(stall)
    return tuple(stalls)


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the bot is reached.")
@click.option(
    "--say", "says", multiple=True, metavar="TEXT", help="Say this once the assistant has finished. Repeatable."
)
@click.option(
    "--wav", "wav_file", type=click.Path(path_type=Path), help="Say this recording before all else: WAV, 16-bit PCM."
)
@click.option("--at-once", is_flag=True, help="Begin without waiting for the greeting.")
@click.option(
    "--interrupt-after",
    type=_POSITIVE,
    metavar="SECONDS",
    help="Talk over the assistant: begin each line but the first, or the only one, once it has spoken for so long.",
)
@click.option("--digits", default="", callback=_digits, help="Press these keys after the last answer.")
@click.option(
    "--hang-up-after",
    type=_POSITIVE,
    metavar="SECONDS",
    help="Hang up so long after the last line; otherwise once its answer has been heard out.",
)
@click.option(
    "--max-seconds", type=_POSITIVE, default=120.0, show_default=True, help="Hang up after so long, whatever happens."
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("heard.wav"),
    show_default=True,
    help="Write what the caller heard to this WAV file.",
)
@click.option("--stereo", is_flag=True, help="Record the caller too, on the right channel.")
@click.option("--delay", type=_MILLISECONDS, default=0.0, metavar="MS", help="Network delay, one way.")
@click.option("--jitter", type=_MILLISECONDS, default=0.0, metavar="MS", help="Up to so much more delay, at random.")
@click.option(
    "--loss",
    type=_Within(0, 100),
    default=0.0,
    metavar="PERCENT",
    help="Frames of the caller that are lost.",
)
@click.option(
    "--stall",
    "stalls",
    multiple=True,
    callback=_stalls,
    metavar="AT:SECONDS",
    help="Let nothing through for so long, so many seconds after the stream began. Repeatable.",
)
@click.option("--seed", type=int, help="Repeat the same jitter and loss.")
@click.option("--from", "caller", default=Parties().caller, help="The caller's number or address.")
@click.option("--to", "called", default=Parties().called, help="The number that is called.")
@click.option("--allow-remote", is_flag=True, help="Call a bot that is not on this machine.")
def call(
    url: str,
    says: tuple[str, ...],
    wav_file: Path | None,
    at_once: bool,
    interrupt_after: float | None,
    digits: str,
    hang_up_after: float | None,
    max_seconds: float,
    record: Path,
    stereo: bool,
    delay: float,
    jitter: float,
    loss: float,
    stalls: tuple[Stall, ...],
    seed: int | None,
    caller: str,
    called: str,
    allow_remote: bool,
) -> None:
    """Call a bot as Twilio would, and listen.

    Without --say or --wav the caller hears the greeting out and hangs up. Exit code: 0 if the assistant was heard, 1
    if not, 2 for a wrong option or setting.
    """
    try:
        settings = load_settings()
        Addresses(url, settings.public_url, allow_remote=allow_remote)
        recording = [Spoken(wav.read(wav_file), f"({wav_file.name})")] if wav_file else []
    except (SettingsError, SimulatorError) as error:
        raise _failure(str(error), 2) from None
    network = Network.symmetric(delay=delay / 1000, jitter=jitter / 1000, loss=loss / 100, stalls=stalls)
    account = settings.twilio_account_sid or Parties().account_sid

    async def talk() -> PhoneCall:
        lines = list(recording)
        if says:
            async with engine_voice() as voice:
                lines += [Spoken(await voice(text), text) for text in says]
        talking = conversation(
            lines, at_once=at_once, interrupt_after=interrupt_after, digits=digits, hang_up_after=hang_up_after
        )
        return await place_call(
            url,
            _until_interrupted(talking),
            network=network,
            auth_token=next(iter(settings.auth_tokens), ""),
            public_url=settings.public_url,
            parties=Parties(caller, called, account),
            max_seconds=max_seconds,
            allow_remote=allow_remote,
            on_note=_show,
            rng=Random(seed),  # noqa: S311 - jitter and loss, no secrets
        )

    try:
        made = asyncio.run(talk())
        wav.write(record, made.heard, made.said if stereo else None)
    except (SimulatorError, EngineError) as error:
        raise _failure(str(error), 1) from None
    _sum_up(made, record)
    if not made.assistant_heard:
        raise _failure(_why_unheard(made), 1)


def _until_interrupted(script: Script) -> Script:
    """Ctrl-C puts the phone down, as a caller would; what was heard until then is kept."""

    async def interruptible(line: Line) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(signal.SIGINT, line.put_down)
        try:
            await script(line)
        finally:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(signal.SIGINT)

    return interruptible


def _show(note: Note) -> None:
    words = f'"{note.text}"' if note.who in ("you", "understood", "bot", "cut") else note.text
    click.echo(f"{note.at:7.2f}  {_SHOWN.get(note.who, note.who):<8}  {words}")


def _sum_up(made: PhoneCall, record: Path) -> None:
    answered = [turn.latency for turn in made.turns if turn.latency is not None]
    if made.turns:
        worst = f", the slowest after {max(answered):.2f} s" if answered else ""
        click.echo(f"{len(answered)} of {len(made.turns)} lines answered{worst}")
    for code, count in sorted(made.warnings.items()):
        click.echo(f"Twilio would have warned {count} times of {code}")
    click.echo(f"{made.seconds:.1f} s of call, recorded in {record}")


def _why_unheard(made: PhoneCall) -> str:
    if made.trouble:
        return f"The call did not go through: {made.trouble}."
    if made.stream_errors:
        return f"The assistant was not heard: the stream failed with error {made.stream_errors[-1]}."
    if made.said_by_twiml:
        return f'The assistant was not heard; the bot had Twilio say: "{made.said_by_twiml[-1]}"'
    return "The assistant was not heard: the stream brought no sound."


def _failure(sentence: str, code: int) -> SystemExit:
    click.echo(sentence, err=True)
    return SystemExit(code)
