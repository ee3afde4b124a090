from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from bot.simulator.playout import LONGEST_QUEUE, RATE, PlayOut
from tests.simulator_bot import tone


class OneSampleAtATime:
    """Twilio's buffer as one would draw it: a queue of bytes and marks, of which one byte is played each tick."""

    def __init__(self) -> None:
        self.queue: deque[int | str] = deque()
        self.heard = bytearray()
        self.back: list[tuple[int, str]] = []

    def tick(self) -> None:
        self._return_marks()
        first = self.queue.popleft() if self.queue else 0xFF
        assert isinstance(first, int)
        self.heard.append(first)
        self._return_marks()

    def clear(self) -> None:
        now = len(self.heard)
        self.back += [(now, thing) for thing in self.queue if isinstance(thing, str)]
        self.queue.clear()

    def _return_marks(self) -> None:
        while self.queue and isinstance(self.queue[0], str):
            self.back.append((len(self.heard), str(self.queue.popleft())))


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("media"), st.binary(max_size=60)),
        st.tuples(st.just("mark"), st.text("abc", min_size=1, max_size=2)),
        st.tuples(st.just("clear"), st.none()),
        st.tuples(st.just("pass"), st.integers(1, 80)),
    ),
    max_size=40,
)


@given(_steps)
def test_what_is_heard_and_when_marks_come_back_is_as_if_each_sample_were_played_in_turn(
    steps: list[tuple[str, bytes | str | int | None]],
) -> None:
    model, playout, began = OneSampleAtATime(), PlayOut(1000.0), 1000.0
    back: list[tuple[int, str]] = []

    def now() -> float:
        return began + len(model.heard) / RATE

    def collect() -> None:
        back.extend((len(model.heard), name) for name in playout.due(now()))

    for what, value in steps:
        if isinstance(value, bytes):
            model.queue.extend(value)
            playout.receive(value, now())
        elif isinstance(value, str):
            model.queue.append(value)
            model._return_marks()
            playout.mark(value)
        elif what == "clear":
            model.clear()
            back.extend((len(model.heard), name) for name in playout.clear(now()))
        elif isinstance(value, int):
            for _ in range(value):
                model.tick()
                collect()
        collect()
    assert playout.heard(now()) == bytes(model.heard)
    assert back == model.back
    assert playout.playing(now()) == any(isinstance(thing, int) for thing in model.queue)


@given(_steps, st.integers(0, 300), st.integers(0, 300))
def test_played_never_exceeds_what_was_received_and_parts_add_up(
    steps: list[tuple[str, bytes | str | int | None]], cut: int, later: int
) -> None:
    playout, now = PlayOut(0.0), 0.0
    for what, value in steps:
        if isinstance(value, bytes):
            playout.receive(value, now)
        elif what == "clear":
            before = playout.played(now)
            playout.clear(now)
            assert playout.played(now) == before
        elif isinstance(value, int):
            now += value / RATE
    now += later / RATE
    assert 0 <= playout.played(now) <= playout.received
    assert playout.played(now, 0, cut) + playout.played(now, cut) == playout.played(now)


def test_a_mark_on_an_empty_buffer_comes_back_at_once() -> None:
    playout = PlayOut(5.0)
    playout.mark("now")
    assert playout.due(5.0) == ["now"]


def test_a_clear_knows_how_much_was_really_heard_of_what_was_sent_since() -> None:
    playout = PlayOut(0.0)
    playout.receive(tone(1.0), 0.0)
    playout.receive(tone(1.0), 0.1)
    playout.mark("end")
    assert playout.clear(1.25) == ["end"]
    cleared = playout.cleared[-1]
    assert (cleared.received, cleared.played, cleared.dropped) == (16000, 10000, 6000)
    assert playout.played_ms(9.0, first=8000) == 250.0
    assert not playout.playing(1.25)


def test_more_than_ten_minutes_are_thrown_away() -> None:
    playout = PlayOut(0.0)
    assert playout.receive(b"\0" * LONGEST_QUEUE, 0.0)
    assert not playout.receive(b"\0", 0.0)
    assert playout.receive(b"\0", 1.0)
    assert playout.received == LONGEST_QUEUE + 1


def test_an_answer_is_the_first_sound_of_what_came_later_not_the_rest_of_what_was_playing() -> None:
    playout = PlayOut(0.0)
    playout.receive(tone(2.0), 0.0)
    playout.receive(b"\xff" * 800 + tone(1.0), 1.5)
    assert playout.first_sound(1.0, 2.05) is None  # still its leading silence
    assert playout.first_sound(1.0, 2.2) == 2.1
    assert playout.first_sound(1.6, 3.0) is None


def test_a_short_hole_does_not_end_a_stretch_of_speech() -> None:
    playout = PlayOut(0.0)
    playout.receive(tone(1.0), 0.0)
    playout.receive(tone(1.0), 1.2)
    assert playout.playing_for(1.5) == 1.5
    playout.receive(tone(1.0), 3.0)
    assert playout.playing_for(3.5) == 0.5
