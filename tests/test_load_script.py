"""The script's file, and what a caller makes of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.errors import SimulatorError
from bot.load.ear import Ear
from bot.load.record import CallRecord
from bot.load.script import DEFAULT, Interrupt, Listen, Pause, Press, Script, Speak, read
from bot.load.sound import INTERRUPTS, LOUD, SAYS, line_noise, recording, speech, spoken
from bot.load.talker import Talker
from bot.simulator import wav
from tests.simulator_bot import tone, tone_pcm


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "script.toml"
    path.write_text(text)
    return path


def test_every_step_can_be_written(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        repeat = false
        step = [
          { do = "listen", quiet = 1, at_most = 5, once = true },
          { do = "speak", seconds = 2.5 },
          { do = "speak", wav = "hello.wav" },
          { do = "pause", seconds = 1 },
          { do = "interrupt", after = 0.5, seconds = 1, at_most = 3 },
          { do = "press", digits = "12#" },
        ]
        """,
    )
    assert read(path) == Script(
        (
            Listen(quiet=1, at_most=5, once=True),
            Speak(seconds=2.5),
            Speak(wav=str(tmp_path / "hello.wav")),
            Pause(seconds=1),
            Interrupt(after=0.5, seconds=1, at_most=3),
            Press(digits="12#"),
        ),
        repeat=False,
    )


def test_the_documented_script_is_the_default(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "docs" / "load.md").read_text()
    block = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert block
    assert read(written(tmp_path, block[1])) == DEFAULT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing required field"),
        ("step = []", "length >= 1"),
        ('step = [{ do = "dance" }]', "dance"),
        ('step = [{ do = "pause" }]', "missing required field `seconds`"),
        ('step = [{ do = "pause", seconds = -1 }]', ">= 0"),
        ('step = [{ do = "pause", seconds = nan }]', "should be a script"),
        ('step = [{ do = "speak", seconds = "long" }]', "Expected `float`"),
        ('step = [{ do = "speak", secs = 1 }]', "unknown field `secs`"),
        ('step = [{ do = "press", digits = "x" }]', "matching regex"),
        ("step = [", "should be a script as docs/load.md has it"),
        ('step = [{ do = "listen", once = true }]', "not be `once`"),
        ('step = [{ do = "pause", seconds = 0 }]', "should take time"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SimulatorError, match=re.escape(words)) as refused:
        read(written(tmp_path, text))
    assert "\n" not in str(refused.value).strip()


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(SimulatorError, match="cannot be read: No such file"):
        read(Path("/nowhere/script.toml"))


