"""What answers in the bot's place, told by its answer: proxies, tunnels, platforms, other bots. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_START = "Start the bot with `voicebot serve`, where the proxy or the tunnel sends its requests."


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was not the one wanted. body: its beginning."""

    status: int
    headers: Mapping[str, str]
    body: str = ""

    def header(self, name: str) -> str:
        """The value of a header, in small letters; empty where there is none."""
        return next((value.lower() for key, value in self.headers.items() if key.lower() == name), "")

    @property
    def ours(self) -> bool:
        """Whether it looks like an answer of the bot's: it has the security headers of all of them."""
        return (
            "default-src 'none'" in self.header("content-security-policy")
            and self.header("x-frame-options") == "deny"
        )


def explained(answer: Answer) -> tuple[str, str]:
    """Who answers where `/health` should be, and the next step."""
    status, server = answer.status, answer.header("server")
    if code := answer.header("ngrok-error-code"):
        return f"ngrok answers in the bot's place ({code.upper()})", (
            _START if code in ("err_ngrok_8012", "err_ngrok_3200") else "Start the tunnel again: `ngrok http PORT`."
        )
    if "cloudflare" in server and status in (502, 503, 521, 522, 523, 530):
        return f"Cloudflare answers in the bot's place (HTTP {status})", (
            "Start the tunnel again (`cloudflared tunnel --url http://127.0.0.1:PORT`), and the bot."
        )
    if 300 <= status < 400 and "login" in answer.header("location"):
        return "a sign-in page answers in the bot's place", (
            "Twilio cannot sign in: switch the platform's authentication off for /voice, /media, /calls, /health "
            "and /ready, or allow unauthenticated requests; the bot asks for Twilio's signature itself."
        )
    if 300 <= status < 400:
        return (
            f"it leads elsewhere (HTTP {status})",
            "Set PUBLIC_URL to the address at the end; Twilio signs that one.",
        )
    if status == 403 and ("azure" in answer.body.lower() or "site disabled" in answer.body.lower()):
        return "App Service says that the app is stopped (HTTP 403)", "Start it: `az webapp start`."
    if status in (502, 503, 504):
        who = f"{server.split('/')[0]} answers" if server else "a proxy answers"
        return f"{who} in the bot's place (HTTP {status})", _START
    if status == 401:
        return "it asks for a password (HTTP 401)", "Let /voice, /media, /health and /ready through without one."
    if status == 200:
        return (
            "something else than this bot answers",
            "Correct PUBLIC_URL, or where the proxy or the tunnel sends to.",
        )
    return f"it answers with HTTP {status}", "Correct PUBLIC_URL (its path, too), or where the proxy sends to."


def no_upgrade(answer: Answer) -> tuple[str, str]:
    """What came in place of 101 Switching Protocols, and the next step."""
    status = answer.status
    if status == 403:  # the bot's own has no headers to know it by
        return (
            "the signed WebSocket is refused (HTTP 403)",
            "Give the bot that runs the same TWILIO_AUTH_TOKEN and PUBLIC_URL as this shell, and restart it. If its "
            "log says nothing of it, the proxy refuses: let /media through, with its path unchanged.",
        )
    if answer.ours:
        return (
            f"the proxy passed the WebSocket on as a plain request (the bot: HTTP {status})",
            "Have it pass the upgrade on. nginx: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
            'proxy_set_header Connection "upgrade";`. App Service: switch *Web sockets* on.',
        )
    if status == 426:
        return "the proxy wants another protocol (HTTP 426)", "Let it take HTTP/1.1 with Upgrade for /media."
    if status in (301, 302, 307, 308):
        return f"/media leads elsewhere (HTTP {status})", "Twilio follows no redirect there: correct PUBLIC_URL."
    says, do = explained(answer)
    return f"no WebSocket: {says}", (
        do
        if status in (401, 502, 503, 504)
        else "Have the proxy pass WebSockets on for /media. nginx: `proxy_http_version 1.1` and the Upgrade headers; "
        "App Service: *Web sockets* on; ngrok and cloudflared do as they come."
    )
