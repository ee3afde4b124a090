"""This machine: versions, cores, and open files for as many calls as MAX_CALLS allows."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bot.settings import Settings
from webhooks.doctor.findings import Notes

_SHOWN = ("azure-ai-voicelive", "azure-identity", "twilio", "quart", "uvicorn", "websockets", "aiohttp")
_OLDEST = (3, 13)
# Of one call: Twilio's socket, Voice Live's, webhooks that come meanwhile, and a session opened ahead.
_FILES_OF_A_CALL = 4
_FILES_OF_THE_BOT = 100
_CALLS_OF_A_CORE = 100  # with which `make bench` keeps its targets; docs/operations.md


def examine(settings: Settings | None, notes: Notes, *, cores: float | None = None, files: int | None = None) -> None:
    """Look at it. cores, files: in place of what this machine has."""
    _versions(notes)
    most = settings.max_calls if settings is not None else int(Settings.model_fields["max_calls"].default)
    _cores(most, available_cores() if cores is None else cores, notes)
    _files(most, open_files() if files is None else files, notes)


def _versions(notes: Notes) -> None:
    python = platform.python_version()
    if sys.version_info < _OLDEST:
        wanted = ".".join(map(str, _OLDEST))
        notes.fail("python", f"this is Python {python}", f"Install Python {wanted} or newer, and `make setup` again.")
    else:
        notes.ok("python", f"Python {python} on {platform.system()} {platform.machine()}")
    try:
        ours = version("voicelive-phone")
        notes.ok("versions", ", ".join([f"voicelive-phone {ours}", *(f"{name} {version(name)}" for name in _SHOWN)]))
    except PackageNotFoundError as missing:
        notes.fail("versions", f"the package {missing.name} is not installed", "Run `make setup` again.")


def _cores(most: int, cores: float, notes: Notes) -> None:
    shown = f"{cores:g} core{'s' * (cores != 1)}"
    if most > _CALLS_OF_A_CORE * min(cores, 1):  # the bot is one process, and uses one
        notes.warn(
            "cores",
            f"MAX_CALLS is {most}, and one process on {shown} was measured with about "
            f"{_CALLS_OF_A_CORE * min(cores, 1):.0f}",
            "Measure yours with `make bench`, or start more instances.",
        )
    else:
        notes.ok("cores", f"{shown} for at most {most} calls")


def _files(most: int, files: int, notes: Notes) -> None:
    wanted = _FILES_OF_A_CALL * most + _FILES_OF_THE_BOT
    if files < wanted:
        notes.warn(
            "files",
            f"{files} open files are allowed, and {most} calls (MAX_CALLS) may need {wanted}",
            f"Raise the limit (`ulimit -n {wanted}`; systemd: LimitNOFILE={wanted}), or lower MAX_CALLS.",
        )
    else:
        notes.ok("files", f"{files} open files are allowed, and at most about {wanted} needed")


def available_cores(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """The cores that this process may use: those it may run on, or the container's share where that is less."""
    cores = float(os.process_cpu_count() or 1)
    try:
        quota, period = cgroup.read_text(encoding="ascii").split()[:2]
        return min(cores, int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no container, or "max"
        return cores


def open_files() -> int:
    """How many files this process may have open at once."""
    if sys.platform == "win32":
        return 8192  # what sockets are limited by there is not this
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20
