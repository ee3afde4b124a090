"""Frames are recognised by how loud they are, whatever was done to the sound."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import audioop
import numpy as np
import pytest

from bot.audio import Downsampler, Upsampler, mulaw
from bot.load.matching import UNKNOWN, fits, match
from bot.load.sound import Frame, line_noise, spoken


def talk(number: int = 0) -> list[Frame]:
    """A minute or so of a caller: words and pauses."""
    noise, said = line_noise(), []
    for turn in range(12):
        said += [noise[(number * 31 + turn * 101 + n * (number + 1)) % len(noise)] for n in range(120)]
        said += spoken(1.6 if turn % 2 else 2.4, 3 + turn % 2)
    return said


def converted(frames: Sequence[Frame]) -> list[int]:
    """The levels after the bot's own conversion to 24 kHz, which delays the sound by a part of a frame."""
    up = Upsampler()
    return [audioop.rms(up.process(mulaw.decode(base64.b64decode(frame.payload))), 2) for frame in frames]


FRAMES = talk()
SENT = [frame.level for frame in FRAMES]


def test_what_was_passed_on_whole_is_recognised_frame_by_frame() -> None:
    found = match(SENT, SENT)
    assert found is not None
    assert found.tolist() == list(range(len(SENT)))


def test_conversion_to_another_rate_does_not_matter() -> None:
    found = match(SENT, converted(FRAMES))
    assert found is not None
    assert found.tolist() == list(range(len(SENT)))


def test_nor_does_another_loudness() -> None:
    found = match(SENT, [round(0.6 * level) for level in converted(FRAMES)])
    assert found is not None
    assert np.mean(found == np.arange(len(SENT))) > 0.98


@pytest.mark.parametrize("lost", [7, 90, 700])
def test_frames_lost_at_the_beginning_are_missed(lost: int) -> None:
    found = match(SENT, converted(FRAMES[lost:]))
    assert found is not None
    assert found.tolist() == list(range(lost, len(SENT)))


@pytest.mark.parametrize(("every", "right"), [(500, 0.99), (50, 0.98), (20, 0.95), (10, 0.8)])
def test_every_so_many_th_frame_lost_is_a_jump_there(every: int, right: float) -> None:
    kept = [number for number in range(len(FRAMES)) if number % every != every - 1]
    found = match(SENT, converted([FRAMES[number] for number in kept]))
    assert found is not None
    assert np.mean(found == np.array(kept)) > right
    assert found[found != UNKNOWN][-1] == pytest.approx(kept[-1], abs=1)


def test_a_long_hole_is_one_jump() -> None:
    kept = [*range(800), *range(1100, len(FRAMES))]
    found = match(SENT, converted([FRAMES[number] for number in kept]))
    assert found is not None
    assert np.mean(found == np.array(kept)) > 0.99


def test_replies_cut_short_are_recognised_back_to_back() -> None:
    down, wide = Downsampler(), Upsampler()
    pcm = wide.process(b"".join(mulaw.decode(base64.b64decode(frame.payload)) for frame in FRAMES))
    narrow = mulaw.encode(down.process(pcm))
    kept = [*range(75), *range(400, 460), *range(900, 1400)]
    came = b"".join(narrow[160 * number : 160 * (number + 1)] for number in kept)
    levels = [audioop.rms(mulaw.decode(came[at : at + 160]), 2) for at in range(0, len(came), 160)]
    found = match(SENT, levels)
    assert found is not None
    assert np.mean(found == np.array(kept)) > 0.95


def test_another_sound_is_not_recognised() -> None:
    random = np.random.default_rng(1)
    assert match(SENT, random.integers(10, 3000, 2000).tolist()) is None
    assert match(SENT, [0] * 300) is None
    assert match(SENT, [1000] * 300) is None


def test_nothing_at_all_is_recognised_as_nothing() -> None:
    for sent, came in (([], []), (SENT, []), ([], SENT)):
        found = match(sent, came)
        assert found is not None
        assert found.tolist() == []


def test_every_caller_has_a_line_noise_of_his_own() -> None:
    first, second = talk(1), talk(2)
    assert fits([frame.level for frame in first], converted(first[:200]))
    assert not fits([frame.level for frame in first], converted(second[:200]))
