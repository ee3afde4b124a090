"""What the model's stand-in says: replies of made-up speech, encoded once and sent as often as needed."""

from __future__ import annotations

from binascii import b2a_base64
from functools import cache

import audioop

from bot.audio import Upsampler
from bot.load.record import FRAME_BYTES
from bot.load.sound import level_of, speech

FIRST_DELTAS = (0.2, 0.3)  # seconds of audio in the first deltas; the others hold half a second, as the service's do
DELTA = 0.5

_VARIANTS = 8  # so that a reply is not taken for the one before it
_VARIANT_SECONDS = 1.7
LONGEST_REPLY = 30.0  # seconds
_FRAMES_A_SECOND = 50


def deltas(seconds: float) -> list[tuple[float, float]]:
    """Where each delta of a reply begins and how long it is, in seconds."""
    found: list[tuple[float, float]] = []
    begins = 0.0
    while seconds - begins > 1e-6:
        length = FIRST_DELTAS[len(found)] if len(found) < len(FIRST_DELTAS) else DELTA
        length = min(length, seconds - begins)
        found.append((begins, length))
        begins += length
    return found


def encoded(reply: int, begins: float, length: float, *, ulaw: bool) -> str:
    """Base64 of one delta. reply: its number in the session; ulaw: at 8 kHz, else 16 bits at 24 kHz."""
    return _encoded(*_frames(reply, begins, length), ulaw=ulaw)


def levels(reply: int, begins: float, length: float) -> tuple[int, ...]:
    """RMS of each 20 ms of one delta."""
    first, last = _frames(reply, begins, length)
    return _all_levels()[first:last]


@cache
def _encoded(first: int, last: int, *, ulaw: bool) -> str:
    if ulaw:
        audio = _speech_ulaw()[first * FRAME_BYTES : last * FRAME_BYTES]
    else:
        audio = _speech_wide()[first * 6 * FRAME_BYTES : last * 6 * FRAME_BYTES]
    return b2a_base64(audio, newline=False).decode()


def _frames(reply: int, begins: float, length: float) -> tuple[int, int]:
    first = round((reply % _VARIANTS * _VARIANT_SECONDS + begins) * _FRAMES_A_SECOND)
    return first, first + round(length * _FRAMES_A_SECOND)


@cache
def _speech_narrow() -> bytes:
    return speech(LONGEST_REPLY + _VARIANTS * _VARIANT_SECONDS, seed=11)


@cache
def _speech_ulaw() -> bytes:
    return audioop.lin2ulaw(_speech_narrow(), 2)


@cache
def _speech_wide() -> bytes:
    return Upsampler().process(_speech_narrow())


@cache
def _all_levels() -> tuple[int, ...]:
    ulaw = _speech_ulaw()
    return tuple(level_of(ulaw[at : at + FRAME_BYTES]) for at in range(0, len(ulaw), FRAME_BYTES))


def warm() -> None:
    """Make the voice now, and not while somebody waits for it."""
    _speech_wide()
    _all_levels()
