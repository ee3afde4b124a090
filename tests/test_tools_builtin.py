from __future__ import annotations

import json

import pytest

from bot.call.parting import BUILT_IN, END_CALL, SEND_DIGITS, TRANSFER_CALL
from bot.tools.builtin import built_in_definition

TARGETS = {"sales": "orders and prices", "workshop": ""}


def test_end_call_has_an_optional_goodbye() -> None:
    definition = built_in_definition(END_CALL, {})
    assert definition is not None
    assert definition.parameters["properties"]["goodbye"]["type"] == "string"
    assert "required" not in definition.parameters


def test_transfer_call_offers_the_personas_targets_and_no_other() -> None:
    definition = built_in_definition(TRANSFER_CALL, TARGETS)
    assert definition is not None
    target = definition.parameters["properties"]["target"]
    assert target["enum"] == ["sales", "workshop"]
    assert "sales: orders and prices; workshop" in target["description"]
    assert definition.parameters["required"] == ["target"]
    assert "summary" in definition.parameters["properties"]


def test_one_personas_targets_do_not_stay_for_the_next() -> None:
    built_in_definition(TRANSFER_CALL, TARGETS)
    definition = built_in_definition(TRANSFER_CALL, {"home": ""})
    assert definition is not None
    assert definition.parameters["properties"]["target"]["enum"] == ["home"]


def test_with_nobody_to_transfer_to_there_is_no_transfer_call() -> None:
    assert built_in_definition(TRANSFER_CALL, {}) is None


def test_send_digits_says_which_keys_there_are() -> None:
    definition = built_in_definition(SEND_DIGITS, {})
    assert definition is not None
    assert definition.parameters["properties"]["digits"]["pattern"] == "^[0-9*#w]{1,32}$"
    assert definition.parameters["required"] == ["digits"]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_definition_is_json(name: str) -> None:
    definition = built_in_definition(name, TARGETS)
    assert definition is not None
    assert definition.description
    json.dumps(definition.parameters)
