import json

import pytest

from bot.call.commands import Farewell, Outcome
from bot.call.events import ToolCalled
from bot.call.parting import NotPossible, parting
from bot.call.policy import Policy, Target

POLICY = Policy(targets={"sales": Target("+14255550100", seconds=25), "anna": Target("client:anna", warm=True)})


def called(name: str, arguments: object) -> ToolCalled:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCalled("r", "c", name, text)


def test_ending_the_call_has_a_goodbye_even_where_the_model_gives_none() -> None:
    assert parting(called("end_call", {}), POLICY).words == POLICY.phrases.goodbye
    assert parting(called("end_call", {"goodbye": " See  you! "}), POLICY).words == "See you!"
    assert parting(called("end_call", ""), POLICY).words == POLICY.phrases.goodbye


def test_a_goodbye_that_is_no_text_is_replaced() -> None:
    assert parting(called("end_call", {"goodbye": ["x"]}), POLICY).words == POLICY.phrases.goodbye


def test_a_goodbye_as_long_as_a_book_is_cut() -> None:
    assert len(parting(called("end_call", {"goodbye": "word " * 10_000}), POLICY).words) == 300


def test_a_transfer_goes_to_a_target_of_the_persona() -> None:
    wish = parting(called("transfer_call", {"target": "sales", "summary": "Wants a bicycle."}), POLICY)
    assert wish.farewell == Farewell(Outcome.TRANSFER, "+14255550100", 25, words=POLICY.phrases.transferring)
    assert wish.words == POLICY.phrases.transferring


def test_whoever_takes_a_warm_transfer_hears_the_summary() -> None:
    wish = parting(called("transfer_call", {"target": "anna", "summary": "Wants a\nbicycle."}), POLICY)
    assert wish.farewell.summary == "Wants a bicycle."


@pytest.mark.parametrize("target", ["+19005550199", "", "SALES ", "sip:x@evil.example", None, 7, {"to": "+1"}])
def test_a_transfer_goes_nowhere_else(target: object) -> None:
    with pytest.raises(NotPossible, match="sales, anna"):
        parting(called("transfer_call", {"target": target}), POLICY)


def test_a_persona_without_targets_transfers_to_nobody() -> None:
    with pytest.raises(NotPossible, match="nobody"):
        parting(called("transfer_call", {"target": "sales"}), Policy())


@pytest.mark.parametrize(("digits", "pressed"), [("1w2", "1w2"), ("12 34#", "1234#"), ("1W*", "1w*")])
def test_keys_are_pressed(digits: str, pressed: str) -> None:
    assert parting(called("send_digits", {"digits": digits}), POLICY).farewell == Farewell(
        Outcome.DIGITS, digits=pressed
    )


@pytest.mark.parametrize("digits", ["", "12a", "+1", "1" * 33, "١٢", "1</Play>", 12, None])
def test_what_is_no_key_is_not_pressed(digits: object) -> None:
    with pytest.raises(NotPossible, match="Nothing was pressed"):
        parting(called("send_digits", {"digits": digits}), POLICY)


@pytest.mark.parametrize("arguments", ["not json", "[]", "null", '"end"', "[" * 100_000])
@pytest.mark.parametrize("name", ["end_call", "transfer_call", "send_digits"])
def test_arguments_that_are_no_object_are_refused(name: str, arguments: str) -> None:
    with pytest.raises(NotPossible, match="Nothing was done"):
        parting(called(name, arguments), POLICY)


@pytest.mark.parametrize("name", ["transfer_call", "send_digits"])
def test_without_a_telephone_network_there_is_nothing_to_dial_with(name: str) -> None:
    with pytest.raises(NotPossible, match="no telephone network"):
        parting(called(name, {"target": "sales", "digits": "1"}), Policy(targets=POLICY.targets, telephone=False))


@pytest.mark.parametrize("name", ["end_call", "transfer_call", "send_digits"])
def test_what_the_persona_does_not_offer_is_not_done(name: str) -> None:
    with pytest.raises(NotPossible, match="no such function"):
        parting(called(name, {"target": "sales", "digits": "1"}), Policy(targets=POLICY.targets, may=frozenset()))