class Phone:
    """A talker with a clock of frames."""

    def __init__(self, *steps: Listen | Speak | Pause | Interrupt | Press, repeat: bool = False) -> None:
        self.record = CallRecord(0, "CA0", 0.0)
        self.ear = Ear(self.record, levels=False)
        self.talker = Talker(Script(steps, repeat), self.ear, self.record, 3)
        self.now = 0.0
        self.loud: list[bool] = []

    def go(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.loud.append(self.talker.next(self.now).level >= LOUD)
            self.now += 0.02

    @property
    def spoke(self) -> list[float]:
        """When the caller began to speak."""
        return [0.02 * n for n, loud in enumerate(self.loud) if loud and not any(self.loud[max(0, n - 15) : n])]


def test_a_caller_listens_until_the_assistant_has_been_quiet() -> None:
    phone = Phone(Listen(quiet=0.5), Speak(seconds=1.0), Pause(seconds=1.0))
    phone.go(1)
    phone.ear.receive(tone(2.0), phone.now)
    phone.go(5)
    assert phone.spoke == pytest.approx([3.5], abs=0.05)
    assert [line.ended for line in phone.record.lines] == pytest.approx([4.5], abs=0.05)
    assert phone.talker.finished


def test_a_caller_who_hears_nothing_goes_on_in_the_end() -> None:
    phone = Phone(Listen(at_most=2.0), Speak(seconds=1.0))
    phone.go(4)
    assert phone.spoke == pytest.approx([2.0], abs=0.05)
    assert phone.record.lines[0].answered is None


def test_silence_that_is_sent_is_no_speech() -> None:
    phone = Phone(Listen(at_most=3.0), Speak(seconds=1.0))
    phone.ear.receive(b"\xff" * 8000 * 30, 0.0)
    phone.go(5)
    assert phone.spoke == pytest.approx([3.0], abs=0.05)
    assert phone.record.first_sound is None


def test_an_interruption_begins_in_the_middle_and_is_measured_to_the_clear_and_to_silence() -> None:
    phone = Phone(Interrupt(after=1.0, seconds=1.0), Pause(seconds=5.0))
    phone.go(0.5)
    phone.ear.receive(tone(10.0), phone.now)
    phone.go(1.1)
    assert phone.spoke == pytest.approx([1.5], abs=0.03)
    cleared = phone.now
    phone.ear.clear(cleared)
    phone.talker.cleared(cleared)
    phone.go(1)
    (barge_in,) = phone.record.barge_ins
    assert barge_in.began == pytest.approx(1.5, abs=0.03)
    assert barge_in.cleared == barge_in.silent == cleared


def test_an_interruption_that_is_not_heeded_lasts_as_long_as_the_sound() -> None:
    phone = Phone(Interrupt(after=1.0, seconds=1.0), Pause(seconds=9.0))
    phone.ear.receive(tone(4.0), 0.0)
    phone.go(6)
    (barge_in,) = phone.record.barge_ins
    assert barge_in.cleared is None
    assert barge_in.silent == pytest.approx(4.0, abs=0.03)


def test_nobody_is_interrupted_who_does_not_speak() -> None:
    phone = Phone(Interrupt(after=1.0, at_most=2.0), Pause(seconds=1.0))
    phone.go(4)
    assert not phone.record.barge_ins
    assert not any(phone.loud)


def test_a_script_repeats_without_what_is_done_once() -> None:
    phone = Phone(Listen(once=True, at_most=1.0), Speak(seconds=1.0), Pause(seconds=1.0), repeat=True)
    phone.go(9)
    assert phone.spoke == pytest.approx([1.0, 3.0, 5.0, 7.0], abs=0.05)
    assert not phone.talker.finished


def test_a_gap_in_a_reply_is_told_from_the_silence_between_two() -> None:
    phone = Phone(Pause(seconds=60))
    for at in (0.0, 1.0, 2.3, 6.0):  # each lasts a second
        phone.ear.receive(tone(1.0), at)
    assert phone.record.gaps == pytest.approx([0.3], abs=0.001)
    phone.ear.clear(6.5)
    phone.ear.receive(tone(1.0), 6.8)
    assert len(phone.record.gaps) == 1


def test_the_default_script_talks_and_interrupts() -> None:
    assert any(isinstance(step, Interrupt) for step in DEFAULT.step)
    assert any(isinstance(step, Speak) for step in DEFAULT.step)
    assert DEFAULT.repeat


def test_made_up_speech_is_loud_from_its_first_frame_and_the_line_is_not() -> None:
    for seed in (SAYS, INTERRUPTS):
        assert spoken(1.5, seed)[0].level >= LOUD
        assert len(spoken(1.5, seed)) == 75
    assert max(frame.level for frame in line_noise()) < 60
    assert speech(1.0) == speech(1.0)


def test_a_recording_is_cut_into_frames(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", tone(0.25))
    cut = recording(str(tmp_path / "a.wav"))
    assert len(cut) == 13
    assert cut[0].level == pytest.approx(8000 / 2**0.5, rel=0.02)
    assert tone_pcm(0.25)
    with pytest.raises(SimulatorError, match="cannot be read"):
        recording(str(tmp_path / "b.wav"))
