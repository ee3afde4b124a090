"""An event loop whose time jumps: a minute's call over real sockets takes a fraction of a second.

When nothing is ready to run and no socket is ready, `time()` moves to the next timer at once. Whatever keeps time
by the loop (`asyncio.sleep`, `asyncio.timeout`, `loop.call_later`, `loop.time()`) moves with it.

Limits. Every end of every socket must be in this loop: a child process, another thread's socket or the network
would be outrun; hold time still for those with `loop.hold()`. Time stands still, too, while a thread of
`run_in_executor` (or `asyncio.to_thread`) works, so a thread's work takes none of it; a thread that waits for a timer
of this loop therefore waits for ever, and the loop raises VirtualTimeStopped after `patience` real seconds.
`time.monotonic` and `time.time` are outside: pass `clock=asyncio.get_running_loop().time` to what takes a clock.
Order among sockets that become ready together is the kernel's, and so are its timers: every socket needs TCP_NODELAY,
or small writes wait 40 real milliseconds, which are seconds here. asyncio sets it, except on what a listener from
`socket.create_server` accepts; set it on that listener. Unix only.

With pytest-asyncio, in `conftest.py`:

    from bot.simulator.virtual_time import loop_factories

    def pytest_asyncio_loop_factories(config, item):
        return loop_factories(virtual=item.get_closest_marker("virtual_time") is not None)
"""

from __future__ import annotations

import asyncio
import os
import selectors
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any


class VirtualTimeStopped(RuntimeError):
    """Nothing can happen any more, or a thread has held time still for too long."""


class _JumpingSelector(selectors.BaseSelector):
    """Asks the real selector without waiting; where the loop would wait for a timer, moves time instead."""

    def __init__(self, patience: float) -> None:
        self._real = selectors.DefaultSelector()
        self._patience = patience
        self.now = 1000.0  # not 0: somebody's `if deadline` would take it for none
        self.holds: set[object] = set()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real.select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if self.holds or timeout is None:
            events = self._real.select(self._patience)
            if not events:
                cause = "a thread or a hold has not ended" if self.holds else "no timer is set and no socket speaks"
                raise VirtualTimeStopped(f"{cause}; waited {self._patience:g} real seconds")
            return events
        # What was written to loopback is there already, unless the kernel has left it to its own thread.
        os.sched_yield()
        events = self._real.select(0)
        if not events:
            self.now += timeout
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - the base's
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 - the base's
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - the base's
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop. patience: real seconds to wait for a thread, a hold or a signal before giving up."""

    def __init__(self, patience: float = 30.0) -> None:
        self._jumping = _JumpingSelector(patience)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep time still in this block: something outside the loop is at work."""
        token = object()
        self._jumping.holds.add(token)
        try:
            yield
        finally:
            self._jumping.holds.discard(token)

    # The base class declares these with type variables that a subclass cannot repeat.
    def run_in_executor(  # type: ignore[override] # see above
        self,
        executor: Executor | None,
        func: Callable[..., Any],
        *args: Any,  # noqa: ANN401 - see above
    ) -> asyncio.Future[Any]:
        """Run `func` in a thread, and keep time still until it has ended."""
        token = object()
        started = False

        def counted() -> Any:  # noqa: ANN401 - whatever func gives
            nonlocal started
            started = True
            try:
                return func(*args)
            finally:
                self.call_soon_threadsafe(self._jumping.holds.discard, token)

        def settled(_: asyncio.Future[Any]) -> None:
            if not started:  # cancelled before its turn came, or in another process
                self._jumping.holds.discard(token)

        self._jumping.holds.add(token)
        if isinstance(executor, ProcessPoolExecutor):  # a closure does not go there
            future = super().run_in_executor(executor, func, *args)
        else:
            future = super().run_in_executor(executor, counted)
        future.add_done_callback(settled)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads in real time: the base class's time-out would be over at once."""
        with self.hold():
            await super().shutdown_default_executor(timeout)


def run[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def loop_factories(*, virtual: bool) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What `pytest_asyncio_loop_factories` returns: one loop for a test, real or virtual."""
    return {"virtual": VirtualTimeLoop} if virtual else {"real": asyncio.new_event_loop}
