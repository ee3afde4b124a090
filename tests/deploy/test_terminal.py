"""On a terminal: the menu, questions, and what is typed without being seen."""

from __future__ import annotations

import pytest

from tests.deploy.harness import SID, TOKEN, Cloud

LAST = "What shall it be?"


def test_the_menu_deploys_everything_and_asks_for_twilio_without_showing_the_token(cloud: Cloud) -> None:
    cloud.secrets.append(TOKEN)
    done = cloud.type(
        answers=[
            (LAST, "1"),
            ("Twilio Account SID:", SID),
            ("Twilio Auth Token (not shown):", TOKEN),
            ("Go on?", "y"),
        ]
    )
    assert done.code == 0, done.text
    assert cloud.state["vault"]["twilio-auth-token"] == TOKEN
    assert cloud.state["settings"]["TWILIO_ACCOUNT_SID"] == SID
    assert done.steps()[-1] == "restart"


def test_twilio_can_be_left_for_later(cloud: Cloud) -> None:
    done = cloud.type("full", answers=[("Twilio Account SID:", ""), ("Go on?", "y")])
    assert done.code == 0, done.text
    assert "twilio-auth-token" not in cloud.state["vault"]


@pytest.mark.parametrize("reply", ["", "n", "nein"])
def test_anything_but_yes_makes_nothing(cloud: Cloud, reply: str) -> None:
    cloud.twilio()
    done = cloud.type("full", answers=[("Go on?", reply)])
    assert done.code == 0
    assert "Nothing was made." in done.out
    assert done.steps() == []


@pytest.mark.parametrize(
    ("choice", "answers", "steps"),
    [
        ("2", [("Go on?", "y")], ["build", "image", "restart"]),
        ("3", [("Go on?", "y")], []),
        ("4", [("Follow the log?", "n")], []),
        ("5", [("Type the resource group's name", "voicelive-phone")], ["down"]),
        ("q", [], []),
    ],
)
def test_each_choice_of_the_menu(cloud: Cloud, choice: str, answers: list[tuple[str, str]], steps: list[str]) -> None:
    cloud.twilio()
    cloud.run("full", "--yes")
    done = cloud.type(answers=[(LAST, choice), *answers])
    assert done.code == 0, done.text
    assert done.steps() == steps


def test_removing_needs_the_group_typed(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.run("full", "--yes")
    done = cloud.type("remove", answers=[("Type the resource group's name", "yes")])
    assert done.code == 1
    assert "Nothing was removed." in done.out
    assert done.steps() == []


def test_a_sid_that_is_none_is_refused_at_once(cloud: Cloud) -> None:
    done = cloud.type("full", answers=[("Twilio Account SID:", "AC12")])
    assert done.code == 2
    assert "should be AC and 32 hexadecimal digits" in done.out
    assert done.steps() == []
