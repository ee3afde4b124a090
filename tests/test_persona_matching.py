from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.call.events import CallerFacts
from bot.persona import Persona
from bot.persona.matching import choose, claims, wanted

PERSONAS = (
    Persona("shop", numbers=("+14255550100",)),
    Persona("house", default=True),
    Persona("alice", sip=("alice",)),
    Persona("acme", sip=("alice@acme.sip.twilio.com", "Desk@Acme.sip.twilio.com")),
    Persona("trunk", numbers=("+14255550199",)),
    Persona("anna", clients=("anna",)),
)


@pytest.mark.parametrize(
    ("called", "answers"),
    [
        ("+14255550100", "shop"),
        ("+14255550101", "house"),
        ("", "house"),
        ("sip:alice@other.example.com", "alice"),
        ("sip:alice@acme.sip.twilio.com", "acme"),
        ("sip:alice@acme.sip.twilio.com;transport=tls", "acme"),
        ("sips:ALICE@ACME.SIP.TWILIO.COM:5061;transport=tls?x=y", "acme"),
        ("sip:alice@acme.sip.dublin.twilio.com", "acme"),
        ("sip:alice@acme.sip.us1.twilio.com:5060", "acme"),
        ("sip:alice@evil.example.com;x=acme.sip.twilio.com", "alice"),
        ("sip:desk@acme.sip.twilio.com", "acme"),
        ("sip:desk@other.sip.twilio.com", "house"),
        ('"Alice A." <sip:alice@acme.sip.twilio.com>;tag=1', "acme"),
        ("sip:al%69ce@acme.sip.twilio.com", "acme"),
        ("sip:alice:secret@acme.sip.twilio.com", "acme"),
        ("sip:+14255550199@trunk.sip.twilio.com;user=phone", "trunk"),
        ("sip:+14255550199;npdi@trunk.sip.twilio.com", "trunk"),
        ("sip:alice@[::1]:5060", "alice"),
        ("client:anna", "anna"),
        ("client:Anna", "house"),
        ("sip:", "house"),
        ("tel:+14255550100", "house"),
    ],
)
def test_who_answers_whom_was_called(called: str, answers: str) -> None:
    assert choose(PERSONAS, CallerFacts("CA1", "+14255550123", called)).name == answers


@pytest.mark.parametrize(
    ("caller", "answers"),
    [
        ("sip:alice@acme.sip.twilio.com", "acme"),
        ("client:anna", "anna"),
        ("+14255550100", "house"),
        ("sip:+14255550199@trunk.example.com", "house"),
    ],
)
def test_a_sip_user_and_a_client_choose_by_who_they_are_but_a_number_does_not(caller: str, answers: str) -> None:
    assert choose(PERSONAS, CallerFacts("CA1", caller, "+14255550000")).name == answers


def test_whom_was_called_comes_before_who_calls() -> None:
    assert choose(PERSONAS, CallerFacts("CA1", "client:anna", "+14255550100")).name == "shop"


def test_an_only_persona_answers_everything() -> None:
    assert choose((Persona("one"),), CallerFacts("CA1", "", "+14255550000")).name == "one"


@given(st.text() | st.text(alphabet="sip:<>@;% a.+1"), st.text())
def test_nothing_that_a_caller_sends_is_without_an_answer(called: str, caller: str) -> None:
    assert choose(PERSONAS, CallerFacts("CA1", caller, called)) in PERSONAS


@given(st.text(alphabet="ab%41:;<", max_size=40).map(lambda text: "sip:" * 500 + text))
def test_a_strange_address_is_read_in_no_time(text: str) -> None:
    list(wanted(CallerFacts("CA1", text, text)))


def test_claims_of_one_address_are_equal_however_it_is_written() -> None:
    one, other = Persona(sip=("Alice@acme.sip.twilio.com",)), Persona(sip=("alice@acme.sip.dublin.twilio.com",))
    assert [claim.address for claim in claims(one)] == [claim.address for claim in claims(other)]
