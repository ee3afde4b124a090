"""pocketsphinx decoders for speech by telephone: how they are made, fed and read. For the worker thread alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import audioop
import numpy as np

from bot.engine.grammars import LENIENT, PHONES, STRICT, Noise, grammar, search, words
from bot.engine.parts import Expected, Heard

type Decoder = Any
"""A pocketsphinx.Decoder; the package has no types."""

UNSURE = Heard("", sure=False)
# The cepstral mean of telephone speech, measured over five voices: without it the first words are half lost.
PHONE_CMN = "41.81,-0.05,-0.22,7.96,1.32,-3.62,-1.50,-1.97,-8.08,2.28,-5.95,2.59,-0.59"
_DITHER = 6.0  # digital silence has a spectrum that no recognizer was trained on


class Widener:
    """24 kHz to the model's 16 kHz by way of 8 kHz, with the images that plain interpolation leaves above 4 kHz.

    The model was trained on sound up to 6.8 kHz; the mirrored sibilants stand in for what the phone cut off.
    """

    def __init__(self) -> None:
        self._down: Any = None
        self._up: Any = None
        self._random = np.random.default_rng(0)

    def process(self, pcm: bytes) -> bytes:
        """Convert the next piece of an utterance."""
        # Every third sample, unfiltered: a telephone left little to alias, and each filter takes from the sibilants.
        decimated, self._down = audioop.ratecv(pcm[: len(pcm) & ~1], 2, 1, 24_000, 8000, self._down)
        narrow = np.frombuffer(decimated, dtype="<i2")
        dithered = narrow + self._random.normal(0.0, _DITHER, narrow.size)
        samples = np.clip(dithered, -32768, 32767).astype("<i2").tobytes()
        wide, self._up = audioop.ratecv(samples, 2, 1, 8000, 16_000, self._up)
        return wide


def start_utterance(decoder: Decoder, expected: Expected, noise: Noise, cmn: str) -> None:
    """Make a decoder ready for an utterance on a line whose cepstral mean is `cmn`."""
    if expected is not Expected.FREE:
        decoder.activate_search(search(expected, noise))
    decoder.start_utt()
    decoder.set_cmn(cmn)


def end_utterance(decoder: Decoder) -> Heard:
    """End the utterance, and tell what it was."""
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return heard_from(hypothesis.hypstr if hypothesis is not None else "")


def loudness_range(pcm: bytes) -> float:
    """Decibels between the loudest and the quietest twentieths of 16 kHz audio, in 20 ms pieces."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    pieces = samples[: samples.size // 320 * 320].reshape(-1, 320)
    if not len(pieces):
        return 0.0
    quiet, loud = np.percentile(10 * np.log10(np.mean(pieces**2, axis=1) + _DITHER**2), [5, 95])
    return float(loud - quiet)


def heard_from(hypothesis: str) -> Heard:
    """What a decoder's words amount to: a way through the noise loop, or none at all, is nothing understood."""
    if not hypothesis.strip() or hypothesis.startswith("_"):
        return UNSURE
    return Heard(hypothesis.strip())


def dictionary() -> Iterator[str]:
    """The entries of the grammars' words, and of the noise loop's sounds, from the model's own dictionary."""
    from pocketsphinx import get_model_path

    wanted = words()
    for line in Path(get_model_path(), "en-us", "cmudict-en-us.dict").read_text().splitlines():
        if line.partition(" ")[0].partition("(")[0] in wanted:
            yield line
    for phone in PHONES:
        yield f"_{phone} {phone}"


def grammar_decoder(words_file: Path) -> Decoder:
    """Make a decoder for all grammars; `words_file` is their dictionary. OSError, RuntimeError or ValueError."""
    import pocketsphinx

    decoder = pocketsphinx.Decoder(
        hmm=str(Path(pocketsphinx.get_model_path(), "en-us", "en-us")),
        dict=str(words_file),
        lm=None,
        bestpath=False,
        cmn="live",
        loglevel="FATAL",
    )
    for expected in Expected:
        if expected is not Expected.FREE:
            for noise in (STRICT, LENIENT):
                decoder.add_jsgf_string(search(expected, noise), grammar(expected, noise))
    return decoder


def dictation_decoder() -> Decoder:
    """Make a decoder for any English sentence. By telephone a third of its words are wrong."""
    import pocketsphinx

    return pocketsphinx.Decoder(bestpath=False, cmn="live", loglevel="FATAL")
