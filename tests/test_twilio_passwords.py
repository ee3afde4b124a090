from __future__ import annotations

import random
import string

import pytest

from webhooks.console.passwords import new_password, problem_of_password, problem_of_user


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("Short1", "12 characters"),
        ("nocapital12345", "a capital letter"),
        ("NOSMALL1234567", "a small letter"),
        ("NoDigitAnywhere", "a digit"),
        ("Pässwort12345678", "plain ASCII"),
        ("Tabbed\t12345678a", "plain ASCII"),
        ("", "12 characters, a digit, a small letter, a capital letter"),
    ],
)
def test_what_is_missing_in_a_password_is_said_without_it(password: str, says: str) -> None:
    problem = problem_of_password(password)
    assert says in problem
    assert not password or password not in problem


def test_twilios_own_example_is_taken() -> None:
    assert problem_of_password("IWasAtSignal2018") == ""


@pytest.mark.parametrize("seed", range(50))
def test_a_new_password_follows_the_rules(seed: int) -> None:
    password = new_password(random.Random(seed).choice)  # noqa: S311 - to be the same each time
    assert problem_of_password(password) == ""
    assert set(password) <= set(string.ascii_letters + string.digits)
    assert len(password) == 20


def test_an_unlucky_password_is_thrown_again() -> None:
    several = iter("a" * 20 + "IWasAtSignal20181234")
    assert new_password(lambda _: next(several)) == "IWasAtSignal20181234"


@pytest.mark.parametrize("user", ["alice", "a", "desk-1.front_office", "1" * 32])
def test_a_users_name_is_taken(user: str) -> None:
    assert problem_of_user(user) == ""


@pytest.mark.parametrize("user", ["", "alice@acme", "a b", "-a", "x" * 33, "ä", "alice\n", "../x"])
def test_a_users_name_that_a_phone_or_file_cannot_have_is_not(user: str) -> None:
    assert problem_of_user(user)
