import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.call.commands import Clear, Mark, Play
from bot.call.playback import BYTES_PER_SECOND, MARK_EVERY, Playback
from tests.far_end import FarEnd


def silence(seconds: float) -> bytes:
    return bytes(round(seconds * BYTES_PER_SECOND / 2) * 2)


def marks(commands: list[Play | Mark]) -> list[str]:
    return [command.name for command in commands if isinstance(command, Mark)]


def test_a_mark_goes_ahead_of_a_reply_and_follows_every_200_ms() -> None:
    commands = Playback().add("item", 0, silence(0.5), 0.0)
    kinds = [type(command) for command in commands]
    assert kinds == [Mark, Play, Mark, Play, Mark, Play]
    lengths = [len(command.pcm) / BYTES_PER_SECOND for command in commands if isinstance(command, Play)]
    assert lengths == pytest.approx([0.2, 0.2, 0.1])


def test_marks_keep_their_distance_across_deltas() -> None:
    playback = Playback()
    playback.add("item", 0, silence(0.3), 0.0)
    commands = playback.add("item", 0, silence(0.3), 0.0)
    assert [len(command.pcm) for command in commands if isinstance(command, Play)] == [4800, 9600]
    assert len(marks(commands)) == 2


def test_the_end_of_an_item_gets_a_mark_of_its_own_once() -> None:
    playback = Playback()
    playback.add("item", 0, silence(0.3), 0.0)
    assert len(playback.finish("item")) == 1
    assert playback.finish("item") == []


def test_a_mark_names_generation_item_and_offset() -> None:
    playback = Playback()
    name = marks(playback.add("item_a", 0, silence(0.2), 0.0))[-1]
    generation, _, item, offset = name.split(":")
    assert (generation, item, offset) == ("0", "item_a", "200")


def test_an_item_heard_to_its_end_is_reported_once() -> None:
    playback = Playback()
    playback.add("item", 0, silence(0.3), 0.0)
    [last] = marks(list(playback.finish("item")))
    playback.played(last, 0.4)
    assert playback.heard_out() == ["item"]
    assert playback.heard_out() == []
    assert not playback.busy


def test_a_reply_cut_at_once_was_not_heard() -> None:
    playback = Playback()
    playback.add("item", 0, silence(1), 0.0)
    [cut] = playback.cut(0.0)
    assert cut.heard == 0
    assert cut.sent == pytest.approx(1)


def test_a_mark_that_a_clear_gave_back_proves_nothing() -> None:
    playback = Playback()
    names = marks(playback.add("first", 0, silence(1), 0.0))
    playback.cut(0.1)
    playback.add("second", 0, silence(1), 0.2)
    for name in names:
        playback.played(name, 0.25)
    [cut] = playback.cut(0.3)
    assert cut.item_id == "second"
    assert cut.heard == pytest.approx(0.1, abs=0.01)


def test_playback_is_not_believed_past_an_overdue_mark() -> None:
    playback = Playback()
    first, *_ = marks(playback.add("item", 0, silence(2), 0.0))
    playback.played(first, 0.1)
    [cut] = playback.cut(1.5)  # by the clock 1.5 s were played, but the mark at 200 ms never came back
    assert cut.heard == pytest.approx(0.2)


def test_marks_that_never_come_back_are_given_up_in_the_end() -> None:
    playback = Playback()
    playback.add("item", 0, silence(1), 0.0)
    playback.finish("item")
    assert not playback.expire(2.9)
    assert playback.expire(3.2)
    assert not playback.expire(3.3)
    assert not playback.busy


def test_what_was_stalled_and_given_up_can_still_be_cut() -> None:
    playback = Playback()
    playback.add("item", 0, silence(1), 0.0)
    playback.finish("item")
    playback.expire(10.0)
    assert playback.unconfirmed
    [cut] = playback.cut(10.0)
    assert cut.heard < 0.3


def test_a_reply_that_stalls_gets_a_mark_for_its_tail() -> None:
    playback = Playback()
    playback.add("item", 0, silence(0.3), 0.0)
    assert playback.mark_tail(0.2) == []
    [mark] = playback.mark_tail(0.31)
    assert playback.mark_tail(0.4) == []
    playback.played(mark.name, 0.4)
    assert not playback.busy


