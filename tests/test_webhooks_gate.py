from __future__ import annotations

import logging

import pytest
from prometheus_client import CollectorRegistry

from tests.webhooks_stand_ins import LOOPBACK, VOICE_FORM, FakeSwitchboard, make_app


async def voice_status(headers: dict[str, str], client: object = ("127.0.0.1", 4000)) -> int:
    app = make_app(FakeSwitchboard())
    headers = {"Host": "127.0.0.1:8000"} | headers
    http = app.test_client(use_cookies=False)  # whose jar chokes on an odd Host
    response = await http.post("/voice", form=VOICE_FORM, headers=headers, scope_base={"client": client})
    return int(response.status_code)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:8000"])
async def test_without_a_token_this_machine_may_call(host: str) -> None:
    assert await voice_status({"Host": host}) == 200


@pytest.mark.parametrize("client", [("::1", 1), ("::ffff:127.0.0.1", 1)])
async def test_loopback_has_several_names(client: tuple[str, int]) -> None:
    assert await voice_status({}, client) == 200


@pytest.mark.parametrize("client", [("203.0.113.7", 1), ("10.0.0.1", 1), ("testclient", 1), None])
async def test_without_a_token_no_one_else_may(client: object) -> None:
    assert await voice_status({"Remote-Addr": "127.0.0.1"}, client) == 403


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "Forwarded",
        "Via",
        "X-Real-IP",
        "CF-Connecting-IP",
        "CF-Ray",
        "True-Client-IP",
        "ngrok-auth-user-id",
        "X-Original-Host",
        "X-Azure-ClientIP",
        "X-Amzn-Trace-Id",
        "Fly-Client-IP",
    ],
)
async def test_a_tunnel_looks_like_this_machine_and_is_not_believed(header: str) -> None:
    assert await voice_status({header: ""}) == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.1", "[", "localhost.evil"])
async def test_a_name_that_was_rebound_to_loopback_is_not_believed(host: str) -> None:
    assert await voice_status({"Host": host}) == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_a_page_from_elsewhere_cannot_call_through_a_local_browser(headers: dict[str, str]) -> None:
    assert await voice_status(headers) == 403


async def test_a_page_of_our_own_can() -> None:
    assert await voice_status({"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}) == 200


async def test_a_refusal_is_counted_and_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    app = make_app(FakeSwitchboard(), registry)
    with caplog.at_level(logging.INFO):
        await app.test_client().post(
            "/voice?token=hush", form=VOICE_FORM, headers={"X-Forwarded-For": "1.2.3.4"}, scope_base=LOOPBACK
        )
    assert registry.get_sample_value("voicebot_refusals_total", {"reason": "forwarded"}) == 1
    (record,) = caplog.records
    assert "TWILIO_AUTH_TOKEN" in record.getMessage()
    assert "hush" not in record.getMessage()
