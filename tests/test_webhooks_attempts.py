from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.attempts import EACH, TOTAL, Attempts, Pace, peer_key


def tries(desk: Attempts, peer: str, now: float, times: int) -> int:
    return sum(desk.take(peer, now) == 0 for _ in range(times))


def test_a_peer_has_so_many_tries_and_then_one_more_each_while() -> None:
    desk = Attempts(Pace(3, 10.0), TOTAL)
    assert tries(desk, "a", 0.0, 10) == 3
    assert desk.take("a", 0.0) == pytest.approx(10.0)
    assert tries(desk, "a", 9.9, 10) == 0
    assert tries(desk, "a", 10.0, 10) == 1
    assert tries(desk, "a", 1000.0, 10) == 3


def test_the_wait_that_is_named_is_enough_and_no_longer_than_needed() -> None:
    desk = Attempts()
    tries(desk, "a", 5.0, 20)
    wait = desk.take("a", 7.0)
    assert desk.take("a", 7.0 + wait - 0.01) > 0
    assert desk.take("a", 7.0 + wait) == 0


def test_one_peer_does_not_use_up_anothers_tries() -> None:
    desk = Attempts()
    tries(desk, "a", 0.0, 10_000)
    assert desk.take("b", 0.0) == 0


def test_many_peers_together_are_held_back_too() -> None:
    desk = Attempts()
    assert sum(desk.take(f"peer {number}", 0.0) == 0 for number in range(1000)) == TOTAL.at_once


def test_who_knew_the_secret_starts_afresh() -> None:
    desk = Attempts(Pace(2, 10.0), TOTAL)
    tries(desk, "a", 0.0, 2)
    desk.forgive("a")
    assert tries(desk, "a", 0.0, 5) == 2


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 400)), max_size=600))
def test_what_is_remembered_is_bounded_whoever_comes(comers: list[tuple[float, int]]) -> None:
    desk, now = Attempts(), 0.0
    for pause, number in comers:
        now += pause
        desk.take(f"peer {number}", now)
        assert len(desk._rested) <= TOTAL.at_once + EACH.memory / TOTAL.seconds + 1


def test_after_a_while_nobody_is_remembered() -> None:
    desk = Attempts()
    for number in range(40):
        tries(desk, f"peer {number}", 0.0, 2)
    desk.take("last", EACH.memory + 1)
    assert list(desk._rested) == ["last"]


@pytest.mark.parametrize(
    ("forwarded_for", "who"),
    [
        ("", "192.0.2.1"),
        ("198.51.100.7", "198.51.100.7 by 192.0.2.1"),
        ("198.51.100.7:52113", "198.51.100.7 by 192.0.2.1"),  # as App Service writes it
        ("6.6.6.6, 198.51.100.7", "198.51.100.7 by 192.0.2.1"),  # the client's own word is not listened to
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64 by 192.0.2.1"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64 by 192.0.2.1"),
        ("::ffff:198.51.100.7", "198.51.100.7 by 192.0.2.1"),
        ("made up\nby somebody", "unknown by 192.0.2.1"),
    ],
)
def test_a_peer_is_known_by_what_it_cannot_choose(forwarded_for: str, who: str) -> None:
    assert peer_key("192.0.2.1", forwarded_for) == who


@given(st.text(), st.text())
def test_a_peer_always_has_a_short_printable_name(peer: str, forwarded_for: str) -> None:
    key = peer_key(peer, forwarded_for)
    assert key.isprintable()
    assert len(key) < 100
