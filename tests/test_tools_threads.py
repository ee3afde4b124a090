from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from bot.tools.threads import DaemonThreads, ThreadsBusy


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Functions that hang, until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_a_function_gives_its_result_or_raises() -> None:
    threads = DaemonThreads("test", most=1)
    assert threads.submit(divmod, 7, 2).result(timeout=30) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 7, 0).result(timeout=30)


def test_there_are_never_more_than_the_most(gate: threading.Event) -> None:
    threads = DaemonThreads("test", most=2)
    first = [threads.submit(gate.wait, 30) for _ in range(2)]
    with pytest.raises(ThreadsBusy):
        threads.submit(gate.wait, 30)
    gate.set()
    assert all(future.result(timeout=30) for future in first)
    assert threads.submit(divmod, 7, 2).result(timeout=30) == (3, 1)


def test_a_place_is_free_again_by_the_time_that_the_result_is_there() -> None:
    threads = DaemonThreads("test", most=1)
    for _ in range(200):
        threads.submit(int).result(timeout=30)
        with pytest.raises(ZeroDivisionError):
            threads.submit(divmod, 7, 0).result(timeout=30)


def test_one_that_hangs_does_not_keep_the_process_from_ending() -> None:
    code = (
        "import threading; from bot.tools.threads import DaemonThreads\n"
        "DaemonThreads('test', 1).submit(threading.Event().wait)\nprint('over')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)  # noqa: S603 - ours
    assert ended.stdout.strip() == b"over"


def test_where_the_system_has_no_thread_left_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    threads = DaemonThreads("test", most=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(ThreadsBusy):
            threads.submit(int)
    assert threads.submit(int).result(timeout=30) == 0
