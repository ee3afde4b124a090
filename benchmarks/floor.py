"""The floor under the bot's own cost: a relay on the same web server that only re-wraps messages.

No signatures, no state, no conversion, no marks: what a Media Streams message brings is put into a Voice Live
message as it stands, and the other way round. What the bot costs beyond this is what it does for the call.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import aiohttp
import msgspec
import uvloop
from quart import Quart, Response, request, websocket
from twilio.twiml.voice_response import Connect, VoiceResponse

from benchmarks.watched import Watched, free_port, running
from webhooks.media_messages import Media, Start, Writer, parse
from webhooks.serve import server

MODEL_URL = "FLOOR_MODEL_URL"


class _Delta(msgspec.Struct, tag="response.audio.delta", tag_field="type"):
    delta: bytes


_delta = msgspec.json.Decoder(_Delta)


def create_app(model_url: str) -> Quart:
    """The relay. model_url: of the Voice Live stand-in."""
    app = Quart(__name__, static_folder=None)

    @app.get("/ready")
    async def ready() -> str:
        return "ready"

    @app.post("/voice")
    async def voice() -> Response:
        document, connect = VoiceResponse(), Connect()
        connect.stream(url=f"ws://{request.host}/media")
        document.append(connect)
        return Response(str(document), mimetype="text/xml")

    @app.websocket("/media")
    async def media() -> None:
        while not isinstance(start := parse(await websocket.receive()), Start):
            pass
        async with aiohttp.ClientSession() as http, http.ws_connect(model_url) as model:
            session = {
                "metadata": {"call_id": start.start.call_sid},
                "input_audio_format": "g711_ulaw",
                "output_audio_format": "g711_ulaw",
            }
            await model.send_json({"type": "session.update", "session": session})
            await model.send_json({"type": "response.create"})
            answers = asyncio.create_task(_to_caller(model, Writer(start.stream)))
            try:
                while True:
                    message = parse(await websocket.receive())
                    if isinstance(message, Media):
                        append = {"type": "input_audio_buffer.append", "audio": message.media.payload}
                        await model.send_str(msgspec.json.encode(append).decode())
            finally:
                answers.cancel()

    async def _to_caller(model: aiohttp.ClientWebSocketResponse, writer: Writer) -> None:
        async for message in model:
            try:
                event = _delta.decode(message.data)
            except msgspec.ValidationError:
                continue
            await websocket.send(writer.media(event.delta))

    return app


def relay(model_url: str, *, under: Sequence[str] = ()) -> AbstractAsyncContextManager[Watched]:
    """The relay as a process on the measured core. under: as in `watched.running`."""
    port = free_port()
    return running(("benchmarks.floor", str(port)), port, {MODEL_URL: model_url}, ready="/ready", under=under)


async def main(port: int) -> None:
    """Serve until the process is told to stop."""
    with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
        await server(create_app(os.environ[MODEL_URL])).serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
