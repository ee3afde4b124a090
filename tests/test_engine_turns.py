"""Turns from probabilities of speech: when they begin, when they end, and what is too short to be one."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.turns import SpeechBegan, SpeechEnded, TurnDetector, TurnSettings

WINDOW = 32.0


def hear(detector: TurnDetector, probabilities: Iterable[float]) -> list[SpeechBegan | SpeechEnded]:
    return [event for p in probabilities if (event := detector.hear(p, WINDOW)) is not None]


def test_a_turn_begins_before_its_first_sound_and_ends_after_the_silence() -> None:
    detector = TurnDetector(TurnSettings(prefix_padding_ms=300, silence_duration_ms=200))
    events = hear(detector, [0.0] * 20 + [1.0] * 30 + [0.0] * 20)
    assert events == [SpeechBegan(20 * WINDOW - 300), SpeechEnded((20 + 30 + 7) * WINDOW)]


def test_padding_does_not_reach_back_before_the_session() -> None:
    assert hear(TurnDetector(TurnSettings()), [1.0] * 4) == [SpeechBegan(0.0)]


def test_a_click_on_the_line_is_no_turn() -> None:
    assert hear(TurnDetector(TurnSettings()), [0.0] * 10 + [1.0] + [0.0] * 30) == []


def test_a_pause_shorter_than_the_silence_does_not_end_a_turn() -> None:
    detector = TurnDetector(TurnSettings(silence_duration_ms=500))
    events = hear(detector, [1.0] * 10 + [0.0] * 10 + [1.0] * 10 + [0.0] * 16)
    assert [type(event) for event in events] == [SpeechBegan, SpeechEnded]


@pytest.mark.parametrize(("threshold", "turns"), [(0.3, 1), (0.8, 0)])
def test_the_threshold_decides_what_is_speech(threshold: float, turns: int) -> None:
    events = hear(TurnDetector(TurnSettings(threshold=threshold)), [0.6] * 20 + [0.0] * 20)
    assert len(events) == 2 * turns


def test_hesitant_speech_just_below_the_threshold_goes_on() -> None:
    detector = TurnDetector(TurnSettings(threshold=0.5, silence_duration_ms=200))
    assert len(hear(detector, [0.9] * 5 + [0.4] * 40)) == 1
    assert len(hear(detector, [0.1] * 10)) == 1


def test_even_without_a_silence_to_wait_for_a_turn_ends_only_in_silence() -> None:
    detector = TurnDetector(TurnSettings(silence_duration_ms=0))
    events = hear(detector, [1.0] * 20 + [0.0])
    assert events == [SpeechBegan(0.0), SpeechEnded(21 * WINDOW)]


def test_endless_speech_is_cut_into_turns() -> None:
    detector = TurnDetector(TurnSettings(), longest_ms=1000)
    kinds = [type(event) for event in hear(detector, [1.0] * 100)]
    assert kinds[:4] == [SpeechBegan, SpeechEnded, SpeechBegan, SpeechEnded]


def test_a_turn_that_was_reset_is_not_ended() -> None:
    detector = TurnDetector(TurnSettings())
    hear(detector, [1.0] * 10)
    detector.reset()
    assert hear(detector, [0.0] * 40) == []


def test_null_settings_take_their_defaults() -> None:
    wire = {"type": "server_vad", "threshold": None, "silence_duration_ms": 700, "auto_truncate": False}
    assert TurnSettings.from_wire(wire) == TurnSettings(silence_duration_ms=700)


@given(
    st.lists(st.floats(0, 1), max_size=300),
    st.floats(0, 1),
    st.floats(0, 400),
    st.floats(0, 600),
)
def test_turns_alternate_and_never_overlap_the_future(
    probabilities: list[float], threshold: float, padding: float, silence: float
) -> None:
    settings = TurnSettings(threshold, padding, silence)
    detector = TurnDetector(settings, longest_ms=3000)
    speaking = False
    began = 0.0
    for probability in probabilities:
        match detector.hear(probability, WINDOW):
            case SpeechBegan(start):
                assert not speaking
                assert 0 <= start <= detector.heard_ms - WINDOW
                speaking, began = True, start
            case SpeechEnded(end):
                assert speaking
                assert began < end == detector.heard_ms
                speaking = False
        assert detector.speaking == speaking
