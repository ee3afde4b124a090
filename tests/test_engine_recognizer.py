from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from bot.engine import recognizer
from bot.engine.decoders import Decoder, heard_from, loudness_range
from bot.engine.parts import Expected, Heard
from bot.engine.recognizer import Ears, PocketsphinxListener
from bot.engine.speech import Voices
from bot.errors import EngineError
from tests.engine_audio import noise, spoken

UNSURE = Heard("", sure=False)


@pytest.fixture(scope="module")
def ears() -> Iterator[Ears]:
    made = Ears(decoders=1)  # bound to no event loop: each test has its own
    asyncio.run(made.start())
    yield made
    asyncio.run(made.close())


@pytest.fixture
async def voices() -> AsyncIterator[Voices]:
    made = Voices()
    yield made
    await made.close()


async def hear(listener: PocketsphinxListener, pcm: bytes, expected: Expected = Expected.ANYTHING) -> Heard:
    listener.begin(expected)
    for start in range(0, len(pcm), 960):
        listener.feed(pcm[start : start + 960])
    return await listener.finish()


@pytest.mark.parametrize(
    ("expected", "sentence", "text"),
    [
        (Expected.ANYTHING, "What are your opening hours?", "what are your opening hours"),
        (Expected.ANYTHING, "What is your address?", "what is your address"),
        (Expected.ANYTHING, "I would like to book an appointment.", "i would like to book an appointment"),
        (Expected.ANYTHING, "Thank you, goodbye.", "thank you goodbye"),
        (Expected.YES_NO, "That's right.", "that's right"),
        (Expected.FREE, "Where are you?", "where are you"),
    ],
)
async def test_a_sentence_by_telephone_is_understood(
    ears: Ears, voices: Voices, expected: Expected, sentence: str, text: str
) -> None:
    heard = await hear(ears.listener(), await spoken(voices, sentence), expected)
    assert heard.sure
    assert heard.text.replace("good bye", "goodbye") == text


async def test_noise_and_silence_are_not_bent_into_words(ears: Ears) -> None:
    listener = ears.listener()
    assert await hear(listener, noise(1.0)) == UNSURE
    assert await hear(listener, bytes(48_000)) == UNSURE
    assert await hear(listener, b"") == UNSURE
    assert await hear(listener, b"\1") == UNSURE


async def test_listeners_wait_for_a_free_decoder_and_lose_nothing(ears: Ears, voices: Voices) -> None:
    where = await spoken(voices, "What is your address?")
    first, second = ears.listener(), ears.listener()
    first.begin(Expected.ANYTHING)
    second.begin(Expected.ANYTHING)
    second.feed(where)
    later = asyncio.create_task(second.finish())
    first.feed(where)
    assert (await first.finish()).text == "what is your address"
    assert (await later).text == "what is your address"


async def test_an_abandoned_utterance_gives_its_decoder_back(ears: Ears, voices: Voices) -> None:
    listener = ears.listener()
    listener.begin(Expected.ANYTHING)
    listener.feed(noise(0.5))
    listener.abandon()
    listener.abandon()
    assert await listener.finish() == UNSURE
    listener.begin(Expected.ANYTHING)
    listener.begin(Expected.DAY)
    assert await listener.finish() == UNSURE
    assert (await hear(ears.listener(), await spoken(voices, "What is your address?"))).sure


async def test_a_cancelled_finish_gives_the_decoder_back(ears: Ears, voices: Voices) -> None:
    holder, waiting = ears.listener(), ears.listener()
    holder.begin(Expected.ANYTHING)
    waiting.begin(Expected.ANYTHING)
    finish = asyncio.create_task(waiting.finish())
    await asyncio.sleep(0)
    finish.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finish
    holder.abandon()
    assert (await hear(ears.listener(), await spoken(voices, "What is your address?"))).sure


async def test_audio_without_end_is_not_listened_to_for_ever(
    ears: Ears, voices: Voices, monkeypatch: pytest.MonkeyPatch
) -> None:
    pcm = await spoken(voices, "What is your address?")
    monkeypatch.setattr(recognizer, "_LONGEST_BYTES", len(pcm))
    assert (await hear(ears.listener(), pcm + noise(5.0, 5000.0))).text == "what is your address"


@pytest.mark.parametrize("step", ["process_raw", "hyp", "start_utt"])
async def test_a_decoder_that_fails_costs_one_utterance(
    ears: Ears, voices: Voices, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Failing:
        def __init__(self, decoder: Decoder) -> None:
            self.decoder = decoder
            self.failed = False

        def __getattr__(self, name: str) -> object:
            if name == step and not self.failed:
                self.failed = True
                raise RuntimeError("out of order")
            return getattr(self.decoder, name)

    pool = ears.pool(Expected.ANYTHING)
    monkeypatch.setattr(pool, "_idle", [Failing(decoder) for decoder in pool._idle])
    pcm = await spoken(voices, "What is your address?")
    assert await hear(ears.listener(), pcm) == UNSURE
    assert (await hear(ears.listener(), pcm)).text == "what is your address"


async def test_after_closing_a_finish_still_returns() -> None:
    ears = Ears(decoders=1)
    await ears.start()
    listener = ears.listener()
    listener.begin(Expected.ANYTHING)
    await ears.close()
    await ears.close()
    async with asyncio.timeout(5):
        assert await listener.finish() == UNSURE


async def test_without_pocketsphinx_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.engine.recognizer.importlib.util.find_spec", lambda _name: None)
    ears = Ears()
    with pytest.raises(EngineError, match=r"install `voicelive-phone\[engine\]`.*ENGINE=1"):
        await ears.start()
    await ears.close()


async def test_a_noisy_line_is_heard_too(ears: Ears, voices: Voices) -> None:
    speech = np.frombuffer(await spoken(voices, "What is your address?"), dtype="<i2").astype(np.int32)
    hiss = np.frombuffer(noise(len(speech) / 24_000, 250.0), dtype="<i2")
    noisy = (speech[: len(hiss)] + hiss).clip(-32768, 32767).astype("<i2").tobytes()
    assert (await hear(ears.listener(), noisy)).text == "what is your address"


def test_the_range_of_loudness_tells_speech_noise_and_silence_apart() -> None:
    assert loudness_range(b"") == 0
    assert loudness_range(bytes(32_000)) == 0
    assert loudness_range(noise(1.0)) < 3
    assert loudness_range(bytes(32_000) + noise(1.0, 3000.0)) > 40


@pytest.mark.parametrize("hypothesis", ["", " ", "_AA _B"])
def test_the_noise_loop_is_nothing_understood(hypothesis: str) -> None:
    assert heard_from(hypothesis) == UNSURE
