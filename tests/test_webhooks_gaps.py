from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.gaps import Timeline

FRAME = 160  # samples: 20 ms


def placed(*timestamps: int | None, length: int = FRAME) -> list[int | None]:
    line = Timeline()
    return [line.place(timestamp, length) for timestamp in timestamps]


def test_frames_in_order_need_nothing() -> None:
    assert placed(5, 25, 45, 65) == [0, 0, 0, 0]


def test_one_lost_frame_is_filled_with_as_much_silence() -> None:
    assert placed(0, 20, 60, 80) == [0, 0, FRAME, 0]


def test_a_lost_frame_is_noticed_although_the_clock_is_a_little_early() -> None:
    assert placed(0, 20, 59, 79) == [0, 0, FRAME - 8, 0]


@pytest.mark.parametrize("off", [-3, -1, 1, 3])
def test_a_few_milliseconds_of_jitter_are_no_gap(off: int) -> None:
    assert placed(0, 20 + off, 40, 60 - off, 80) == [0] * 5


def test_a_repeated_and_a_late_frame_are_dropped() -> None:
    assert placed(0, 20, 20, 40, 0, 60) == [0, 0, None, 0, None, 0]


def test_at_most_ten_seconds_are_filled_and_the_line_goes_on_from_there() -> None:
    assert placed(0, 60_000, 60_020) == [0, 80_000, 0]


def test_frames_without_a_timestamp_follow_each_other() -> None:
    assert placed(None, None, 40, None, 80) == [0, 0, 0, 0, 0]


def test_a_clock_that_jumps_back_deafens_for_a_second_and_not_for_ever() -> None:
    line = Timeline()
    line.place(600_000, FRAME)
    results = [line.place(20 * n, FRAME) for n in range(60)]
    assert results == [None] * 50 + [0] * 10


def test_a_single_absurd_timestamp_does_not_deafen_for_ever() -> None:
    line = Timeline()
    results = [line.place(20 * n if n != 10 else 900_000_000, FRAME) for n in range(100)]
    assert results[10] == 80_000
    assert results[-1] == 0
    assert results.count(None) == 50


@given(
    st.integers(10, 100),
    st.lists(st.tuples(st.booleans(), st.integers(-2, 2)), min_size=1, max_size=90),
)
def test_whatever_is_lost_the_line_stays_as_long_as_the_call(length_ms: int, frames: list[tuple[bool, int]]) -> None:
    line = Timeline()
    length = 8 * length_ms
    began: int | None = None
    heard = 0
    for number, (lost, jitter) in enumerate(frames):
        if lost:
            continue
        at = number * length_ms
        missing = line.place(at + 2 + jitter, length)
        assert missing is not None
        began = at if began is None else began
        heard += missing + length
        assert abs(heard - 8 * (at + length_ms - began)) <= length / 2 + 8 * 4


@given(st.lists(st.integers(0, 10_000), max_size=60), st.integers(1, 4000))
def test_any_timestamps_give_a_sane_answer(timestamps: list[int], length: int) -> None:
    for missing in placed(*timestamps, length=length):
        assert missing is None or 0 <= missing <= 80_000
