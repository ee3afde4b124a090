"""Run inside a container by scripts/container-check: what is in the image, and what its user may do to it.

Only the standard library: this is run by the image's Python. Argument: 1 where the embedded engine should be there.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

ANYBODYS = {"/tmp", "/var/tmp", "/run/lock", "/var/lock"}  # noqa: S108 - as Debian has them; a read-only root shuts them
NOT_FILES = {"/proc", "/sys", "/dev"}
MOUNTED = {"/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/run/.containerenv"}  # put there by the runtime
TOOLS = (
    *("gcc", "cc", "c++", "g++", "clang", "tcc", "as", "ld", "make", "cmake", "rustc", "cargo", "go", "node", "npm"),
    *("pip", "pip3", "uv", "pipx", "hatch", "git", "curl", "wget"),
)
ENGINE_PARTS = ("pocketsphinx", "espeakng_loader")
HASHED, CHECKED = 0b01, 0b10  # flags of a bytecode file, by PEP 552


def everything(root: str = "/") -> Iterator[Path]:
    """Every file and folder of the image."""
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if str(Path(folder, name)) not in NOT_FILES]
        yield from (Path(folder, name) for name in (*names, *files))


def permissions() -> Iterator[str]:
    """What belongs to the user, or can be written by it, though it should not."""
    for path in everything():
        if str(path) in MOUNTED or path.is_symlink():
            continue
        if path.lstat().st_uid == os.getuid() or path.lstat().st_gid == os.getgid():
            yield f"{path} belongs to the user"
        if str(path) not in ANYBODYS and os.access(path, os.W_OK):
            yield f"{path} can be written by the user"


def user() -> Iterator[str]:
    """Who runs this."""
    if (os.getuid(), os.getgid(), os.getgroups()) not in [(10001, 10001, []), (10001, 10001, [10001])]:
        yield f"it runs as {os.getuid()}:{os.getgid()} {os.getgroups()}"


def tools() -> Iterator[str]:
    """Means to make or install programs."""
    yield from (f"{tool} is there: {found}" for tool in TOOLS if (found := shutil.which(tool)))
    yield from (f"module {name} is there" for name in ("pip", "ensurepip") if importlib.util.find_spec(name))


def bytecode() -> Iterator[str]:
    """Modules of ours without bytecode, or with some that would be compared with its source."""
    for name in ("bot", "webhooks"):
        spec = importlib.util.find_spec(name)
        home = Path(spec.origin).parent if spec and spec.origin else Path("/nowhere")
        if "site-packages" not in home.parts:
            yield f"{name} is not installed as a wheel: {home}"
        for source in home.rglob("*.py"):
            compiled = Path(importlib.util.cache_from_source(str(source)))
            flags = compiled.read_bytes()[4] if compiled.is_file() else 0
            if flags & (HASHED | CHECKED) != HASHED:
                yield f"{source} has no bytecode, or some that is compared"
    if not Path(importlib.util.cache_from_source(str(Path(os.__file__)))).is_file():
        yield "the standard library has no bytecode"


def page_sdk() -> Iterator[str]:
    """Twilio's SDK for the softphone, by the hash that the page will ask for."""
    from webhooks import voice_token

    script = Path(voice_token.__file__).parent / "static/vendor/twilio.min.js"
    found = base64.b64encode(hashlib.sha384(script.read_bytes()).digest()).decode() if script.is_file() else "none"
    if f"sha384-{found}" != voice_token.INTEGRITY:
        yield f"{script} has hash {found}"


def leftovers(*, engine: bool) -> Iterator[str]:
    """What belongs on no server, and whether the engine's parts are there as asked."""
    for path in everything():
        if path.name in {".env", ".git", ".npmrc", "node_modules", ".venv"} or path.parts[1:3] == ("src",):
            yield f"{path} is in the image"
    for name in ("pytest", "hypothesis", "hatchling"):
        if importlib.util.find_spec(name):
            yield f"module {name} is in the image"
    for name in ENGINE_PARTS:
        if bool(importlib.util.find_spec(name)) != engine:
            yield f"module {name} should {'' if engine else 'not '}be in the image"


def main() -> int:
    """Say what is wrong, one line each; exit code 1 if something is."""
    engine = sys.argv[1:] == ["1"]
    checks = (user(), permissions(), tools(), bytecode(), page_sdk(), leftovers(engine=engine))
    problems = [problem for check in checks for problem in check]
    privileged = [str(path) for path in everything() if _privileged(path)]
    version = importlib.metadata.version("voicelive-phone")
    sys.stdout.write("".join(f"container-check: {problem}\n" for problem in problems))
    sys.stdout.write(f"voicelive-phone {version}, Python {sys.version.split()[0]}, set-user-id: {len(privileged)}\n")
    return 1 if problems else 0


def _privileged(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) and bool(mode & (stat.S_ISUID | stat.S_ISGID))


if __name__ == "__main__":
    sys.exit(main())
