from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks_stand_ins import CALL, OLD_TOKEN, TOKEN
from webhooks import tokens
from webhooks.tokens import LIFETIME, BadToken, StreamTokens


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def problem(desk: StreamTokens, token: str, call_id: str = CALL) -> str:
    with pytest.raises(BadToken) as caught:
        desk.redeem(token, call_id)
    return caught.value.kind


def test_a_token_lets_its_call_in_once() -> None:
    desk = StreamTokens([TOKEN], wall_clock=Clock())
    token = desk.issue(CALL)
    desk.redeem(token, CALL)
    assert problem(desk, token) == "reused"


def test_a_token_is_of_no_use_to_another_call_and_not_used_up_by_it() -> None:
    desk = StreamTokens([TOKEN], wall_clock=Clock())
    token = desk.issue(CALL)
    assert problem(desk, token, "CA" + "9" * 32) == "foreign"
    desk.redeem(token, CALL)


def test_a_token_expires_after_a_minute() -> None:
    clock = Clock()
    desk = StreamTokens([TOKEN], wall_clock=clock)
    token = desk.issue(CALL)
    clock.now += LIFETIME + 1
    assert problem(desk, token) == "expired"


def test_a_used_token_is_remembered_for_as_long_as_it_would_be_valid() -> None:
    clock = Clock()
    desk = StreamTokens([TOKEN], wall_clock=clock)
    token = desk.issue(CALL)
    desk.redeem(token, CALL)
    clock.now += LIFETIME - 1
    desk.redeem(desk.issue("CA2"), "CA2")
    assert problem(desk, token) == "reused"


def test_a_repeated_webhook_gives_the_same_token_and_a_new_stream_a_new_one() -> None:
    desk = StreamTokens([TOKEN], wall_clock=Clock())
    token = desk.issue(CALL)
    assert desk.issue(CALL) == token
    desk.redeem(token, CALL)
    second = desk.issue(CALL)
    assert second != token
    desk.redeem(second, CALL)


def test_a_token_about_to_expire_is_not_given_out_again() -> None:
    clock = Clock()
    desk = StreamTokens([TOKEN], wall_clock=clock)
    token = desk.issue(CALL)
    clock.now += LIFETIME / 2 + 1
    assert desk.issue(CALL) != token


@pytest.mark.parametrize("token", ["x", "a.b", "é", "\x00", "." * 200, "W10.x"])
def test_a_made_up_token_is_refused(token: str) -> None:
    assert problem(StreamTokens([TOKEN]), token) == "forged"


def test_a_missing_token_is_refused() -> None:
    assert problem(StreamTokens([TOKEN]), "") == "missing"


def test_a_pages_token_is_good_for_its_own_visitor_only() -> None:
    desk = StreamTokens([TOKEN], wall_clock=Clock())
    token = desk.issue(CALL, bound_to="sign-in:a")
    for other in ("sign-in:b", "loopback", ""):
        with pytest.raises(BadToken, match="visitor"):
            desk.redeem(token, CALL, bound_to=other)
    desk.redeem(token, CALL, bound_to="sign-in:a")
    with pytest.raises(BadToken, match="reused"):
        desk.redeem(token, CALL, bound_to="sign-in:a")


def test_a_page_cannot_use_the_token_that_twilio_was_given() -> None:
    desk = StreamTokens([TOKEN], wall_clock=Clock())
    token = desk.issue(CALL)
    assert desk.issue(CALL, bound_to="loopback") != token
    with pytest.raises(BadToken, match="visitor"):
        desk.redeem(token, CALL, bound_to="loopback")
    desk.redeem(token, CALL)


@given(st.floats(0, 1), st.sampled_from("abcXYZ019-_."))
def test_no_changed_letter_is_overlooked(share: float, letter: str) -> None:
    desk = StreamTokens([TOKEN], wall_clock=Clock())
    token = desk.issue(CALL)  # a new one each time, of a length that varies
    place = int(share * (len(token) - 2))  # the last letter holds bits that mean nothing
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        assert problem(desk, changed) == "forged"


def test_another_instance_with_the_same_twilio_token_takes_it() -> None:
    StreamTokens([TOKEN]).redeem(StreamTokens([TOKEN]).issue(CALL), CALL)


def test_while_tokens_rotate_a_token_of_the_old_key_is_taken() -> None:
    before, after = StreamTokens([OLD_TOKEN]), StreamTokens([TOKEN, OLD_TOKEN])
    after.redeem(before.issue(CALL), CALL)
    StreamTokens([TOKEN]).redeem(after.issue(CALL), CALL)


def test_without_a_twilio_token_each_process_has_its_own_key() -> None:
    assert problem(StreamTokens([]), StreamTokens([]).issue(CALL)) == "forged"


def test_what_is_remembered_is_bounded_and_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 3)
    clock = Clock()
    desk = StreamTokens([TOKEN], wall_clock=clock)
    for number in range(3):
        desk.redeem(desk.issue(f"CA{number}"), f"CA{number}")
    assert problem(desk, desk.issue(CALL)) == "busy"
    clock.now += LIFETIME + 1
    desk.redeem(desk.issue(CALL), CALL)
    for number in range(10):
        desk.issue(f"CB{number}")
    assert len(desk._issued) <= 3
    assert len(desk._redeemed) == 1
