"""What every caller of the load does, step by step: a small TOML file (docs/load.md), or the default.

repeat = true      # from the beginning, without the steps marked `once`; else the caller phones again

[[step]]
do = "listen"      # until the assistant has spoken and then been quiet
once = true
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from bot.errors import SimulatorError

_Moment = Annotated[float, msgspec.Meta(ge=0, le=600)]
_Length = Annotated[float, msgspec.Meta(ge=0.1, le=60)]
_LARGEST_FILE = 64 * 1024


class _Step(msgspec.Struct, frozen=True, tag_field="do", tag=str.lower, forbid_unknown_fields=True, kw_only=True):
    once: bool = False


class Listen(_Step, frozen=True):
    """Wait until the assistant has spoken and has then been quiet for so long; go on after `at_most` all the same."""

    quiet: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 0.8
    at_most: _Moment = 15.0


class Speak(_Step, frozen=True):
    """Say something: so many seconds of made-up speech, or a recording (a WAV file beside the script)."""

    seconds: _Length = 1.5
    wav: str = ""


class Pause(_Step, frozen=True):
    """Say nothing."""

    seconds: _Moment


class Interrupt(_Step, frozen=True):
    """Wait until the assistant has been heard for `after` seconds, then talk over it.

    Where it is not heard for so long within `at_most` seconds, go on without a word.
    """

    after: _Moment = 1.0
    at_most: _Moment = 15.0
    seconds: _Length = 1.2
    wav: str = ""


class Press(_Step, frozen=True):
    """Press keys, one every 200 ms."""

    digits: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#A-D]{1,32}$")]


type Step = Listen | Speak | Pause | Interrupt | Press


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The steps. repeat: start over at the end; otherwise the caller hangs up, and another one phones."""

    step: Annotated[
        tuple[Listen | Speak | Pause | Interrupt | Press, ...], msgspec.Meta(min_length=1, max_length=200)
    ]
    repeat: bool = True


DEFAULT = Script(
    (
        Listen(once=True),
        Speak(seconds=1.6),
        Interrupt(after=1.2, seconds=1.2),
        Listen(),
        Pause(seconds=0.4),
        Speak(seconds=2.4),
        Listen(),
        Pause(seconds=0.6),
    )
)


def read(path: Path) -> Script:
    """Read a script; its recordings are made absolute. Raises SimulatorError with one sentence."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SimulatorError(f"{path} cannot be read: {error.strerror}") from None
    if len(text) > _LARGEST_FILE:
        raise SimulatorError(f"{path} should be a script of at most 64 KiB")
    try:
        script = msgspec.toml.decode(text, type=Script)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SimulatorError(f"{path} should be a script as docs/load.md has it: {error}") from None
    if script.repeat and all(step.once for step in script.step):
        raise SimulatorError(f"{path} repeats, so one step at least should not be `once`")
    if script.repeat and not any(_takes_time(step) for step in script.step if not step.once):
        raise SimulatorError(f"{path} repeats, so one step at least should take time: listen, speak, or pause")
    return msgspec.structs.replace(script, step=tuple(_beside(path, step) for step in script.step))


def _takes_time(step: Step) -> bool:
    match step:
        case Pause(seconds=seconds):
            return seconds >= 0.02
        case Interrupt() | Listen():
            return step.at_most >= 0.02
        case _:
            return True


def _beside(path: Path, step: Step) -> Step:
    if isinstance(step, Speak | Interrupt) and step.wav:
        return msgspec.structs.replace(step, wav=str(path.parent.absolute() / step.wav))
    return step
