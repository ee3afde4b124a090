"""A stand-in for the part of Twilio's REST interface that calls out use, for Twilio's real client."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response

from tests.webhooks_stand_ins import ACCOUNT, TOKEN

HOST = "https://api.twilio.com"


class Loopback(TwilioHttpClient):  # type: ignore[misc] # Twilio's client has no types
    """Twilio's client as it is, but what is meant for Twilio goes to `base`."""

    def __init__(self, base: str, *, timeout: float = 5.0) -> None:
        super().__init__(timeout=timeout)
        self._base = base
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - as it is there
        assert url.startswith(HOST + "/")
        return super().request(method, self._base + url.removeprefix(HOST), *args, **kwargs)


@dataclass
class Request:
    """What Twilio was asked. call_id: empty for a new call; fields: as posted."""

    call_id: str
    fields: dict[str, list[str]]

    def __getitem__(self, name: str) -> str:
        [value] = self.fields[name]
        return value


@dataclass
class TwilioStandIn:
    """Places every call until told otherwise.

    error: the code and status that everything is refused with; raw: a body to answer with, whatever is asked; wait:
    seconds before an answer; tokens: those that are taken.
    """

    error: tuple[int, int] | None = None
    raw: tuple[int, str] | None = None
    wait: float = 0.0
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    asked: list[Request] = field(default_factory=list)
    was_asked: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def placed(self) -> list[Request]:
        """The calls that it was asked to place."""
        return [request for request in self.asked if not request.call_id]

    @property
    def changed(self) -> list[Request]:
        """The calls that it was asked to change."""
        return [request for request in self.asked if request.call_id]

    async def _answer(self, request: web.Request) -> web.Response:
        credentials = request.headers.get("Authorization", "").removeprefix("Basic ")
        account, _, token = base64.b64decode(credentials).decode().partition(":")
        if account != ACCOUNT or token not in self.tokens:
            return _refusal(20003, 401)
        posted = await request.post()
        fields = {name: [str(value) for value in posted.getall(name)] for name in posted}
        self.asked.append(Request(request.match_info.get("call", ""), fields))
        self.was_asked.set()
        await asyncio.sleep(self.wait)
        if self.raw:
            return web.Response(status=self.raw[0], text=self.raw[1])
        if self.error:
            return _refusal(*self.error)
        call_id = request.match_info.get("call") or f"CA{len(self.placed):032x}"
        return web.json_response({"sid": call_id, "account_sid": ACCOUNT, "status": "queued"}, status=201)

    @contextmanager
    def answering(self) -> Iterator[TwilioStandIn]:
        """Answer on a port of its own."""
        app = web.Application()
        calls = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
        app.router.add_post(f"{calls}.json", self._answer)
        app.router.add_post(calls + "/{call}.json", self._answer)
        with in_a_thread(app) as self.url:
            yield self


@contextmanager
def in_a_thread(app: web.Application) -> Iterator[str]:
    """Serve in a thread of its own, for whoever blocks or runs a loop of its own; gives the address."""
    ready, over = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    ports: list[int] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(10)


def _refusal(code: int, status: int) -> web.Response:
    # Twilio's message repeats the number.
    return web.json_response(
        {"code": code, "message": "no: +14255550123", "more_info": "https://…", "status": status}, status=status
    )
