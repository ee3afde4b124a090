"""The resampler's promises, measured from what it makes of signals."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.audio import Downsampler, Upsampler

type Floats = NDArray[np.float64]
type Resampler = Upsampler | Downsampler

RATES = {Upsampler: (8000, 24000), Downsampler: (24000, 8000)}
PASSED = [200.0, *np.arange(300, 3400, 155).tolist(), 3400.0]
REJECTED = [4600.0, *np.arange(4650, 11900, 187).tolist(), 11900.0]
LOUD = 30000.0

both_ways = pytest.mark.parametrize("kind", [Upsampler, Downsampler])


def pcm16(samples: Floats) -> bytes:
    return np.rint(samples).astype("<i2").tobytes()


def floats(pcm: bytes) -> Floats:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def tone(hertz: float, rate: int, seconds: float = 0.5) -> bytes:
    return pcm16(LOUD * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate))


def rms(samples: Floats) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def decibels(ratio: float) -> float:
    # Some tones are rejected so well that nothing but zeros is left.
    return float(20 * np.log10(max(ratio, 1e-9)))


def settled(samples: Floats, rate: int) -> Floats:
    """Without the first 20 ms, in which the filter fills."""
    return samples[rate // 50 :]


def find_tone(samples: Floats, hertz: float, rate: int) -> tuple[complex, Floats]:
    """The tone's complex amplitude by least squares, its phase counted from the first sample, and all the rest."""
    turns = 2 * np.pi * hertz * np.arange(len(samples)) / rate
    basis = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    cosine, sine = np.linalg.lstsq(basis, samples)[0]
    return complex(cosine, -sine), samples - basis @ np.array([cosine, sine])


def response(kind: type[Resampler], hertz: float) -> complex:
    """What becomes of a tone: its gain, and its phase against the tone that went in."""
    rate_in, rate_out = RATES[kind]
    sent = tone(hertz, rate_in)
    before, _ = find_tone(settled(floats(sent), rate_in), hertz, rate_in)
    after, _ = find_tone(settled(floats(kind().process(sent)), rate_out), hertz, rate_out)
    return after / before


# --- How it sounds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hertz", REJECTED)
def test_what_a_telephone_cannot_carry_is_rejected_by_60_db(hertz: float) -> None:
    sent = tone(hertz, 24000)
    aliases = settled(floats(Downsampler().process(sent)), 8000)
    assert decibels(rms(aliases) / rms(floats(sent))) <= -60


@pytest.mark.parametrize("hertz", PASSED)
def test_a_tone_of_the_callers_gets_no_image_above_minus_60_db(hertz: float) -> None:
    heard = settled(floats(Upsampler().process(tone(hertz, 8000))), 24000)
    _, images = find_tone(heard, hertz, 24000)
    assert decibels(rms(images) / rms(heard)) <= -60


@both_ways
def test_speech_passes_with_at_most_half_a_db_of_ripple(kind: type[Resampler]) -> None:
    gains = [decibels(abs(response(kind, hertz))) for hertz in PASSED]
    assert max(gains) - min(gains) <= 0.5
    assert max(map(abs, gains)) <= 0.5


