from __future__ import annotations

import pytest

from bot.errors import SimulatorError
from bot.simulator.addresses import Address, Addresses

PUBLIC = Addresses("http://127.0.0.1:8000", "https://bot.example.com/")
LOCAL = Addresses("http://127.0.0.1:8000/")


def test_own_routes_are_signed_for_the_public_address() -> None:
    assert PUBLIC.of_path("/voice") == Address("https://bot.example.com/voice", "http://127.0.0.1:8000/voice")
    assert LOCAL.of_path("/voice") == Address("http://127.0.0.1:8000/voice", "http://127.0.0.1:8000/voice")


@pytest.mark.parametrize("reference", ["/voice/after", "https://bot.example.com/voice/after#rc=2", "after"])
def test_references_are_resolved_against_the_document_and_lose_their_fragment(reference: str) -> None:
    base = PUBLIC.of_path("/voice/")
    assert PUBLIC.of_reference(reference, base) == Address(
        "https://bot.example.com/voice/after", "http://127.0.0.1:8000/voice/after"
    )


def test_a_stream_is_signed_as_written_and_called_without_its_query() -> None:
    base = PUBLIC.of_path("/voice")
    assert PUBLIC.of_stream("wss://bot.example.com/media?token=1", base) == Address(
        "wss://bot.example.com/media?token=1", "ws://127.0.0.1:8000/media"
    )
    assert PUBLIC.of_stream("/media", base).signed == "wss://bot.example.com/media"
    assert LOCAL.of_stream("/media", LOCAL.of_path("/voice")).signed == "ws://127.0.0.1:8000/media"


def test_other_hosts_on_this_machine_may_be_named_and_no_others() -> None:
    base = LOCAL.of_path("/voice")
    assert LOCAL.of_stream("ws://localhost:9000/media", base).called == "ws://localhost:9000/media"
    for reference in ("https://example.com/voice", "//example.com/voice", "file:///etc/passwd"):
        with pytest.raises(SimulatorError):
            LOCAL.of_reference(reference, base)


def test_remote_bots_can_be_allowed() -> None:
    remote = Addresses("https://bot.example.com", allow_remote=True)
    assert remote.of_stream("/media", remote.of_path("/voice")).called == "wss://bot.example.com/media"


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "http://[::1"]
)
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(SimulatorError, match="should be an address such as"):
        Addresses(url)
