"""Run inside a running container by scripts/container-check: its processes, its sockets, and what it may write.

Only the standard library: this is run by the image's Python. With `--kill-engine` it kills the embedded engine and
waits until another one runs and nothing is left of the first.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LISTENING = "0A"  # state of a socket in /proc/net/tcp
EVERY_ADDRESS = "00000000:1F40"  # 0.0.0.0:8000, as written there


@dataclass(frozen=True)
class Process:
    """One line of what `ps` would say. command: its arguments; none for a zombie."""

    number: int
    parent: int
    state: str
    command: tuple[str, ...]


def processes() -> Iterator[Process]:
    """All that run now, but for this one."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                # After the name, which is in brackets and may hold anything: state and parent.
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                command = (folder / "cmdline").read_text().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield Process(int(folder.name), int(parent), state, tuple(command[:-1]))


def problems() -> Iterator[str]:
    """What is not as it should be in a container that answers."""
    first = next(process for process in processes() if process.number == 1)
    if Path(first.command[0]).name != "tini":
        yield f"process 1 is {first.command[0]}"
    bots = [process for process in processes() if process.command[-1:] == ("serve",) and process.number != 1]
    if [process.parent for process in bots] != [1]:
        yield "one process should be the bot, and the child of process 1"
    if EVERY_ADDRESS not in listening():
        yield "nothing listens on 0.0.0.0:8000"
    for folder in ("/", "/app", "/tmp", "/var/tmp", "/opt/voicebot"):  # noqa: S108 - tried, not used
        if folder != "/" and os.path.ismount(folder):
            continue  # brought along by whoever started this
        try:
            Path(folder, "tried").touch()
            yield f"{folder} can be written to"
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES):
                raise
    yield from zombies()


def listening() -> set[str]:
    """Where connections are taken: addresses as `/proc/net/tcp` has them."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {address for _, address, _, state, *_ in sockets if state == LISTENING}


def zombies() -> Iterator[str]:
    """Processes that ended and that nobody asked about."""
    yield from (f"process {process.number} is a zombie" for process in processes() if process.state == "Z")


def engines() -> list[Process]:
    """The embedded engine: none, or one."""
    return [process for process in processes() if "bot.engine" in process.command]


def kill_engine(patience: float = 30.0) -> Iterator[str]:
    """Kill it by force, so that it cannot end its own children. patience: seconds until all should be well again."""
    (killed,) = engines()
    children = [process for process in processes() if process.parent == killed.number]
    addresses = listening()
    os.kill(killed.number, signal.SIGKILL)
    until = time.monotonic() + patience
    gone = {killed.number, *(child.number for child in children)}
    while time.monotonic() < until:
        alive = {process.number for process in processes()}
        if len(engines()) == 1 and listening() == addresses and not gone & alive:
            sys.stdout.write(
                f"the engine and the {len(children)} it had started are gone, another one takes connections\n"
            )
            return
        time.sleep(0.2)
    yield f"of processes {sorted(gone)}, some are left; engines: {engines()}"
    yield from zombies()


def main() -> int:
    """Say what is wrong, one line each; exit code 1 if something is."""
    found = list(problems()) + (list(kill_engine()) if "--kill-engine" in sys.argv else [])
    sys.stdout.write("".join(f"container-check: {problem}\n" for problem in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
