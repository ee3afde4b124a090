from __future__ import annotations

import pytest

from webhooks.doctor.instead import Answer, explained, no_upgrade

OURS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "X-Frame-Options": "DENY"}


@pytest.mark.parametrize(
    ("answer", "says", "do"),
    [
        (Answer(404, {"ngrok-error-code": "ERR_NGROK_3200"}), "ngrok", "voicebot serve"),
        (Answer(404, {"Ngrok-Error-Code": "ERR_NGROK_6024"}), "ERR_NGROK_6024", "ngrok http"),
        (Answer(530, {"Server": "cloudflare"}), "Cloudflare", "cloudflared"),
        (Answer(302, {"Location": "https://login.microsoftonline.com/x"}), "sign-in page", "authentication off"),
        (Answer(301, {"Location": "https://www.example.com/health"}), "leads elsewhere", "PUBLIC_URL"),
        (Answer(403, {}, "<h1>Error 403 - This web app is stopped. Azure</h1>"), "stopped", "az webapp start"),
        (Answer(502, {"Server": "nginx/1.30"}), "nginx", "voicebot serve"),
        (Answer(504, {}), "a proxy", "voicebot serve"),
        (Answer(401, {}), "password", "/voice"),
        (Answer(200, {}, "<html>Welcome</html>"), "something else", "PUBLIC_URL"),
        (Answer(404, {}), "HTTP 404", "PUBLIC_URL"),
    ],
)
def test_who_answers_in_the_bots_place(answer: Answer, says: str, do: str) -> None:
    told, step = explained(answer)
    assert says in told
    assert do in step


@pytest.mark.parametrize(
    ("answer", "says", "do"),
    [
        (Answer(400, OURS), "plain request", "proxy_set_header Upgrade"),
        (Answer(403, {}), "the signed WebSocket is refused", "TWILIO_AUTH_TOKEN"),
        (Answer(426, {}), "HTTP 426", "HTTP/1.1"),
        (Answer(308, {"Location": "https://elsewhere"}), "leads elsewhere", "no redirect"),
        (Answer(502, {"Server": "nginx"}), "nginx", "voicebot serve"),
        (Answer(200, {}), "no WebSocket", "Web sockets"),
        (Answer(404, {}), "HTTP 404", "Web sockets"),
    ],
)
def test_what_came_in_place_of_a_websocket(answer: Answer, says: str, do: str) -> None:
    told, step = no_upgrade(answer)
    assert says in told
    assert do in step
