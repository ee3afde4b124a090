from __future__ import annotations

import pytest

from tests.webhooks_stand_ins import LOOPBACK, OUTSIDE, FakeSwitchboard, make_app


async def test_alive_whatever_happens() -> None:
    switchboard = FakeSwitchboard()
    switchboard.ready, switchboard.draining, switchboard.full = False, True, True
    response = await make_app(switchboard).test_client().get("/health", scope_base=OUTSIDE)
    assert response.status_code == 200
    assert await response.get_json() == {"status": "alive"}


@pytest.mark.parametrize(
    ("ready", "full", "draining", "status", "reason"),
    [
        (True, False, False, 200, "ready"),
        (False, False, False, 503, "starting"),
        (False, True, False, 503, "full"),
        (False, True, True, 503, "draining"),
    ],
)
async def test_ready_only_while_a_call_would_be_taken(
    ready: bool, full: bool, draining: bool, status: int, reason: str
) -> None:
    switchboard = FakeSwitchboard()
    switchboard.ready, switchboard.full, switchboard.draining = ready, full, draining
    response = await make_app(switchboard).test_client().get("/ready", scope_base=OUTSIDE)
    assert response.status_code == status
    assert await response.get_json() == {"status": reason}


@pytest.mark.parametrize(
    ("token", "headers", "where", "status"),
    [
        ("", {}, LOOPBACK, 200),
        ("", {}, OUTSIDE, 404),
        ("", {"X-Forwarded-For": "1.2.3.4"}, LOOPBACK, 404),
        ("", {"Authorization": "Bearer "}, OUTSIDE, 404),
        ("hush", {"Authorization": "Bearer hush"}, OUTSIDE, 200),
        ("hush", {"Authorization": "Bearer hush", "X-Forwarded-For": "1.2.3.4"}, LOOPBACK, 200),
        ("hush", {"Authorization": "Bearer hus"}, OUTSIDE, 404),
        ("hush", {"Authorization": "Basic hush"}, OUTSIDE, 404),
        ("hush", {"Authorization": "Bearer hüsh"}, OUTSIDE, 404),
        ("hush", {}, OUTSIDE, 404),
    ],
)
async def test_numbers_are_for_this_machine_and_whoever_holds_the_token(
    token: str, headers: dict[str, str], where: dict[str, object], status: int
) -> None:
    app = make_app(FakeSwitchboard(), metrics_token=token)
    response = await app.test_client().get("/metrics", headers=headers, scope_base=where)
    assert response.status_code == status
    if status == 200:
        assert b"voicebot_webhook_errors_total 0.0" in await response.get_data(as_text=False)


async def test_every_answer_carries_security_headers() -> None:
    response = await make_app(FakeSwitchboard()).test_client().get("/nowhere")
    assert response.status_code == 404
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
