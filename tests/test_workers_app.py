"""What a worker's application does otherwise than one that is alone."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter
from quart import Quart

from tests.webhooks_stand_ins import (
    ACCOUNT,
    CALL,
    LOOPBACK,
    PUBLIC,
    TOKEN,
    VOICE_FORM,
    FakeSwitchboard,
    settings,
    signed,
)
from webhooks.app import create_app
from webhooks.tokens import BadToken, StreamTokens
from webhooks.workers.worker import share

HOST = {"Host": "127.0.0.1:8000"}


class Beside:
    """The other workers."""

    def __init__(self, *, take: bool = False) -> None:
        self.take = take

    async def figures(self, registry: CollectorRegistry) -> CollectorRegistry:
        everybody = CollectorRegistry()
        Counter("everybody", "Of all.", registry=everybody)
        return everybody


def app_of(switchboard: FakeSwitchboard, tag: str = "/w/1", *, take: bool = False, **overrides: object) -> Quart:
    chosen = settings(**overrides)
    return create_app(chosen, switchboard, registry=CollectorRegistry(), tag=tag, others=Beside(take=take))


async def asked(app: Quart, path: str, method: str = "POST", **how: object) -> tuple[int, str, str]:
    """Status, body, and what becomes of the connection."""
    answer = await app.test_client().open(path, method=method, scope_base=LOOPBACK, headers=HOST, **how)  # type: ignore[arg-type]
    return answer.status_code, await answer.get_data(as_text=True), answer.headers.get("Connection", "")


async def test_a_call_gets_the_workers_own_addresses() -> None:
    status, document, connection = await asked(app_of(FakeSwitchboard()), "/voice", form=VOICE_FORM)
    assert status == 200
    for address in ("ws://127.0.0.1:8000/w/1/media", "http://127.0.0.1:8000/w/1/voice/after"):
        assert address in document
    assert connection == "close"


@pytest.mark.parametrize("path", ["/w/1/voice/after", "/w/0/voice/after", "/voice/after"])
async def test_it_answers_under_every_workers_address_in_case_that_one_is_gone(path: str) -> None:
    switchboard = FakeSwitchboard()
    status, document, _ = await asked(app_of(switchboard), path, form=VOICE_FORM)
    assert status == 200
    assert "/w/1/media" in document, "the caller goes on here"


@pytest.mark.parametrize("path", ["/w/1/calls/options", "/w/1/health", "/w/1/", "/w/1/sign-in"])
async def test_but_only_to_what_twilio_is_given(path: str) -> None:
    assert (await asked(app_of(FakeSwitchboard()), path, "GET"))[0] == 404


async def test_alone_there_are_no_such_addresses_and_connections_stay() -> None:
    app = create_app(settings(), FakeSwitchboard(), registry=CollectorRegistry())
    assert (await asked(app, "/w/1/voice/after", form=VOICE_FORM))[0] == 404
    status, document, connection = await asked(app, "/voice", form=VOICE_FORM)
    assert (status, connection) == (200, "")
    assert "/w/" not in document


@pytest.mark.parametrize("requested", ["/bot/w/1/voice/after?again=1", "/w/1/voice/after?again=1"])
async def test_what_is_signed_is_the_address_as_twilio_has_it(requested: str) -> None:
    app = app_of(FakeSwitchboard(), twilio_auth_token=TOKEN, public_url=PUBLIC + "/bot", twilio_account_sid=ACCOUNT)
    for url, status in ((PUBLIC + "/bot/w/1/voice/after?again=1", 200), (PUBLIC + "/bot/voice/after?again=1", 403)):
        headers = signed(url, VOICE_FORM)
        answer = await app.test_client().post(requested, form=VOICE_FORM, headers=headers)
        assert answer.status_code == status


async def test_the_house_is_ready_while_anybody_is() -> None:
    switchboard = FakeSwitchboard()
    switchboard.ready, switchboard.full = False, True
    assert (await asked(app_of(switchboard, take=False), "/ready", "GET"))[0] == 503
    assert (await asked(app_of(switchboard, take=True), "/ready", "GET"))[0] == 200


async def test_the_metrics_are_everybodys() -> None:
    _, text, _ = await asked(app_of(FakeSwitchboard()), "/metrics", "GET")
    assert "everybody_total 0.0" in text


def test_a_token_opens_one_stream_with_one_worker() -> None:
    one, other = StreamTokens([TOKEN], place="/w/0"), StreamTokens([TOKEN], place="/w/1")
    token = one.issue(CALL)
    with pytest.raises(BadToken) as refused:
        other.redeem(token, CALL)
    assert refused.value.kind == "forged"
    one.redeem(token, CALL)


@pytest.mark.parametrize(("calls", "workers", "each"), [(50, 4, 13), (50, 1, 50), (8, 4, 2), (1, 4, 1)])
def test_the_calls_at_once_are_shared_out(calls: int, workers: int, each: int) -> None:
    assert share(calls, workers) == each
