from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.quiet_hours import QuietHours
from webhooks.dial_rules import Deed, DialRules, RateLimit, deed

NOON = 1_780_308_000.0  # 2026-06-01 10:00 UTC, noon in Berlin


class Clocks:
    def __init__(self) -> None:
        self.now = 0.0
        self.wall = NOON


def rules(clocks: Clocks, prefixes: tuple[str, ...] = ("+49", "+1425"), quiet: str = "", most: int = 2) -> DialRules:
    return DialRules(
        prefixes,
        QuietHours.parse(quiet) if quiet else None,
        most,
        clock=lambda: clocks.now,
        wall_clock=lambda: clocks.wall,
    )


@pytest.mark.parametrize(
    "to",
    [
        "",
        "4255550100",
        "+0425555010",
        "+1425",
        "+1425555010012345",
        "+1 425 555 0100",
        "+14255550100\n",
        "sip:a@b",
        "911",
    ],
)
def test_what_is_no_number_is_refused(to: str) -> None:
    refused = rules(Clocks()).about(to)
    assert refused is not None
    assert (refused.status, refused.how) == (400, "number")


def test_digits_of_another_script_are_no_number() -> None:
    refused = rules(Clocks()).about("+1425555010\u0660")
    assert refused is not None
    assert refused.how == "number"


@pytest.mark.parametrize(("to", "may"), [("+14255550100", True), ("+49301234567", True), ("+14265550100", False)])
def test_only_numbers_that_begin_as_allowed_are_called(to: str, may: bool) -> None:
    refused = rules(Clocks()).about(to)
    assert (refused is None) is may
    assert refused is None or (refused.status, refused.how) == (403, "prefix")


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_without_prefixes_nobody_is_called(to: str) -> None:
    assert rules(Clocks(), ()).about(to) is not None


def test_nobody_is_called_in_quiet_hours() -> None:
    clocks = Clocks()
    these = rules(clocks, quiet="21:00-08:00 Europe/Berlin")
    assert these.hour() is None
    clocks.wall += 9 * 3600
    refused = these.hour()
    assert refused is not None
    assert (refused.status, refused.how) == (403, "quiet")
    assert "21:00 to 08:00 in Europe/Berlin" in refused.body["error"]


def test_too_many_a_minute_are_told_when_to_come_back() -> None:
    clocks = Clocks()
    these = rules(clocks, most=2)
    assert these.pace() is None
    clocks.now = 20.5
    assert these.pace() is None
    refused = these.pace()
    assert refused is not None
    assert (refused.status, refused.how, refused.retry_after) == (429, "rate", 40)
    clocks.now += refused.retry_after
    assert these.pace() is None
    assert these.pace() is not None


@given(st.integers(1, 5), st.lists(st.floats(0, 40, allow_nan=False), max_size=60))
def test_no_minute_ever_holds_more_than_the_most(most: int, gaps: list[float]) -> None:
    limit, now, taken = RateLimit(most), 0.0, []
    for gap in gaps:
        now += gap
        wait = limit.take(now)
        assert 0 <= wait <= 60
        if not wait:
            taken.append(now)
    assert all(late - early >= 60 for early, late in zip(taken, taken[most:], strict=False))


@given(st.integers(1, 5), st.lists(st.floats(0, 40, allow_nan=False), max_size=30))
def test_the_wait_that_is_told_is_enough(most: int, gaps: list[float]) -> None:
    limit, now = RateLimit(most), 0.0
    for gap in gaps:
        now += gap
        if wait := limit.take(now):
            now += wait + 1e-6
            assert not limit.take(now)


@pytest.mark.parametrize(
    ("answered_by", "what"),
    [
        ("human", Deed.NOTHING),
        ("unknown", Deed.NOTHING),
        ("", Deed.NOTHING),
        ("something new", Deed.NOTHING),
        ("machine_start", Deed.MESSAGE),
        ("machine_end_beep", Deed.MESSAGE),
        ("machine_end_silence", Deed.MESSAGE),
        ("machine_end_other", Deed.MESSAGE),
        ("fax", Deed.END),
    ],
)
def test_what_is_done_about_who_answers(answered_by: str, what: Deed) -> None:
    assert deed(answered_by) is what
