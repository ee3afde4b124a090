from __future__ import annotations

from dataclasses import replace
from typing import Any, get_type_hints

from bot.persona import McpServer, Persona
from bot.persona.persona import SETTLED
from bot.persona.template import escape
from bot.settings import Settings, load_settings


def test_where_nothing_is_set_the_persona_has_its_defaults() -> None:
    assert Persona.of(load_settings(env_file=None)) == replace(Persona(), default=True)


def test_the_settings_make_the_default_persona() -> None:
    settings = load_settings(
        {
            "voice_live_instructions": 'Say {"a": 1}.',
            "voice_live_greeting": "",
            "voice_live_voice": "marin",
            "voice_live_vad_silence_ms": 700,
            "max_call_seconds": 60,
        },
        env_file=None,
    )
    persona = Persona.of(settings)
    assert persona.default
    assert persona.instructions == escape('Say {"a": 1}.')
    assert (persona.greeting, persona.voice) == ("", "marin")
    assert (persona.vad_silence_ms, persona.max_call_seconds) == (700, 60)


def test_a_persona_can_set_what_the_settings_can_within_the_same_bounds() -> None:
    hints: dict[str, Any] = get_type_hints(Persona, include_extras=True)
    templates = {"instructions", "greeting", "verbose"}  # the last is about the whole process
    assert {f"voice_live_{name}" for name in {*SETTLED, *templates}} == {
        name for name in Settings.model_fields if name.startswith("voice_live_")
    }
    for name in ("vad_threshold", "vad_prefix_ms", "vad_silence_ms", "max_call_seconds"):
        [bounds] = hints[name].__metadata__
        of_setting = Settings.model_fields[name if name.startswith("max") else f"voice_live_{name}"].metadata
        assert [bound for bound in bounds.metadata if "strict" not in repr(bound).lower()] == of_setting


def test_a_server_of_tools_may_do_nothing_until_the_file_says_so() -> None:
    server = McpServer("orders", "https://tools.example.com/mcp")
    assert not server.approves("find_order")
    assert replace(server, approval="always").approves("find_order")
    some = replace(server, approval=("find_order",))
    assert some.approves("find_order")
    assert not some.approves("cancel_order")
    assert not replace(server, approval="always", allowed_tools=("find_order",)).approves("cancel_order")


def test_headers_come_from_the_environment_alone() -> None:
    server = McpServer("orders", "https://x.example.com", headers={"Authorization": "ORDERS", "X-Other": "MISSING"})
    assert server.filled_headers({"ORDERS": "Bearer s3cret"}) == {"Authorization": "Bearer s3cret"}
    assert "s3cret" not in repr(server)
