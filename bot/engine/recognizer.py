"""The engine's ears: pocketsphinx with a grammar for what is expected, decoding while the caller still speaks.

pocketsphinx holds the interpreter's lock while it works, so one worker thread decodes for every session, 32 ms of
audio at a time, and the server's event loop runs in between. Decoders are costly (half a second and tens of megabytes
each): a few are made before the first call and lent to one utterance at a time. An utterance that finds none free
waits with its audio; decoding is many times faster than speech, so it catches up.
"""

from __future__ import annotations

import asyncio
import importlib.util
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import audioop
import numpy as np

from bot.audio import Downsampler
from bot.engine.grammars import PHONES, grammar, words
from bot.engine.parts import WINDOW_BYTES, Expected, Heard
from bot.errors import EngineError

# The cepstral mean of telephone speech, measured over five voices: without it the first words are half lost.
PHONE_CMN = "40.79,-2.07,-0.42,6.83,1.88,-3.93,-1.07,-1.66,-6.75,1.48,-6.63,1.65,0.29"
_DITHER = 6.0  # digital silence has a spectrum that no recognizer was trained on
_LONGEST_BYTES = 30 * 48_000
_UNSURE = Heard("", sure=False)


class _Widener:
    """24 kHz to the model's 16 kHz by way of 8 kHz, with the images that plain interpolation leaves above 4 kHz.

    The model was trained on sound up to 6.8 kHz; the mirrored sibilants stand in for what the phone cut off.
    """

    def __init__(self) -> None:
        self._down = Downsampler()
        self._state: Any = None
        self._random = np.random.default_rng(0)

    def process(self, pcm: bytes) -> bytes:
        narrow = np.frombuffer(self._down.process(pcm), dtype="<i2")
        dithered = narrow + self._random.normal(0.0, _DITHER, narrow.size)
        samples = np.clip(dithered, -32768, 32767).astype("<i2").tobytes()
        wide, self._state = audioop.ratecv(samples, 2, 1, 8000, 16_000, self._state)
        return wide


class _Utterance:
    """One utterance on its way through the worker thread, which alone touches it after `begin`."""

    def __init__(self, expected: Expected, cmn: str) -> None:
        self.expected = expected
        self.cmn = cmn
        self.decoder: Any = None
        self.waiting = bytearray()
        self.widener = _Widener()
        self.done: Callable[[Heard, str], None] | None = None


class _Pool:
    """Decoders of one kind, in the worker thread: lent to utterances in the order in which they began."""

    def __init__(self, decoders: list[Any]) -> None:
        self._idle = decoders
        self._queue: deque[_Utterance] = deque()

    def begin(self, utterance: _Utterance) -> None:
        self._queue.append(utterance)
        self._lend()

    def feed(self, utterance: _Utterance, pcm: bytes) -> None:
        utterance.waiting += pcm
        self._decode(utterance)

    def finish(self, utterance: _Utterance, done: Callable[[Heard, str], None]) -> None:
        utterance.done = done
        if utterance.decoder is not None:
            self._conclude(utterance)

    def abandon(self, utterance: _Utterance) -> None:
        if utterance.decoder is not None:
            utterance.decoder.end_utt()
            self._release(utterance)
        elif utterance in self._queue:
            self._queue.remove(utterance)
        if utterance.done is not None:
            utterance.done(_UNSURE, utterance.cmn)

    def _lend(self) -> None:
        while self._idle and self._queue:
            utterance = self._queue.popleft()
            decoder = utterance.decoder = self._idle.pop()
            if utterance.expected is not Expected.FREE:
                decoder.activate_search(utterance.expected.value)
            decoder.start_utt()
            decoder.set_cmn(utterance.cmn)
            self._decode(utterance)
            if utterance.done is not None:
                self._conclude(utterance)

    def _decode(self, utterance: _Utterance) -> None:
        if utterance.decoder is None:
            return
        for start in range(0, len(utterance.waiting), WINDOW_BYTES):
            wide = utterance.widener.process(bytes(utterance.waiting[start : start + WINDOW_BYTES]))
            utterance.decoder.process_raw(wide, False, False)
        utterance.waiting.clear()

    def _conclude(self, utterance: _Utterance) -> None:
        decoder = utterance.decoder
        decoder.end_utt()
        hypothesis = decoder.hyp()
        heard = heard_from(hypothesis.hypstr if hypothesis is not None else "")
        # Only speech teaches what the line sounds like.
        cmn = str(decoder.get_cmn(False)) if heard.sure else utterance.cmn
        self._release(utterance)
        if utterance.done is not None:
            utterance.done(heard, cmn)

    def _release(self, utterance: _Utterance) -> None:
        self._idle.append(utterance.decoder)
        utterance.decoder = None
        self._lend()


