from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine import voices as module
from bot.engine.speech import Voices, caller_speaker, candidates, finished, sentences
from bot.engine.voices import (
    ESPEAK_CALLER,
    ESPEAK_FEMALE,
    ESPEAK_MALE,
    FLITE,
    EspeakChild,
    Program,
    Synthesizer,
    Voice,
)
from bot.errors import EngineError


class Tone:
    """A synthesizer that remembers what it was asked, and fails where told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[tuple[str, Voice]] = []
        self.fails = fails

    async def sentence(self, text: str, voice: Voice) -> tuple[bytes, int]:
        self.asked.append((text, voice))
        if self.fails:
            raise EngineError("hoarse")
        return np.full(2400, 5000, dtype="<i2").tobytes(), 24_000

    async def close(self) -> None:
        return


async def said(voices: Voices, text: str, voice: str = "en-US-AvaNeural") -> list[bytes]:
    return [piece async for piece in voices.speak(text, voice)]


def alike(pcm: bytes, other: bytes) -> bool:
    """Whether both are the same words: espeak-ng never says them quite the same."""
    return abs(len(pcm) - len(other)) < 0.02 * len(other)


@pytest.fixture
async def child() -> AsyncIterator[EspeakChild]:
    made = EspeakChild()
    yield made
    await made.close()


def test_the_nearest_voice_speaks() -> None:
    assert candidates("en-US-AvaNeural") == (FLITE["slt"], ESPEAK_FEMALE)
    assert candidates("en-US-AndrewNeural") == (FLITE["rms"], ESPEAK_MALE)
    assert candidates("marin") == (FLITE["slt"], ESPEAK_FEMALE)
    assert candidates("caller")[-1] is ESPEAK_CALLER
    assert candidates("espeak:de") == (Voice("espeak-ng", "de"),)


@given(st.text(max_size=1000))
def test_sentences_lose_no_word_and_none_is_too_long(text: str) -> None:
    parts = list(sentences(text))
    assert all(0 < len(part) <= 300 for part in parts)
    letters = [character for character in "".join(parts) if character.isalnum()]
    assert letters == [character for character in text if character.isalnum()]


async def test_sentences_come_one_by_one() -> None:
    tone = Tone()
    assert len(await said(Voices({"flite": tone}), "Hello there. How are you?")) == 2
    assert [text for text, _ in tone.asked] == ["Hello there.", "How are you?"]
    assert await said(Voices({"flite": tone}), " ... !") == []


async def test_another_program_speaks_where_one_fails() -> None:
    both: Mapping[str, Synthesizer] = {"flite": Tone(fails=True), "espeak-ng": Tone()}
    assert len(await said(Voices(both), "Hello.")) == 1
    with pytest.raises(EngineError, match="hoarse"):
        await said(Voices({"flite": Tone(fails=True)}), "Hello.")
    with pytest.raises(EngineError, match="nothing here"):
        await said(Voices({}), "Hello.")


def test_a_sentence_begins_at_once_and_is_not_too_loud() -> None:
    samples = np.concatenate([np.zeros(24_000), np.full(2400, 32_000)]).astype("<i2")
    made = np.frombuffer(finished(samples.tobytes(), 24_000), dtype="<i2")
    assert len(made) == 2400 + 480
    assert made.max() == 20_000
    assert finished(bytes(1000), 24_000) == b""


async def test_espeak_speaks_and_is_reused(child: EspeakChild) -> None:
    await child.start()
    process = child._process
    first, rate = await child.sentence("Hello there.", ESPEAK_CALLER)
    assert rate == 22_050
    assert 0.4 < len(first) / 2 / rate < 2
    again, _ = await child.sentence("Hello there.", ESPEAK_CALLER)
    assert alike(again, first)
    assert child._process is process


async def test_markup_and_options_are_text(child: EspeakChild) -> None:
    plain, _ = await child.sentence("one two", ESPEAK_CALLER)
    marked, _ = await child.sentence('<break time="3s"/>one two', ESPEAK_CALLER)
    assert len(marked) > len(plain) + 22_050  # the markup is read out
    for text in ("--help", "-w /tmp/x", 'a\n{"text": "b"}\0c', "[[h@l'oU]]", "\U0001f600"):
        await child.sentence(text, ESPEAK_CALLER)
    assert alike((await child.sentence("one two", ESPEAK_CALLER))[0], plain)


async def test_an_espeak_that_died_is_started_again(child: EspeakChild) -> None:
    plain, _ = await child.sentence("one two", ESPEAK_CALLER)
    assert child._process is not None
    os.kill(child._process.pid, signal.SIGKILL)
    assert alike((await child.sentence("one two", ESPEAK_CALLER))[0], plain)


async def test_an_unknown_voice_is_said_and_the_process_goes_on(child: EspeakChild) -> None:
    with pytest.raises(EngineError, match="voice"):
        await child.sentence("Hello.", Voice("espeak-ng", "xx-no-such"))
    assert (await child.sentence("Hello.", ESPEAK_CALLER))[0]


async def test_a_listener_who_goes_away_leaves_the_next_answer_whole(child: EspeakChild) -> None:
    plain, _ = await child.sentence("one two", ESPEAK_CALLER)
    asked = asyncio.create_task(child.sentence("a very long sentence " * 10, ESPEAK_CALLER))
    await asyncio.sleep(0.001)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert alike((await child.sentence("one two", ESPEAK_CALLER))[0], plain)


async def test_many_sessions_speak_at_once(child: EspeakChild) -> None:
    texts = ["one " * count for count in (5, 1, 3, 2, 4)]
    alone = [(await child.sentence(text, ESPEAK_CALLER))[0] for text in texts]
    together = await asyncio.gather(*(child.sentence(text, ESPEAK_CALLER) for text in texts))
    assert all(alike(pcm, wanted) for (pcm, _), wanted in zip(together, alone, strict=True))


async def test_the_child_ends_with_its_input() -> None:
    file = Path(module.__file__).with_name("espeak_process.py")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-P", str(file), stdin=pipe, stdout=pipe)
    output, _ = await process.communicate(b"")
    assert process.returncode == 0
    assert int.from_bytes(output, "big") == 22_050


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "import time; print('ab', flush=True); time.sleep(0)"])
async def test_a_child_that_does_not_start_is_said(program: str) -> None:
    child = EspeakChild((sys.executable, "-c", program))
    with pytest.raises(EngineError, match="does not start"):
        await child.start()
    await child.close()


async def test_a_closed_voice_does_not_speak(child: EspeakChild) -> None:
    await child.start()
    process = child._process
    await child.close()
    assert process is not None
    assert process.returncode is not None
    with pytest.raises(EngineError, match="closed"):
        await child.sentence("Hello.", ESPEAK_CALLER)


@pytest.mark.skipif("flite" not in module.installed(), reason="flite is not installed")
async def test_flite_speaks() -> None:
    pcm, rate = await module.installed()["flite"].sentence('Hello. --help <b> "x"', FLITE["slt"])
    assert rate == 16_000
    assert 0.5 < len(pcm) / 2 / rate < 5


async def test_programs_that_fail_are_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not start"):
        await Program(str(tmp_path / "flite")).sentence("Hello.", FLITE["slt"])
    for number, script in enumerate(["exit 3", "exit 0"]):
        file = tmp_path / f"flite{number}"
        file.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
        file.chmod(0o755)
        with pytest.raises(EngineError, match=["exit code 3", "no audio"][number]):
            await Program(str(file)).sentence("Hello.", FLITE["slt"])


async def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.05)
    file = tmp_path / "flite"
    file.write_text("#!/bin/sh\nexec sleep 60\n")
    file.chmod(0o755)
    with pytest.raises(EngineError, match="did not speak"):
        await Program(str(file)).sentence("Hello.", FLITE["slt"])


def test_where_nothing_can_speak_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.engine.voices.shutil.which", lambda _name: None)
    monkeypatch.setattr("bot.engine.voices.importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EngineError, match=r"install `voicelive-phone\[engine\]`, flite or espeak-ng.*ENGINE=1"):
        module.installed()


async def test_a_test_caller_has_a_voice() -> None:
    speaker = caller_speaker()
    pcm = b"".join([piece async for piece in speaker.speak("Hello there.", "caller")])
    await speaker.close()
    assert len(pcm) > 24_000 // 2