def test_a_complete_item_heard_to_its_end_by_the_clock_is_not_cut() -> None:
    playback = Playback()
    ahead, _ = marks(playback.add("item", 0, silence(0.2), 0.0))
    playback.finish("item")
    playback.played(ahead, 0.1)
    assert playback.cut(0.21) == []
    assert playback.heard_out() == ["item"]


def test_items_of_a_lost_session_are_cut_as_orphans() -> None:
    playback = Playback()
    playback.add("item", 0, silence(1), 0.0)
    playback.disown()
    [cut] = playback.cut(0.5)
    assert cut.orphan


def test_the_round_trip_is_learnt_and_a_stall_does_not_stretch_it() -> None:
    playback = Playback()
    playback.played(playback.ping(0.0).name, 0.16)
    assert playback.round_trip == pytest.approx(0.16)
    playback.played(playback.ping(1.0).name, 2.0)
    assert playback.round_trip == pytest.approx(0.16)


DELTAS = st.lists(
    st.tuples(
        st.floats(0, 1.5),  # pause before it
        st.integers(1, 600),  # milliseconds of audio
        st.booleans(),  # begins a new item
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=300)
@given(
    deltas=DELTAS,
    barge_in=st.floats(0.01, 8),
    delay=st.floats(0, 0.25),
    jitter=st.floats(0, 0.1),
    stall=st.one_of(st.none(), st.tuples(st.floats(0, 4), st.floats(0, 2))),
    rng=st.randoms(use_true_random=False),
)
def test_what_it_claims_was_heard_is_right_to_a_mark_and_a_round_trip(
    deltas: list[tuple[float, int, bool]],
    barge_in: float,
    delay: float,
    jitter: float,
    stall: tuple[float, float] | None,
    rng: random.Random,
) -> None:
    playback, far_end = Playback(), FarEnd(rng, delay=delay, jitter=jitter)
    if stall is not None:
        far_end.stall(*stall)
    far_end.take([playback.ping(0.0)], 0.0)
    now, item = 0.3, 0
    sent: dict[str, float] = {}
    barge_in += now

    def marks_until(moment: float) -> None:
        for at, name in far_end.returned(moment):
            playback.played(name, at)

    for pause, milliseconds, new_item in deltas:
        now += pause
        if now >= barge_in:
            break
        marks_until(now)
        if new_item and sent:
            far_end.take(playback.finish(f"item{item}"), now)
            item += 1
        pcm = silence(milliseconds / 1000)
        sent[f"item{item}"] = sent.get(f"item{item}", 0.0) + len(pcm) / BYTES_PER_SECOND
        far_end.take(playback.add(f"item{item}", 0, pcm, now), now)

    marks_until(barge_in)
    cuts = {cut.item_id: cut for cut in playback.cut(barge_in)}
    far_end.take([Clear()], barge_in)

    for item_id, cut in cuts.items():
        assert 0 <= cut.heard <= cut.sent == pytest.approx(sent[item_id])
    claimed = sum(cuts[item_id].heard if item_id in cuts else length for item_id, length in sent.items())
    assert abs(claimed - far_end.heard()) <= MARK_EVERY + far_end.slowest + 0.001

    # After the clear nothing stale counts.
    for at, name in far_end.returned(barge_in + 60):
        playback.played(name, at)
    assert playback.heard_out() is not None
    assert not playback.busy
    assert playback.cut(barge_in + 60) == []


def test_truncation_is_within_100_ms_for_99_of_100_callers_far_away() -> None:
    """60 ms delay and 30 ms jitter each way, and a reply that stalls for 1.2 s half a second in."""
    rng = random.Random(1)  # noqa: S311 - a repeatable schedule, not a secret
    errors = []
    for _ in range(1000):
        playback, far_end = Playback(), FarEnd(rng, delay=0.06, jitter=0.03)
        far_end.take([playback.ping(0.0)], 0.0)
        barge_in = rng.uniform(1.0, 7.0)
        schedule = [(1.0, 0.2), (1.0, 0.3), *((2.7, 0.5) for _ in range(9))]
        for at, length in schedule:
            if at >= barge_in:
                break
            for when, name in far_end.returned(at):
                playback.played(name, when)
            far_end.take(playback.add("item", 0, silence(length), at), at)
        for when, name in far_end.returned(barge_in):
            playback.played(name, when)
        claimed = sum(cut.heard for cut in playback.cut(barge_in))
        far_end.take([Clear()], barge_in)
        errors.append(abs(claimed - far_end.heard()))
    assert sorted(errors)[989] <= 0.1, sorted(errors)[-20:]
