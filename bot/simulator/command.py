"""`voicebot call`: calls a bot from the shell, and shows and records what happens."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import signal
from collections.abc import Iterator, Sequence
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
from bot.simulator.result import Note, Outcome, PhoneCall
from bot.simulator.script import Pressed, Script, Spoken, conversation
from bot.simulator.voice import engine_voice
from bot.simulator.webhook import Parties

_ORDER = f"{__name__}.order"
_SHOWN = {"understood": "heard as", "cut": "cut off"}
_DIGITS = re.compile(r"[0-9*#A-D]+")
_HEADER = re.compile(r"(X-[!-9;<>-~]{1,60}|User-to-User)=(.{0,200})")  # those that Twilio passes on


class _Within(click.FloatRange):
    """A range that "nan" is not within."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 - click's
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


_POSITIVE = _Within(min=0, min_open=True, max=3600)
_MILLISECONDS = _Within(min=0, max=10_000)


class _InOrder(click.Command):
    """Remembers in which order the options were given, each as often as it was."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta[_ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def _digits(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_DIGITS.fullmatch(value) for value in values):
        raise click.BadParameter("should be made of 0 to 9, *, #, and A to D")
    return values


def _headers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = [_HEADER.fullmatch(value) for value in values]
    if not all(found):
        raise click.BadParameter("should be X-NAME=VALUE or User-to-User=VALUE")
    return tuple((f"SipHeader_{header[1]}", header[2]) for header in found if header)


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


@click.command(cls=_InOrder)
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
@click.option(
    "--press",
    "--digits",
    "presses",
    multiple=True,
    callback=_digits,
    metavar="DIGITS",
    help="Press these keys once the assistant has finished. Repeatable; goes in order with --say.",
)
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
@click.option(
    "--from",
    "caller",
    default=Parties().caller,
    help="The caller: a number, a SIP address such as sip:alice@acme.sip.twilio.com, or client:NAME.",
)
@click.option("--to", "called", default=Parties().called, help="The number, SIP address or client that is called.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    callback=_headers,
    metavar="NAME=VALUE",
    help="A header of a SIP call, such as X-Account-Id=7. Repeatable.",
)
@click.option(
    "--dialled",
    multiple=True,
    type=click.Choice(["answered", "busy", "no-answer", "failed"]),
    help="How it goes when the bot has somebody dialled. Repeatable, for one attempt after the other; else answered.",
)
@click.option("--allow-remote", is_flag=True, help="Call a bot that is not on this machine.")
def call(
    url: str,
    says: tuple[str, ...],
    wav_file: Path | None,
    at_once: bool,
    interrupt_after: float | None,
    presses: tuple[str, ...],
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
    headers: tuple[tuple[str, str], ...],
    dialled: tuple[Outcome, ...],
    allow_remote: bool,
) -> None:
    """Call a bot as Twilio would, and listen.

    Without --say, --press or --wav the caller hears the greeting out and hangs up. Exit code: 0 if the assistant was
    heard, 1 if not, 2 for a wrong option or setting.
    """
    if headers and not caller.startswith(("sip:", "sips:")):
        raise click.UsageError("--header is for a SIP call: give --from sip:...")
    order: list[str] = click.get_current_context().meta[_ORDER]
    try:
        settings = load_settings()
        Addresses(url, settings.public_url, allow_remote=allow_remote)
        recording = [Spoken(wav.read(wav_file), f"({wav_file.name})")] if wav_file else []
    except (SettingsError, SimulatorError) as error:
        raise _failure(str(error), 2) from None
    network = Network.symmetric(delay=delay / 1000, jitter=jitter / 1000, loss=loss / 100, stalls=stalls)
    account = settings.twilio_account_sid or Parties().account_sid

    async def talk() -> PhoneCall:
        lines: list[Spoken | Pressed] = [*recording, *await _in_order(order, says, presses)]
        talking = conversation(lines, at_once=at_once, interrupt_after=interrupt_after, hang_up_after=hang_up_after)
        return await place_call(
            url,
            _until_interrupted(talking),
            network=network,
            auth_token=next(iter(settings.auth_tokens), ""),
            public_url=settings.public_url,
            parties=Parties(caller, called, account, headers),
            dialled=dialled,
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


async def _in_order(order: Sequence[str], says: Sequence[str], presses: Sequence[str]) -> list[Spoken | Pressed]:
    """What is to be said and pressed, as it stands on the command line."""
    spoken: list[Spoken] = []
    if says:
        async with engine_voice() as voice:
            spoken = [Spoken(await voice(text), text) for text in says]
    steps: dict[str, Iterator[Spoken | Pressed]] = {"says": iter(spoken), "presses": map(Pressed, presses)}
    return [next(steps[name]) for name in order if name in steps]


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
