from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bot.persona import checks


def taken(kind: Any, value: object) -> bool:  # noqa: ANN401 - any annotated type
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (checks.Number, ["+14255550100", "+4930123"], ["4255550100", "+0123456", "+1 425 5550100", "+1425", "", 1]),
        (
            checks.SipName,
            ["alice", "al.ice@acme.sip.twilio.com", "+14255550100"],
            ["sip:alice", "@acme", "a@b@c", ""],
        ),
        (checks.ClientName, ["anna", "anna@example.com"], ["client:anna", "an na", ""]),
        (checks.Name, ["end_call", "a-1"], ["1a", "", "a b", "a.b", "é", "a" * 65]),
        (checks.ModuleName, ["my_tools", "my.tools"], ["my-tools", ".x", "my..tools", "../x"]),
        (checks.VariableName, ["CRM_TOKEN"], ["Bearer abc", "sk-123", "", "crm_token"]),
        (checks.LanguageTag, ["de", "de-DE", "zh-Hans-CN"], ["", "german!", "d", "de_DE"]),
        (checks.Languages, ["", "de-DE", "de-DE,en-US"], ["de-DE,", "de DE"]),
        (
            checks.ZoneName,
            ["UTC", "Europe/Berlin"],
            ["", "Europe", "Europe/Berlni", "../etc/passwd", "/etc/localtime"],
        ),
        (checks.Words, ["marin"], ["", "  "]),
        (checks.Sentence, ["One moment."], ["", "x" * 501]),
        (
            checks.Diallable,
            ["+14255550100", "sip:a@b.example.com", "sips:a@b;transport=tls", "client:anna"],
            ["anna", "client:", "sip:a", "911", "tel:+14255550100", "sip:a@b\n"],
        ),
        (
            checks.ServerAddress,
            ["https://tools.example.com/mcp/", "http://127.0.0.1:9000/mcp", "http://[::1]/mcp"],
            [
                "http://example.com",
                "https://u:p@example.com",
                "https://example.com?key=1",
                "https://",
                "ftp://x",
                "https://[",
                "",
            ],
        ),
        (checks.Approval, ["always", "never", ["find_order"], []], ["sometimes", True, [1]]),
    ],
)
def test_what_a_value_may_be(kind: object, good: list[object], bad: list[object]) -> None:
    assert [value for value in good if not taken(kind, value)] == []
    assert [value for value in bad if taken(kind, value)] == []


def test_a_flag_is_no_word_and_no_number() -> None:
    assert taken(checks.Flag, True)
    assert not taken(checks.Flag, "yes")
    assert not taken(checks.Flag, 1)


@given(st.from_regex(r"sk-[a-z0-9]{20}", fullmatch=True))
def test_no_message_repeats_a_value(secret: str) -> None:
    kinds: list[Any] = [checks.VariableName, checks.Number, checks.Diallable, checks.ServerAddress, checks.Approval]
    for kind in kinds:
        with pytest.raises(ValidationError) as caught:
            TypeAdapter(kind).validate_python(secret)
        assert secret not in caught.value.errors()[0]["msg"]


def test_the_nearest_known_name_is_suggested_whatever_its_case() -> None:
    assert checks.nearest("europe/berlni", ["Europe/Berlin", "Europe/Paris"]) == "; did you mean Europe/Berlin?"
    assert checks.nearest("zzz", ["numbers"]) == ""
