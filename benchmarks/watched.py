"""A process under measurement: started on a core of its own, and looked at from outside by /proc (Linux).

`python -m benchmarks.watched` is the `voicebot` command that, on SIGUSR1, writes how many asyncio tasks there are.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

AUTH_TOKEN = "benchmark-auth-token"  # noqa: S105 - made up; it has signatures and stream tokens checked

_ROOT = Path(__file__).parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_TASKS_FILE = "BENCHMARK_TASKS_FILE"
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]  # before anything is pinned


def cores() -> tuple[int, int]:
    """The core of what is measured, and that of the load; the same one where there is no other."""
    return _CORES[0], _CORES[1 % len(_CORES)]


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Watched:
    """A running process. url: where it answers."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
        self.url = url
        self.pid = process.pid
        self._process = process
        self._proc = Path(f"/proc/{process.pid}")
        self._tasks_file = folder / "tasks"

    def cpu_seconds(self) -> float:
        """Processor time used so far, of all threads, to 10 ms."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def open_files(self) -> int:
        """File descriptors, sockets included."""
        return len(list((self._proc / "fd").iterdir()))

    def threads(self) -> int:
        """Threads."""
        return len(list((self._proc / "task").iterdir()))

    def resident_kib(self) -> int:
        """Memory in use, KiB."""
        for line in (self._proc / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("the process has no memory, so it has ended")

    async def tasks(self) -> int:
        """How many asyncio tasks the bot has."""
        self._tasks_file.unlink(missing_ok=True)
        os.kill(self._process.pid, signal.SIGUSR1)
        for _ in range(100):
            await asyncio.sleep(0.02)
            if self._tasks_file.exists() and (said := self._tasks_file.read_text()).endswith("\n"):
                return int(said)
        raise RuntimeError("the bot does not say how many tasks it has")

    async def live_calls(self) -> float:
        """What the bot's own metrics say of calls."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as response:
            for line in (await response.text()).splitlines():
                if line.startswith("voicebot_calls_live "):
                    return float(line.split()[1])
        raise RuntimeError("the bot's metrics do not show voicebot_calls_live")


@asynccontextmanager
async def running(
    arguments: Sequence[str],
    port: int,
    environment: Mapping[str, str] | None = None,
    *,
    ready: str,
    under: Sequence[str] = (),
) -> AsyncIterator[Watched]:
    """Run `python -m arguments` on the measured core until the scope ends.

    ready: the path that answers 200 once the program is up; under: a program, with its options, that runs it. Raises
    RuntimeError where it does not come up.
    """
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        log_path = Path(folder) / "log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - before anything is measured; our own program
                [*under, sys.executable, "-m", *arguments],
                cwd=folder,  # no .env there
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "PYTHONPATH": str(_ROOT),
                    _TASKS_FILE: f"{folder}/tasks",
                    **(environment or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.sched_setaffinity(process.pid, {cores()[0]})
        try:
            if not await _is_ready(process, url + ready):
                raise RuntimeError(f"{arguments[0]} does not start:\n{_end_of(log_path)}")
            yield Watched(process, url, Path(folder))
        finally:
            await _stop(process)


@asynccontextmanager
async def bot(model_url: str, *, under: Sequence[str] = (), **environment: str) -> AsyncIterator[Watched]:
    """The bot, with signatures and stream tokens checked, at the Voice Live stand-in at `model_url`."""
    port = free_port()
    variables = {
        "AZURE_VOICE_LIVE_ENDPOINT": model_url,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "MAX_CALLS": "200",
        **environment,
    }
    arguments = ("benchmarks.watched", "serve", "--port", str(port))
    async with running(arguments, port, variables, ready="/ready", under=under) as watched:
        yield watched


async def _is_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    async with aiohttp.ClientSession() as http:
        for _ in range(round(_START_SECONDS / 0.1)):
            await asyncio.sleep(0.1)
            if process.poll() is not None:
                return False
            try:
                async with http.get(url) as response:
                    if response.status == 200:
                        return True
            except aiohttp.ClientError:
                continue
    return False


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


async def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        await asyncio.to_thread(process.wait, _STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _write_tasks(_number: int, _frame: object) -> None:
    Path(os.environ[_TASKS_FILE]).write_text(f"{len(asyncio.all_tasks())}\n")


if __name__ == "__main__":
    from webhooks.cli import main

    signal.signal(signal.SIGUSR1, _write_tasks)
    main()
