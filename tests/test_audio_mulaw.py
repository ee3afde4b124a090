import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.audio import mulaw

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768)


def pcm16(samples: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bytes:
    return samples.astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("code", "sample"),
    [(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xFE, 8), (0x7E, -8)],
)
def test_decoding_follows_g711(code: int, sample: int) -> None:
    assert mulaw.decode(bytes([code])) == sample.to_bytes(2, "little", signed=True)


def test_every_code_survives_the_round_trip() -> None:
    # But for the second of the two zeros.
    expected = EVERY_CODE.replace(b"\x7f", b"\xff")
    assert mulaw.encode(mulaw.decode(EVERY_CODE)) == expected


def test_every_sample_survives_within_half_a_quantisation_step() -> None:
    heard = np.frombuffer(mulaw.decode(mulaw.encode(pcm16(EVERY_SAMPLE))), "<i2").astype(np.int64)

    # G.711 codes the upper 14 bits and clips them at 8158. A step is 2 wide up to 30 and doubles with each octave.
    coded = np.clip(EVERY_SAMPLE >> 2, -8158, 8158)
    half_step = 2 ** (np.floor(np.log2(np.abs(coded) + 33)) - 5)
    assert np.all(np.abs(heard / 4 - coded) <= half_step)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_chunks_may_be_cut_anywhere(ulaw: bytes, cut: int) -> None:
    pcm = mulaw.decode(ulaw)
    assert mulaw.decode(ulaw[:cut]) + mulaw.decode(ulaw[cut:]) == pcm
    assert mulaw.encode(pcm[: 2 * cut]) + mulaw.encode(pcm[2 * cut :]) == mulaw.encode(pcm)


def test_nothing_becomes_nothing() -> None:
    assert mulaw.encode(b"") == b""
    assert mulaw.decode(b"") == b""


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="even number of bytes, not 3"):
        mulaw.encode(b"\x00\x00\x00")
