import random

import audioop

from bot.call.hearing import LineLevel
from tests.calls import FRAME, LOUD_FRAME


def test_a_caller_who_speaks_is_loud_and_stops() -> None:
    line = LineLevel()
    line.hear(LOUD_FRAME, 10.0)
    assert not line.quiet(9.0, 11.7)
    assert line.quiet(9.0, 12.0)


def test_quiet_is_counted_from_when_it_matters() -> None:
    line = LineLevel()
    assert not line.quiet(100.0, 101.0)
    assert line.quiet(100.0, 102.0)


def test_a_caller_nobody_noticed_is_told_once_until_somebody_does() -> None:
    line = LineLevel()

    def speaks(now: float) -> None:
        for frame in range(60):
            line.hear(LOUD_FRAME, now + frame / 50)

    speaks(0.0)
    assert not line.unnoticed(2.0)
    assert line.unnoticed(4.0)
    assert not line.unnoticed(4.1)
    speaks(5.0)
    assert not line.unnoticed(10.0)
    line.noticed()
    speaks(11.0)
    assert line.unnoticed(20.0)


def test_a_line_at_rest_and_a_click_are_nobody() -> None:
    line = LineLevel()
    rng = random.Random(1)  # noqa: S311 - repeatable noise
    for frame in range(500):
        hiss = b"".join(rng.randint(-50, 50).to_bytes(2, "little", signed=True) for _ in range(480))
        assert audioop.rms(hiss, 2) < 100
        line.hear(hiss if frame % 100 else LOUD_FRAME, frame / 50)
    line.hear(FRAME, 10.0)
    assert not line.unnoticed(20.0)
