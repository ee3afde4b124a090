"""Threads for functions that are not async: bounded in number, and nobody waits for one that hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future


class ThreadsBusy(Exception):
    """So many functions are running already, or hang, that no other is begun."""


class DaemonThreads(Executor):
    """A thread for each function, and no more than `most` at once; the process does not wait for them at its end.

    Python's own ThreadPoolExecutor does wait, for ever if need be, and queues what it has no thread for.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._free = threading.BoundedSemaphore(most)

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin `fn` in a thread. Raises ThreadsBusy."""
        if not self._free.acquire(blocking=False):
            raise ThreadsBusy(self._name)
        future: Future[T] = Future()

        def work() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - the future raises it, as any executor's does
                self._free.release()
                future.set_exception(error)
            else:
                self._free.release()
                future.set_result(result)

        future.set_running_or_notify_cancel()
        try:
            threading.Thread(target=work, name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self._free.release()
            raise ThreadsBusy(self._name) from None
        return future