@both_ways
@pytest.mark.parametrize("level", [1, -1, 12345, 32767, -32768])
def test_a_steady_level_comes_out_as_it_went_in(kind: type[Resampler], level: int) -> None:
    rate_in, rate_out = RATES[kind]
    heard = settled(floats(kind().process(pcm16(np.full(rate_in // 10, level, np.float64)))), rate_out)
    assert set(heard) == {level}


@both_ways
def test_every_output_has_the_same_gain_to_the_last_bit(kind: type[Resampler]) -> None:
    # Rounding to 16 bits would hide a small difference from the test above.
    assert set(kind()._matrix.sum(axis=0)) == {1.0}


def test_upsampling_keeps_every_sample_of_the_caller() -> None:
    sent = np.random.default_rng(1).integers(-32768, 32767, 400).astype(np.float64)
    heard = floats(Upsampler().process(pcm16(sent)))
    assert np.array_equal(heard[1::3][14:], sent[:-14])


@both_ways
@pytest.mark.parametrize("high", [32767, -32768])
def test_full_scale_squares_saturate_and_never_wrap(kind: type[Resampler], high: int) -> None:
    rate_in, _ = RATES[kind]
    positions = np.arange(rate_in // 10) * 500 // rate_in  # the sign changes 500 times a second
    square = np.where(positions % 2, -high, high).clip(-32768, 32767).astype(np.float64)
    unbound = 2 * floats(kind().process(pcm16(square / 2)))
    heard = floats(kind().process(pcm16(square)))

    assert np.max(np.abs(unbound)) > 33000, "the filter overshoots, or this test shows nothing"
    assert np.max(np.abs(heard - unbound.clip(-32768, 32767))) <= 3


# --- When it comes ----------------------------------------------------------------------------------------------


@both_ways
def test_the_delay_is_at_most_two_milliseconds(kind: type[Resampler]) -> None:
    # Group delay: how fast the phase falls behind, from one tone to its neighbour.
    phases = np.unwrap([np.angle(response(kind, hertz)) for hertz in range(200, 3401, 100)])
    delays = -np.diff(phases) / (2 * np.pi * 100)
    assert np.all(delays > 0)
    assert np.all(delays <= 0.002)


@both_ways
@given(sizes=st.lists(st.integers(0, 700), max_size=12))
def test_nothing_is_held_back(kind: type[Resampler], sizes: list[int]) -> None:
    resampler, sent, received = kind(), 0, 0
    for size in sizes:
        sent += size
        received += len(resampler.process(bytes(size)))
        samples = sent // 2
        assert received // 2 == (3 * samples if kind is Upsampler else (samples + 2) // 3)


# --- However it is cut ------------------------------------------------------------------------------------------


@both_ways
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(0, 6000), data=st.data())
def test_the_output_is_the_same_whatever_the_chunking(
    kind: type[Resampler], seed: int, size: int, data: st.DataObject
) -> None:
    pcm = np.random.default_rng(seed).bytes(size)
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=20)))
    resampler = kind()
    pieces = [resampler.process(pcm[start:stop]) for start, stop in pairwise([0, *cuts, size])]
    assert b"".join(pieces) == kind().process(pcm)


@both_ways
@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 320, 959, 960])
def test_equal_chunks_down_to_single_bytes_change_nothing(kind: type[Resampler], size: int) -> None:
    pcm = np.random.default_rng(2).bytes(9601)
    resampler = kind()
    pieces = [resampler.process(pcm[start : start + size]) for start in range(0, len(pcm), size)]
    assert b"".join(pieces) == kind().process(pcm)


def sound(kind: str, samples: int, seed: int) -> bytes:
    """Samples that are hard on the filter."""
    random = np.random.default_rng(seed)
    match kind:
        case "squares":  # the filter overshoots full scale
            levels = np.where(np.arange(samples) // random.integers(1, 9) % 2, -32768, 32767)
        case "lowest":
            levels = np.full(samples, -32768)
        case "faint":
            levels = random.integers(-2, 3, samples)
        case "nearly":  # about as loud as what cannot come out too loud
            levels = random.choice([-1, 1], samples) * random.integers(12_000, 20_000, samples)
        case _:
            levels = random.integers(-32768, 32768, samples)
    return levels.astype("<i2").tobytes()


chunks = st.tuples(
    st.sampled_from(["squares", "lowest", "faint", "nearly", "noise"]),
    st.sampled_from([160] * 4 + [0, 1, 27, 28, 80, 159, 161, 320, 480]),  # samples: one frame, and any other length
    st.sampled_from([0] * 6 + [1]),  # bytes beyond the last whole sample
    st.integers(0, 1000),
    st.sampled_from([False] * 5 + [True]),
)


@given(st.lists(chunks, max_size=12))
def test_whole_frames_give_the_same_bits_as_any_other_length(
    sequence: list[tuple[str, int, int, int, bool]],
) -> None:
    quick, general = Upsampler(), Upsampler()
    for kind, samples, odd, seed, reset in sequence:
        if reset:
            quick.reset()
            general.reset()
        pcm = sound(kind, samples, seed) + b"\x7f" * odd
        assert quick.process(pcm) == super(Upsampler, general).process(pcm)


@both_ways
def test_no_sum_is_ever_rounded(kind: type[Resampler]) -> None:
    # What makes the above true on every processor: whole multiples of 2**-30, and sums that fit into 53 bits.
    units = kind()._matrix * 2.0**30
    assert np.array_equal(units, np.rint(units))
    assert 32768 * np.abs(units).sum(axis=0).max() < 2**53


@both_ways
@given(before=st.binary(max_size=600), after=st.binary(max_size=600))
def test_a_reset_leaves_no_trace_of_what_was_before(kind: type[Resampler], before: bytes, after: bytes) -> None:
    resampler = kind()
    resampler.process(before)
    resampler.reset()
    assert resampler.process(after) == kind().process(after)


@both_ways
def test_two_calls_share_nothing(kind: type[Resampler]) -> None:
    pcm = np.random.default_rng(3).bytes(1000)
    one, other = kind(), kind()
    one.process(pcm)
    assert other.process(pcm) == kind().process(pcm)
