"""How often the engine understands what its receptionist offers to understand: `python -m benchmarks.recognition`.

Each phrase is spoken by each voice, goes through 8 kHz μ-law as a call does, and is heard by the engine's own
listener with the grammar of its moment. Right is what means the same as the written phrase. "Taken" counts the
sentences no grammar has, and stretches of noise, that were taken for something all the same.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import time
from dataclasses import dataclass, field

import numpy as np

from bot.audio import Downsampler, Upsampler, mulaw
from bot.engine.meaning import meaning
from bot.engine.parts import WINDOW_BYTES, Expected, Heard
from bot.engine.recognizer import Ears
from bot.engine.speech import CALLER, Voices

PHRASES: dict[Expected, tuple[str, ...]] = {
    Expected.ANYTHING: (
        "What are your opening hours?",
        "When are you open?",
        "Are you open on Saturday?",
        "What time do you close?",
        "When do you open tomorrow?",
        "Opening hours.",
        "How late are you open today?",
        "What is your address?",
        "Where are you?",
        "Where is the shop?",
        "How do I get to you?",
        "Where can I find you?",
        "I would like to book an appointment.",
        "I need a repair.",
        "Can I bring my bike on Friday?",
        "I'd like to book an appointment for Tuesday at ten.",
        "I have a flat tire.",
        "Book a repair.",
        "I need my bike fixed.",
        "Can I speak to a human?",
        "I want to talk to a real person.",
        "Operator.",
        "Please connect me to someone.",
        "Goodbye.",
        "Thank you, goodbye.",
        "That's all, thanks.",
        "Thank you very much.",
        "Can you repeat that?",
        "Say that again please.",
        "Help.",
        "What can you do?",
        "Hello?",
        "Number three.",
    ),
    Expected.DAY: (
        "Tuesday.",
        "On Thursday please.",
        "Tomorrow.",
        "On Monday at nine.",
        "The day after tomorrow.",
        "Never mind.",
        "One.",
    ),
    Expected.TIME: (
        "At ten.",
        "Half past two.",
        "Eleven o'clock.",
        "Three in the afternoon.",
        "Ten thirty please.",
        "What are your opening hours?",
        "Quarter past four.",
    ),
    Expected.YES_NO: (
        "Yes.",
        "Yes please.",
        "No.",
        "That's right.",
        "No, that's wrong.",
        "No, on Wednesday.",
        "Yeah.",
    ),
}
FOREIGN = (
    "My hovercraft is full of eels.",
    "The quick brown fox jumps over the lazy dog.",
    "I think it might rain in London later this evening.",
    "Do you sell fresh fish and vegetables?",
    "Seventeen purple elephants dance around the volcano.",
    "Did you see the football match last night?",
    "Mother put the kettle on and we had tea.",
    "Please remember that the quarterly revenue figures increased.",
    "Which programming language do you prefer?",
    "The weather is wonderful in Barcelona.",
    "Excuse me, is this the pizza delivery service?",
    "My grandmother lives in a yellow submarine.",
)
_LEVEL = 2000.0  # what a voice on the phone commonly has, of 32768
_SILENCE = 24_000 // 3
_NOISES = 12


@dataclass
class Tally:
    """One voice under one condition."""

    right: int = 0
    asked: int = 0
    taken: int = 0
    foreign: int = 0
    missed: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)


def phone(pcm: bytes, snr: float | None, random: np.random.Generator) -> bytes:
    """24 kHz speech as it comes out of a telephone call, with noise `snr` dB below it."""
    down, up = Downsampler(), Upsampler()
    narrow = np.frombuffer(down.process(b"\0" * _SILENCE + pcm + b"\0" * _SILENCE), dtype="<i2").astype(np.float64)
    loud = narrow[np.abs(narrow) > 50]
    narrow *= _LEVEL / max(1.0, float(np.sqrt(np.mean(loud**2)))) if loud.size else 1.0
    if snr is not None:
        narrow += random.normal(0.0, _LEVEL / 10 ** (snr / 20), narrow.size)
    line = mulaw.encode(np.clip(narrow, -32000, 32000).astype("<i2").tobytes())
    return up.process(mulaw.decode(line))


async def hear(ears: Ears, expected: Expected, pcm: bytes) -> Heard:
    """One utterance, by a listener that has heard nothing else."""
    listener = ears.listener()
    listener.begin(expected)
    for start in range(0, len(pcm), WINDOW_BYTES):
        listener.feed(pcm[start : start + WINDOW_BYTES])
    return await listener.finish()


async def measure(ears: Ears, voices: Voices, voice: str, snr: float | None) -> Tally:
    """All phrases and foreign sentences by one voice."""
    tally, random = Tally(), np.random.default_rng(1)
    for expected, phrases in PHRASES.items():
        for phrase in phrases:
            heard = await hear(ears, expected, phone(await _spoken(voices, phrase, voice), snr, random))
            tally.asked += 1
            if meaning(heard.text) == meaning(phrase):
                tally.right += 1
            else:
                tally.missed.append(f"{expected}: {phrase!r} heard as {heard.text!r}")
    for sentence in FOREIGN:
        heard = await hear(ears, Expected.ANYTHING, phone(await _spoken(voices, sentence, voice), snr, random))
        tally.foreign += 1
        if heard.sure:
            tally.taken += 1
            tally.accepted.append(f"{sentence!r} heard as {heard.text!r}")
    return tally


async def measure_noise(ears: Ears) -> Tally:
    """Noise of one second, white and of mains hum, soft and loud, where anything may be said."""
    tally, random = Tally(), np.random.default_rng(1)
    ticks = np.arange(24_000) / 24_000
    for number in range(_NOISES):
        level = (50.0, 300.0, 2000.0)[number % 3]
        hum = level * np.sin(2 * np.pi * (50 + 10 * number) * ticks) if number % 2 else 0.0
        pcm = (random.normal(0.0, level, 24_000) + hum).clip(-32000, 32000).astype("<i2").tobytes()
        heard = await hear(ears, tuple(PHRASES)[number % 4], phone(pcm, None, random))
        tally.foreign += 1
        if heard.sure:
            tally.taken += 1
            tally.accepted.append(f"noise {number} heard as {heard.text!r}")
    return tally


async def _spoken(voices: Voices, text: str, voice: str) -> bytes:
    return b"".join([pcm async for pcm in voices.speak(text, voice)])


async def _main(names: list[str], *, verbose: bool) -> None:
    ears, voices = Ears(decoders=1), Voices()
    try:
        await ears.start()
        print(f"{'voice':<22} {'line':<10} {'right':>13} {'taken':>7} {'seconds':>8}")
        for name in names:
            for snr in (None, 20.0):
                began = time.monotonic()
                tally = await measure(ears, voices, name, snr)
                line = "clean" if snr is None else f"{snr:.0f} dB SNR"
                share = f"{tally.right}/{tally.asked} {100 * tally.right / tally.asked:4.0f} %"
                taken = f"{tally.taken}/{tally.foreign}"
                print(f"{name:<22} {line:<10} {share:>13} {taken:>7} {time.monotonic() - began:>8.1f}", flush=True)
                if verbose:
                    print("\n".join(f"    {problem}" for problem in tally.missed + tally.accepted))
        noise = await measure_noise(ears)
        print(f"{'noise alone':<22} {'':<10} {'':>13} {f'{noise.taken}/{noise.foreign}':>7}")
        if verbose:
            print("\n".join(f"    {problem}" for problem in noise.accepted))
    finally:
        await voices.close()
        await ears.close()


def main() -> None:
    """Print one line for each voice and condition."""
    parser = argparse.ArgumentParser(description=__doc__)
    flite = ["slt", "rms", "awb", "kal"] if shutil.which("flite") else []
    parser.add_argument("voices", nargs="*", default=[*flite, CALLER, "espeak:caller", "espeak"])
    parser.add_argument("-v", "--verbose", action="store_true", help="every phrase that went wrong")
    options = parser.parse_args()
    asyncio.run(_main(options.voices, verbose=options.verbose))


if __name__ == "__main__":
    main()
