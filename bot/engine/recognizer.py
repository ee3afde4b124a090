"""The engine's ears: pocketsphinx with a grammar for what is expected, decoding while the caller still speaks.

pocketsphinx holds the interpreter's lock while it works, so one worker thread decodes for every session, 32 ms of
audio at a time, and the server's event loop runs in between. Decoders are costly (half a second and 90 megabytes
each): a few are made before the first call and lent to one utterance at a time. An utterance that finds none free
waits with its audio; decoding is many times faster than speech, so it catches up.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import tempfile
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bot.engine.decoders import (
    PHONE_CMN,
    UNSURE,
    Decoder,
    Widener,
    dictation_decoder,
    dictionary,
    end_utterance,
    grammar_decoder,
    loudness_range,
    start_utterance,
)
from bot.engine.grammars import LENIENT, STRICT
from bot.engine.missing import PartMissing
from bot.engine.parts import WINDOW_BYTES, Expected, Heard
from bot.errors import EngineError

_log = logging.getLogger(__name__)

_LONGEST_BYTES = 30 * 48_000
# Decibels between the loud and the quiet of an utterance: a clear line has 40 to 60, one with noise 20 dB below the
# speech 25, and noise alone nearly nothing.
_SPEECH_RANGE = 10.0
_CLEAR_RANGE = 35.0
_SECONDS = 10.0
"""Longest wait for an answer; it takes milliseconds, or a second where many speak at once."""
_SLICE = 1024  # bytes: 32 ms at 16 kHz


class _Utterance:
    """One utterance on its way through the worker thread, which alone touches it after `begin`."""

    def __init__(self, expected: Expected, cmn: str) -> None:
        self.expected = expected
        self.cmn = cmn
        self.decoder: Decoder = None
        self.waiting = bytearray()  # 24 kHz, until there is a decoder
        self.wide = bytearray()  # 16 kHz, as decoded
        self.widener = Widener()
        self.done: Callable[[Heard, str], None] | None = None
        self.given_up = False


class _Pool:
    """Decoders of one kind, in the worker thread: lent to utterances in the order in which they began."""

    def __init__(self, decoders: list[Decoder]) -> None:
        self._idle = decoders
        self._queue: deque[_Utterance] = deque()

    def begin(self, utterance: _Utterance) -> None:
        self._queue.append(utterance)
        self._lend()

    def feed(self, utterance: _Utterance, pcm: bytes) -> None:
        if utterance.given_up:
            return
        utterance.waiting += pcm
        self._decode(utterance)

    def finish(self, utterance: _Utterance, done: Callable[[Heard, str], None]) -> None:
        utterance.done = done
        if utterance.given_up:
            done(UNSURE, utterance.cmn)
        elif utterance.decoder is not None:
            self._conclude(utterance)

    def do(self, step: Callable[..., None], utterance: _Utterance, *arguments: object) -> None:
        """Take a step with an utterance; one that fails is given up, and whoever waits for it is told."""
        try:
            step(self, utterance, *arguments)
        except Exception:  # noqa: BLE001 - a decoder that fails costs one utterance, not the worker thread
            _log.exception("decoding failed")
            self.abandon(utterance)

    def abandon(self, utterance: _Utterance) -> None:
        utterance.given_up = True
        if utterance.decoder is not None:
            with contextlib.suppress(RuntimeError):  # it may not have begun, or have ended
                utterance.decoder.end_utt()
            self._release(utterance)
        elif utterance in self._queue:
            self._queue.remove(utterance)
        if utterance.done is not None:
            utterance.done(UNSURE, utterance.cmn)

    def _lend(self) -> None:
        while self._idle and self._queue:
            utterance = self._queue.popleft()
            decoder = utterance.decoder = self._idle.pop()
            start_utterance(decoder, utterance.expected, STRICT, utterance.cmn)
            self._decode(utterance)
            if utterance.done is not None:
                self._conclude(utterance)

    def _decode(self, utterance: _Utterance) -> None:
        if utterance.decoder is None:
            return
        for start in range(0, len(utterance.waiting), WINDOW_BYTES):
            wide = utterance.widener.process(bytes(utterance.waiting[start : start + WINDOW_BYTES]))
            utterance.wide += wide
            utterance.decoder.process_raw(wide, False, False)
        utterance.waiting.clear()

    def _conclude(self, utterance: _Utterance) -> None:
        decoder, cmn = utterance.decoder, utterance.cmn
        heard = end_utterance(decoder)
        loudness = loudness_range(bytes(utterance.wide))
        if loudness < _SPEECH_RANGE:
            heard = UNSURE
        else:
            # Only speech teaches what the line sounds like; and in noise it is worth hearing it again with that.
            cmn = str(decoder.get_cmn(True))
            if not heard.sure and loudness < _CLEAR_RANGE:
                heard = _hear_again(decoder, utterance, cmn)
        self._release(utterance)
        if utterance.done is not None:
            utterance.done(heard, cmn)

    def _release(self, utterance: _Utterance) -> None:
        self._idle.append(utterance.decoder)
        utterance.decoder = None
        self._lend()


def _hear_again(decoder: Decoder, utterance: _Utterance, cmn: str) -> Heard:
    """Decode the whole utterance once more, now that its mean is known: 0.1 s for a sentence."""
    start_utterance(decoder, utterance.expected, LENIENT, cmn)
    for start in range(0, len(utterance.wide), _SLICE):
        decoder.process_raw(bytes(utterance.wide[start : start + _SLICE]), False, False)
    return end_utterance(decoder)


class Ears:
    """What all listeners of an engine share: the worker thread and its decoders."""

    def __init__(self, *, decoders: int = 2, dictation: int = 0) -> None:
        """Have `decoders` utterances with a grammar decoded at once, and `dictation` free ones."""
        self._counts = (decoders, dictation)
        self._pools: dict[bool, _Pool] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ears")
        self._closed = False

    async def start(self) -> None:
        """Load the decoders, before the first call. Raises EngineError where pocketsphinx is not installed."""
        if importlib.util.find_spec("pocketsphinx") is None:
            raise PartMissing("recognize speech")
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    def _load(self) -> None:
        counts = self._counts
        try:
            with tempfile.TemporaryDirectory() as folder:
                words_file = Path(folder, "words.dict")
                words_file.write_text("\n".join(dictionary()) + "\n")
                self._pools[False] = _Pool([grammar_decoder(words_file) for _ in range(counts[0])])
            self._pools[True] = _Pool([dictation_decoder() for _ in range(counts[1])])
        except (OSError, RuntimeError, ValueError) as error:
            raise EngineError(f"pocketsphinx does not start: {error}") from error

    def listener(self) -> PocketsphinxListener:
        """A new session's listener."""
        return PocketsphinxListener(self)

    def pool(self, expected: Expected) -> _Pool:
        """The decoders for `expected`; without any for dictation, the grammar of wishes does."""
        return self._pools[expected is Expected.FREE and self._counts[1] > 0]

    def known(self, expected: Expected) -> Expected:
        """What can be listened for in place of `expected`."""
        return Expected.ANYTHING if expected is Expected.FREE and not self._counts[1] else expected

    def work(self, job: Callable[..., None], *arguments: object) -> bool:
        """Have the worker thread do `job` after everything given to it before; whether it will."""
        if not self._closed:
            self._thread.submit(job, *arguments)
        return not self._closed

    async def close(self) -> None:
        """End the thread, its work undone. Twice is fine."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._thread.shutdown)


class PocketsphinxListener:
    """A session's ears: what it learns of the line in one utterance helps in the next."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._cmn = PHONE_CMN
        self._utterance: _Utterance | None = None
        self._gathered = bytearray()
        self._room = 0

    def begin(self, expected: Expected) -> None:
        """The caller began to speak."""
        self.abandon()
        self._utterance = _Utterance(self._ears.known(expected), self._cmn)
        self._gathered.clear()
        self._room = _LONGEST_BYTES
        self._do(_Pool.begin)

    def feed(self, pcm: bytes) -> None:
        """Take more of the utterance; what is beyond half a minute is not listened to."""
        if self._utterance is None or self._room <= 0:
            return
        self._room -= len(pcm)
        self._gathered += pcm
        if len(self._gathered) >= WINDOW_BYTES:
            self._flush()

    async def finish(self) -> Heard:
        """Tell what the utterance was, now that it is over."""
        utterance = self._utterance
        if utterance is None:
            return UNSURE
        self._flush()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Heard] = loop.create_future()

        def done(heard: Heard, cmn: str) -> None:
            loop.call_soon_threadsafe(conclude, heard, cmn)

        def conclude(heard: Heard, cmn: str) -> None:
            self._cmn = cmn
            if not answer.done():
                answer.set_result(heard)

        if not self._do(_Pool.finish, done):
            self._utterance = None
            return UNSURE
        try:
            async with asyncio.timeout(_SECONDS):
                return await answer
        except TimeoutError:
            return UNSURE
        finally:
            if not answer.done() or answer.cancelled():
                self.abandon()
            elif self._utterance is utterance:
                self._utterance = None

    def abandon(self) -> None:
        """Forget the utterance."""
        if self._utterance is not None:
            self._do(_Pool.abandon)
            self._utterance = None

    def _flush(self) -> None:
        self._do(_Pool.feed, bytes(self._gathered))
        self._gathered.clear()

    def _do(self, step: Callable[..., None], *arguments: object) -> bool:
        if self._utterance is None:
            return False
        return self._ears.work(self._ears.pool(self._utterance.expected).do, step, self._utterance, *arguments)
