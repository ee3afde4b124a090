from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.masking import mask


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+14255550123", "***23"),
        ("tel:+14255550123", "***23"),
        ("911", "***"),
        ("sip:alice@acme.sip.twilio.com;transport=tls", "sip:***@acme.sip.twilio.com"),
        ("sips:+14255550123@[::1]:5061", "sips:***@[::1]:5061"),
        ("client:alice", "client:***"),
        ("anonymous", "***"),
        ("", ""),
    ],
)
def test_a_number_is_hidden_but_for_what_tells_callers_apart(number: str, shown: str) -> None:
    assert mask(number) == shown


@given(st.from_regex(r"\+[1-9]\d{6,14}", fullmatch=True))
def test_no_number_shows_more_than_two_digits(number: str) -> None:
    assert sum(letter.isdigit() for letter in mask(number)) == 2
