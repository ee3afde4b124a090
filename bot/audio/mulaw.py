"""G.711 μ-law, the only coding that a Twilio media stream carries: one byte a sample, 8 kHz mono.

Neither direction has a state, so chunks may be cut anywhere between samples.
"""

from __future__ import annotations

import audioop

_SAMPLE_BYTES = 2


def encode(pcm: bytes) -> bytes:
    """Code linear audio for the telephone. pcm: 16-bit little-endian mono; returns one byte for each sample.

    Raises ValueError where `pcm` ends in half a sample: a cut there would turn all that follows into noise.
    """
    if len(pcm) % _SAMPLE_BYTES:
        raise ValueError(f"16-bit audio needs an even number of bytes, not {len(pcm)}")
    return audioop.lin2ulaw(pcm, _SAMPLE_BYTES)


def decode(ulaw: bytes) -> bytes:
    """Make linear audio of the telephone's. Every byte is a valid sample; returns 16-bit little-endian mono."""
    return audioop.ulaw2lin(ulaw, _SAMPLE_BYTES)
