from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.quiet_hours import QuietHours

MINUTES = st.integers(0, 24 * 60 - 1)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"])
MOMENTS = st.integers(0, 4_000_000_000)


def at(minute: int) -> time:
    return time(minute // 60, minute % 60)


def hours(start: int, end: int, zone: str) -> QuietHours:
    return QuietHours.parse(f"{at(start):%H:%M}-{at(end):%H:%M} {zone}")


@pytest.mark.parametrize(
    ("local", "quiet"),
    [
        ("2026-06-01T20:59:59", False),
        ("2026-06-01T21:00:00", True),
        ("2026-06-01T23:59:59", True),
        ("2026-06-02T00:00:00", True),
        ("2026-06-02T07:59:59", True),
        ("2026-06-02T08:00:00", False),
        ("2026-12-01T20:59:59", False),  # by the clocks of winter
        ("2026-12-01T21:00:00", True),
    ],
)
def test_a_night_is_quiet_by_the_clocks_of_its_zone(local: str, quiet: bool) -> None:
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert QuietHours.parse("21:00-08:00 Europe/Berlin").include(moment) is quiet


@given(MINUTES, MINUTES, ZONES, MOMENTS)
def test_it_is_quiet_in_exactly_the_minutes_from_start_to_end(start: int, end: int, zone: str, moment: int) -> None:
    if start == end:
        return
    local = datetime.fromtimestamp(moment, ZoneInfo(zone))
    past_start = (local.hour * 60 + local.minute - start) % 1440
    assert hours(start, end, zone).include(moment) is (past_start < (end - start) % 1440)


@given(MINUTES, MINUTES, ZONES, MOMENTS)
def test_a_time_is_either_in_the_hours_or_in_those_the_other_way_round(
    start: int, end: int, zone: str, moment: int
) -> None:
    if start != end:
        assert hours(start, end, zone).include(moment) is not hours(end, start, zone).include(moment)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])  # the clocks are changed at 2 and at 3 in the night
def test_a_night_in_which_the_clocks_change_is_quiet_without_a_gap(day: str) -> None:
    quiet = QuietHours.parse("21:00-08:00 Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")
    morning = datetime.fromisoformat(f"{day}T08:00:00").replace(tzinfo=berlin)
    begin = (datetime.fromisoformat(f"{day}T21:00:00") - timedelta(days=1)).replace(tzinfo=berlin).astimezone(UTC)
    while begin < morning:
        assert quiet.include(begin.timestamp())
        begin += timedelta(minutes=1)
    assert not quiet.include(morning.timestamp())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("21-8 Europe/Berlin", "21:00-08:00"),
        ("21:00-08:00", "time zone"),
        ("21:00-24:00 UTC", "23:59"),
        ("21:60-08:00 UTC", "23:59"),
        ("21:00-21:00 UTC", "different"),
        ("21:00-08:00 Europe/Berlim", "time zone"),
        ("21:00-08:00 Europe", "time zone"),
        ("21:00-08:00 ../etc", "time zone"),
        ("\u0662\u0661:\u0660\u0660-08:00 UTC", "21:00-08:00"),
    ],
)
def test_what_cannot_be_read_says_what_it_should_be(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        QuietHours.parse(text)


def test_they_are_said_as_a_person_would() -> None:
    assert str(QuietHours.parse(" 21:00-08:00  Europe/Berlin ")) == "21:00 to 08:00 in Europe/Berlin"
