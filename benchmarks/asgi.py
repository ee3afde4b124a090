"""What a web server costs for each message: a Media Streams message echoed through a Quart WebSocket.

The bot's server was chosen by this: `python -m benchmarks.asgi`. With two arguments, a server's name and a port, it
is the server.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
from quart import Quart, websocket

from benchmarks.caller_side import FRAME_BYTES
from benchmarks.figures import Figure, table
from benchmarks.watched import Watched, free_port, running
from bot.simulator.messages import Writer

SOCKETS = 40
MESSAGES = 8000  # in each sample
SAMPLES = 5

SERVERS = ("hypercorn", "uvicorn-websockets-asyncio", "uvicorn-sansio-asyncio", "uvicorn-sansio-uvloop")

_PROTOCOLS = {"websockets": "websockets", "sansio": "websockets-sansio"}


async def run() -> list[Figure]:
    """Measure every server, one after the other."""
    return [await _measure(name) for name in SERVERS]


async def _measure(name: str) -> Figure:
    port = free_port()
    program = running(("benchmarks.asgi", name, str(port)), port, ready="/ready")
    async with program as watched, aiohttp.ClientSession() as http:
        sockets = [await http.ws_connect(f"{watched.url}/media") for _ in range(SOCKETS)]
        await _echoes(sockets)  # warms up
        samples = [await _microseconds(watched, sockets) for _ in range(SAMPLES)]
        for socket in sockets:
            await socket.close()
    return Figure(f"a message echoed through Quart by {name}: CPU", "µs", samples, digits=1)


async def _microseconds(watched: Watched, sockets: list[aiohttp.ClientWebSocketResponse]) -> float:
    before = watched.cpu_seconds()
    await _echoes(sockets)
    return 1e6 * (watched.cpu_seconds() - before) / MESSAGES


async def _echoes(sockets: list[aiohttp.ClientWebSocketResponse]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for socket in sockets:
            tasks.create_task(_echo(socket, MESSAGES // SOCKETS))


async def _echo(socket: aiohttp.ClientWebSocketResponse, times: int) -> None:
    message = Writer("AC", "CA", "MZ").media(bytes(FRAME_BYTES))
    for _ in range(times):
        await socket.send_str(message)
        if await socket.receive_str() != message:
            raise RuntimeError("the echo is another message")


def create_app() -> Quart:
    """The echo."""
    app = Quart(__name__, static_folder=None)

    @app.get("/ready")
    async def ready() -> str:
        return "ready"

    @app.websocket("/media")
    async def media() -> None:
        while True:
            await websocket.send(await websocket.receive())

    return app


def serve(name: str, port: int) -> None:
    """Run one server until the process is told to stop."""
    if name == "hypercorn":
        import hypercorn.asyncio

        config = hypercorn.Config()
        config.bind = [f"127.0.0.1:{port}"]
        asyncio.run(hypercorn.asyncio.serve(create_app(), config))
    else:
        from uvicorn import Config, Server

        _, protocol, loop = name.split("-")
        Server(
            Config(
                create_app(),
                port=port,
                ws=_PROTOCOLS[protocol],
                loop=loop,
                lifespan="off",
                ws_per_message_deflate=False,
                ws_ping_interval=None,
                log_level="warning",
            )
        ).run()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        serve(sys.argv[1], int(sys.argv[2]))
    else:
        print(table(asyncio.run(run())))
