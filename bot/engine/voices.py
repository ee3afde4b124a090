"""Voices: which synthesizer says a sentence, and how it is asked to. Programs and the espeak-ng child process."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import json
import shutil
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from bot.engine.espeak_process import FAILED
from bot.engine.missing import PartMissing
from bot.errors import EngineError

_SECONDS = 10.0
"""Longest wait for one sentence; a sentence takes a twentieth of a second."""
_LARGEST_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice. rate: words a minute; pitch: 0 to 100 (both for espeak-ng alone)."""

    program: Literal["flite", "espeak-ng"]
    name: str
    rate: int = 160
    pitch: int = 50


FLITE = {name: Voice("flite", name) for name in ("slt", "rms", "awb", "kal")}
ESPEAK_FEMALE = Voice("espeak-ng", "en-us+f3")
ESPEAK_MALE = Voice("espeak-ng", "en-us")
ESPEAK_CALLER = Voice("espeak-ng", "en-us", rate=185, pitch=55)
"""The espeak-ng voice that the recognizer understands best: benchmarks/recognition.py."""


class Synthesizer(Protocol):
    """Says sentences with one program."""

    async def sentence(self, text: str, voice: Voice) -> tuple[bytes, int]:
        """The sentence as 16-bit mono pcm, and its sampling rate. Raises EngineError."""
        ...

    async def close(self) -> None:
        """End what runs."""
        ...


class Program:
    """A synthesizer started once for each sentence, the text on its stdin: flite, or Debian's espeak-ng."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def sentence(self, text: str, voice: Voice) -> tuple[bytes, int]:
        """The sentence as 16-bit mono pcm, and its sampling rate. Raises EngineError."""
        # Into a file, not a pipe: flite opens its output again for every sentence that it finds in the text.
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            await self._run(voice, file.name, text)
            return _wave(file.read(), voice.program)

    def _command(self, voice: Voice, output: str) -> list[str]:
        if voice.program == "flite":
            return [self._path, "-voice", voice.name, "-f", "/dev/stdin", "-o", output]
        return [self._path, "-v", voice.name, "-s", str(voice.rate), "-p", str(voice.pitch), "--stdin", "-w", output]

    async def _run(self, voice: Voice, output: str, text: str) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(voice, output),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise EngineError(f"{voice.program} does not start: {error}") from error
        try:
            async with asyncio.timeout(_SECONDS):
                await process.communicate(text.encode())
        except TimeoutError as error:
            raise EngineError(f"{voice.program} did not speak within {_SECONDS:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
        if process.returncode != 0:
            raise EngineError(f"{voice.program} failed with exit code {process.returncode}")

    async def close(self) -> None:
        """Nothing runs between sentences."""


def _wave(output: bytes, program: str) -> tuple[bytes, int]:
    try:
        with wave.open(io.BytesIO(output)) as audio:
            if audio.getsampwidth() != 2 or audio.getnchannels() != 1:
                raise EngineError(f"{program} gave audio that is not 16-bit mono")
            return audio.readframes(audio.getnframes()), audio.getframerate()
    except (wave.Error, EOFError) as error:
        raise EngineError(f"{program} gave no audio: {error}") from error


class EspeakChild:
    """The espeak-ng process of `bot.engine.espeak_process`: started ahead, reused, started again when it dies."""

    def __init__(self, command: tuple[str, ...] | None = None) -> None:
        self._command = command or (
            sys.executable,
            "-P",  # not this package's folder: its module names are not for the child
            str(Path(__file__).with_name("espeak_process.py")),
        )
        self._process: asyncio.subprocess.Process | None = None
        self._rate = 0
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[tuple[bytes, int]]] = set()
        self._closed = False

    async def start(self) -> None:
        """Start it ahead of the first sentence. Raises EngineError."""
        async with self._turn:
            await self._started()

    async def sentence(self, text: str, voice: Voice) -> tuple[bytes, int]:
        """The sentence as 16-bit mono pcm, and its sampling rate. Raises EngineError.

        A caller that is cancelled leaves the answer to be read to its end, so that the next one begins at its own.
        """
        task = asyncio.create_task(self._ask(text, voice))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _ask(self, text: str, voice: Voice) -> tuple[bytes, int]:
        request = {"text": text, "voice": voice.name, "rate": voice.rate, "pitch": voice.pitch}
        line = json.dumps(request).encode() + b"\n"
        async with self._turn:
            for attempt in (1, 2):
                process = await self._started()
                try:
                    async with asyncio.timeout(_SECONDS):
                        return await self._answer(process, line), self._rate
                except (OSError, EOFError, TimeoutError) as error:
                    await self._kill()
                    if attempt == 2:
                        raise EngineError("the espeak-ng process died twice while speaking") from error
        raise EngineError("the espeak-ng process cannot speak")

    async def _answer(self, process: asyncio.subprocess.Process, line: bytes) -> bytes:
        if process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(line)
        await process.stdin.drain()
        pcm = bytearray()
        while (length := int.from_bytes(await process.stdout.readexactly(4), "big")) != 0:
            if length == FAILED:
                raise EngineError("espeak-ng has no such voice")
            if length > _LARGEST_CHUNK:
                raise EOFError
            pcm += await process.stdout.readexactly(length)
        return bytes(pcm)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise EngineError("the engine is closed")
        if self._process is not None and self._process.returncode is None:
            return self._process
        pipe = asyncio.subprocess.PIPE
        try:
            async with asyncio.timeout(_SECONDS):
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
                )
                if self._process.stdout is None:
                    raise EOFError
                self._rate = int.from_bytes(await self._process.stdout.readexactly(4), "big")
        except (OSError, EOFError, TimeoutError) as error:
            await self._kill()
            raise EngineError("the espeak-ng process does not start: is `espeakng-loader` installed?") from error
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()

    async def close(self) -> None:
        """End the process; sentences under way raise EngineError. Twice is fine."""
        self._closed = True
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._kill()


def installed() -> dict[str, Synthesizer]:
    """The synthesizers of this machine, by program. Raises EngineError where there is none."""
    found: dict[str, Synthesizer] = {}
    if flite := shutil.which("flite"):
        found["flite"] = Program(flite)
    if importlib.util.find_spec("espeakng_loader") is not None:
        found["espeak-ng"] = EspeakChild()
    elif espeak := shutil.which("espeak-ng"):
        found["espeak-ng"] = Program(espeak)
    if not found:
        raise PartMissing("speak", ", flite or espeak-ng")
    return found
