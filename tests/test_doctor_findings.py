from __future__ import annotations

import pytest

from webhooks.doctor.findings import Finding, Group, HeardFrom, Notes, Status, Verdict, verdict


def found(group: Group, status: Status) -> Finding:
    return Finding(group, "it", status, "how it is", "what to do")


@pytest.mark.parametrize("status", [Status.WARN, Status.FAIL])
def test_nothing_is_wrong_without_a_next_step(status: Status) -> None:
    with pytest.raises(ValueError, match="not what to do"):
        Finding(Group.CALL, "heard", status, "it is wrong")


def test_only_a_call_that_was_heard_says_that_calls_work() -> None:
    well = [found(group, Status.OK) for group in Group]
    assert verdict(well, HeardFrom.NOBODY) is Verdict.UNKNOWN
    assert verdict(well, HeardFrom.OWN) is Verdict.WORKS
    assert verdict(well, HeardFrom.RUNNING) is Verdict.WORKS


def test_warnings_do_not_decide() -> None:
    assert verdict([found(Group.TWILIO, Status.WARN)], HeardFrom.RUNNING) is Verdict.WORKS


@pytest.mark.parametrize("group", [Group.SETTINGS, Group.TWILIO, Group.ADDRESS, Group.CALL])
@pytest.mark.parametrize("heard", HeardFrom)
def test_what_keeps_twilio_from_the_bot_decides_whoever_was_heard(group: Group, heard: HeardFrom) -> None:
    assert verdict([found(group, Status.FAIL)], heard) is Verdict.FAILS


@pytest.mark.parametrize("group", [Group.MACHINE, Group.SERVER, Group.VOICE_LIVE, Group.CLOCK])
def test_what_is_wrong_here_does_not_count_where_a_running_bot_was_heard(group: Group) -> None:
    failing = [found(group, Status.FAIL)]
    assert verdict(failing, HeardFrom.RUNNING) is Verdict.WORKS
    assert verdict(failing, HeardFrom.OWN) is Verdict.FAILS
    assert verdict(failing, HeardFrom.NOBODY) is Verdict.FAILS


def test_exit_codes_are_those_of_the_documentation() -> None:
    assert {each: each.exit_code for each in Verdict} == {
        Verdict.WORKS: 0,
        Verdict.FAILS: 1,
        Verdict.UNKNOWN: 2,
    }


def test_notes_belong_to_their_group() -> None:
    notes = Notes(Group.CLOCK)
    notes.ok("skew", "fine")
    notes.skip("other", "not asked")
    assert [(each.group, each.status) for each in notes.found] == [
        (Group.CLOCK, Status.OK),
        (Group.CLOCK, Status.SKIP),
    ]
