"""Server-sent events: how they are written, and how a stream of them is held open.

The format is that of https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from quart import Response

SILENCE = 15.0  # seconds; proxies close a connection that says nothing for 30 to 240
LONGEST = 900.0  # seconds of one stream; the browser comes back by itself, and is let in anew, or not
OPENING = b"retry: 1000\n\n"  # ms that the browser waits before it comes back
BEAT = b": still here\nevent: beat\ndata: {}\n\n"  # a script does not see comments, but this it can watch for

_MOST_WAITING = 500  # of one stream; who is slower than that stops reading, and the source forgets its oldest
_STUCK = 60.0  # seconds past LONGEST for a viewer whose connection takes no data

type Sleep = Callable[[float], Awaitable[None]]


def event(kind: str, data: bytes, number: str = "") -> bytes:
    """One event. data: JSON without line breaks; number: what `Last-Event-ID` says when the browser comes back."""
    identity = f"id: {number}\n" if number else ""
    return b"%sevent: %s\ndata: %s\n\n" % (identity.encode(), kind.encode(), data)


def stream(body: AsyncGenerator[bytes]) -> Response:
    """The response that sends `body` as it comes. Proxies are asked not to hold it back."""
    response = Response(body, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.timeout = LONGEST + _STUCK
    return response


async def batches[Item](
    source: AsyncIterator[Item], *, gap: float, silence: float = SILENCE, sleep: Sleep = asyncio.sleep
) -> AsyncGenerator[list[Item]]:
    """What comes from `source`: the first at once, then whatever came in each `gap` seconds; none after a silence.

    Ends when the source ends. Closing it closes the source and leaves no task behind.
    """
    waiting: asyncio.Queue[Item] = asyncio.Queue(_MOST_WAITING)

    async def fill() -> None:
        try:
            async for item in source:
                await waiting.put(item)
        finally:
            if (close := getattr(source, "aclose", None)) is not None:
                await close()
            waiting.shutdown()

    filling = asyncio.create_task(fill())
    try:
        while True:
            try:
                async with asyncio.timeout(silence):
                    batch = [await waiting.get()]
            except TimeoutError:
                yield []
                continue
            except asyncio.QueueShutDown:
                await filling  # raises what ended the source, if anything did
                return
            while not waiting.empty():
                batch.append(waiting.get_nowait())
            yield batch
            await sleep(gap)
    finally:
        filling.cancel()
        await asyncio.wait([filling])
