"""The Voice Live stand-in as a server on loopback, to which the bot under load is pointed.

async with model_side(8001) as model:
    ...  # a bot with AZURE_VOICE_LIVE_ENDPOINT=http://127.0.0.1:8001
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from aiohttp import web

from bot.errors import SimulatorError
from bot.load import model_voice
from bot.load.model_session import Manner, Session
from bot.load.record import SessionRecord


class ModelSide:
    """The stand-in. open: how many sessions are open now; records: of every session there has been."""

    def __init__(self, manner: Manner, clock: Callable[[], float]) -> None:
        self.url = ""
        self.open = 0
        self.records: list[SessionRecord] = []
        self._manner = manner
        self._clock = clock
        self._sessions: dict[str, asyncio.Future[Session]] = {}

    async def session(self, call_sid: str) -> Session:
        """Wait for the session of this call, once it is configured and the first reply is out."""
        session = await self._expected(call_sid)
        await session.greeted.wait()
        return session

    def forget(self, call_sid: str) -> None:
        """Keep nothing more of a call that is over."""
        self._sessions.pop(call_sid, None)
        self.records = [record for record in self.records if record.call_sid != call_sid]

    async def accept(self, request: web.Request) -> web.WebSocketResponse:
        """Hold one session."""
        socket = web.WebSocketResponse(compress=False, max_msg_size=16 << 20)
        await socket.prepare(request)
        session = Session(socket, self._manner, self._clock)
        self.open += 1
        self.records.append(session.record)
        try:
            await session.run(self._configured)
        except* ConnectionError:
            pass  # the bot hung up in the middle of a reply
        finally:
            self.open -= 1
        return socket

    def _expected(self, call_sid: str) -> asyncio.Future[Session]:
        return self._sessions.setdefault(call_sid, asyncio.get_running_loop().create_future())

    def _configured(self, session: Session) -> None:
        expected = self._expected(session.record.call_sid)
        if not expected.done():
            expected.set_result(session)


@asynccontextmanager
async def model_side(
    port: int = 0, manner: Manner | None = None, *, clock: Callable[[], float] = monotonic
) -> AsyncIterator[ModelSide]:
    """Run a stand-in on loopback until the scope ends. Raises SimulatorError where the port is taken."""
    model_voice.warm()
    model = ModelSide(manner or Manner(), clock)
    app = web.Application()
    app.router.add_get("/{path:.*}", model.accept)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError:
            raise SimulatorError(f"--model-port {port} is taken; choose another, or 0 for any") from None
        host, bound = runner.addresses[0][:2]
        model.url = f"http://{host}:{bound}"
        yield model
    finally:
        await runner.cleanup()
