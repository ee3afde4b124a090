"""A house of made-up calls for the live view: pages, streams and operator's actions, and no bot behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

from prometheus_client import CollectorRegistry
from quart import Quart, Response, abort, request, send_from_directory
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.exceptions import Forbidden

import webhooks
from bot.board import Board
from bot.call.commands import Outcome
from bot.call.events import CallerFacts
from bot.call.reports import Report, State, StateChanged
from bot.feed import Feed
from tests.webhooks_stand_ins import FakeSwitchboard, settings
from webhooks.live import live_routes
from webhooks.metrics import Meters
from webhooks.page_gate import Visitor
from webhooks.serve import server

NUMBERS = ("+14255550177", "sip:desk@example.com")

_STATIC = Path(webhooks.__file__).parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class CallsHouse(FakeSwitchboard):
    """Calls as the test wants them. refuse: the status that everything under `/calls/` answers with, 0 for none."""

    def __init__(self, boot: str = "first", *, dial_allowed: tuple[str, ...] = NUMBERS, viewers: int = 64) -> None:
        super().__init__()
        self.board = Board(boot)
        self.port = 0
        self.refuse = 0
        self.transferable = True
        self.asked: list[str] = []
        self._registry = CollectorRegistry()
        self._settings = settings(dial_allowed=dial_allowed)
        self._viewers = viewers

    @property
    def url(self) -> str:
        """The live view."""
        return f"http://127.0.0.1:{self.port}/calls"

    @property
    def watched(self) -> float:
        """How many streams are open."""
        return self._registry.get_sample_value("voicebot_viewers") or 0.0

    def resumed(self, since: int) -> list[str]:
        """The streams asked for after the first `since` requests, each with what its asker says to have seen."""
        return [path for path in self.asked[since:] if "/live" in path]

    # --- calls

    def call(self, number: int, *, caller: str = "", ago: float = 0.0) -> str:
        """Begin a call; returns its id. ago: seconds."""
        call_id = f"CA{number:032x}"
        facts = CallerFacts(call_id, caller or f"+142555501{number:02d}", "+14255550199")
        self.feeds[call_id] = Feed()
        self.board.begin(facts, time() - ago)
        return call_id

    def tell(self, call_id: str, *reports: Report, at: float = 1.0) -> None:
        """Report on a call."""
        for report in reports:
            self.feeds[call_id].add(report, at)
            self.board.take(call_id, report)

    def end(self, call_id: str, outcome: str = "caller") -> None:
        """End a call. A real one leaves words behind too."""
        self.tell(call_id, StateChanged(State.ENDED, "the stream stopped"))
        self.board.end(call_id, outcome)
        self.feeds[call_id].close()

    def hang_up(self, call_id: str) -> bool:
        if super().hang_up(call_id):
            self.end(call_id, Outcome.HANGUP)
        return call_id in self.feeds

    def transfer(self, call_id: str, to: str) -> bool:
        if not self.transferable:
            return False
        self.end(call_id, Outcome.TRANSFER)
        return super().transfer(call_id, to)

    # --- as a server

    def require(self, request: BaseRequestWebsocket) -> Visitor:
        """The door: closed where the test says so."""
        if self.refuse:
            abort(Response(b"{}", self.refuse, mimetype="application/json"))
        if request.method == "POST" and request.headers.get("Origin") != f"http://{request.headers.get('Host')}":
            raise Forbidden
        return Visitor("somebody")

    def _app(self) -> Quart:
        app = Quart(__name__, static_folder=None)
        self._registry = registry = CollectorRegistry()
        meters = Meters(registry)
        app.register_blueprint(live_routes(self._settings, self, self, meters, registry, most_viewers=self._viewers))

        @app.get("/calls")
        async def page() -> Response:
            return await send_from_directory(_STATIC, "calls.html")

        @app.get("/assets/<path:path>")
        async def asset(path: str) -> Response:
            return await send_from_directory(_STATIC, path)

        @app.get("/sign-in")
        @app.get("/")
        async def other() -> str:
            return "<!doctype html><title>Another page</title>"

        @app.after_request
        async def policy(response: Response) -> Response:
            seen = request.headers.get("Last-Event-ID")
            self.asked.append(request.full_path.rstrip("?") + (f"?after={seen}" if seen else ""))
            response.headers["Content-Security-Policy"] = _POLICY
            return response

        return app

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[None]:
        """Serve the house; at the end every stream ends, as when the bot closes."""
        with socket.create_server(("127.0.0.1", port)) as listener:
            self.port = int(listener.getsockname()[1])
            web = server(self._app())
            serving = asyncio.create_task(web.serve(sockets=[listener]))
            while not web.started:  # noqa: ASYNC110 - uvicorn offers no event for it
                await asyncio.sleep(0.01)
            try:
                yield
            finally:
                self.board.close()
                for feed in self.feeds.values():
                    feed.close()
                web.should_exit = True
                await serving