def heard_from(hypothesis: str) -> Heard:
    """What a decoder's words amount to: a way through the noise loop, or none at all, is nothing understood."""
    if not hypothesis.strip() or hypothesis.startswith("_"):
        return _UNSURE
    return Heard(hypothesis.strip())


class Ears:
    """What all listeners of an engine share: the worker thread and its decoders."""

    def __init__(self, *, decoders: int = 3, dictation: int = 0) -> None:
        """Have `decoders` utterances with a grammar decoded at once, and `dictation` free ones."""
        self._counts = (decoders, dictation)
        self._pools: dict[bool, _Pool] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ears")
        self._closed = False

    async def start(self) -> None:
        """Load the decoders, before the first call. Raises EngineError where pocketsphinx is not installed."""
        if importlib.util.find_spec("pocketsphinx") is None:
            raise EngineError("nothing here can recognize speech: install `voicelive-phone[engine]`")
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    def _load(self) -> None:
        counts = self._counts
        try:
            with tempfile.TemporaryDirectory() as folder:
                dictionary = Path(folder, "words.dict")
                dictionary.write_text("\n".join(_dictionary()) + "\n")
                self._pools[False] = _Pool([_grammar_decoder(dictionary) for _ in range(counts[0])])
            self._pools[True] = _Pool([_dictation_decoder() for _ in range(counts[1])])
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

    def work(self, job: Callable[..., None], *arguments: object) -> None:
        """Have the worker thread do `job` after everything given to it before."""
        if not self._closed:
            self._thread.submit(job, *arguments)

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
            return _UNSURE
        self._flush()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Heard] = loop.create_future()

        def done(heard: Heard, cmn: str) -> None:
            loop.call_soon_threadsafe(conclude, heard, cmn)

        def conclude(heard: Heard, cmn: str) -> None:
            self._cmn = cmn
            if not answer.done():
                answer.set_result(heard)

        self._do(_Pool.finish, done)
        try:
            return await answer
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

    def _do(self, step: Callable[..., None], *arguments: object) -> None:
        if self._utterance is not None:
            pool = self._ears.pool(self._utterance.expected)
            self._ears.work(step, pool, self._utterance, *arguments)


def _dictionary() -> Iterator[str]:
    """The entries of the grammars' words, and of the noise loop's sounds, from the model's own dictionary."""
    from pocketsphinx import get_model_path

    wanted = words()
    for line in Path(get_model_path(), "en-us", "cmudict-en-us.dict").read_text().splitlines():
        if line.partition(" ")[0].partition("(")[0] in wanted:
            yield line
    for phone in PHONES:
        yield f"_{phone} {phone}"


def _grammar_decoder(dictionary: Path) -> Any:  # noqa: ANN401 - pocketsphinx has no types
    from pocketsphinx import Decoder, get_model_path

    decoder = Decoder(
        hmm=str(Path(get_model_path(), "en-us", "en-us")),
        dict=str(dictionary),
        lm=None,
        bestpath=False,
        cmn="live",
        loglevel="FATAL",
    )
    for expected in Expected:
        if expected is not Expected.FREE:
            decoder.add_jsgf_string(expected.value, grammar(expected))
    return decoder


def _dictation_decoder() -> Any:  # noqa: ANN401 - pocketsphinx has no types
    from pocketsphinx import Decoder

    return Decoder(bestpath=False, cmn="live", loglevel="FATAL")
