"""8 kHz to 24 kHz and back, as a stream: prompt, clean, and the same to the last bit however the audio is cut.

Both ways use one low-pass filter, a Kaiser-windowed sinc of 87 taps at 24 kHz with its middle at 4 kHz. It passes up
to 3.4 kHz, rejects by 68 dB from 4.6 kHz on, and delays by half its length: 43 samples, 1.8 ms. Beyond that nothing
is held back: whatever can be said after a chunk is said after that chunk.

A *step* is the smallest move that is whole on both sides: one sample at 8 kHz, three at 24 kHz. The outputs of one
step are a *window* of past input times a small matrix, the *kernel*. Sixteen steps side by side make a larger, banded
matrix, and so a chunk of any length is one matrix product: its overlapping windows, one to a row, times that matrix.

The taps are whole multiples of 2**-30. Times 16-bit samples, every product and every sum fits into the 53 bits of a
double, so nothing is ever rounded on the way and no order of summation, which BLAS chooses by shape and processor,
can change a bit of the result.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import audioop
import numpy as np
from numpy.typing import NDArray

type _Floats = NDArray[np.float64]

_RATIO: Final = 3
_TAPS: Final = 87
_KAISER_BETA: Final = 6.76  # Kaiser's formula for 70 dB: 0.1102 * (70 - 8.7)
_TAP_UNIT: Final = 2.0**-30
_BLOCK_STEPS: Final = 16  # the quickest of 4 to 40, for 20 ms and for 500 ms alike

_FRAME: Final = 160  # samples, 20 ms at 8 kHz: what Twilio sends, and a whole number of blocks

_PCM16: Final = np.dtype("<i2")
_PCM16_LOUDEST: Final = 32768
_FRAME_BYTES: Final = _FRAME * _PCM16.itemsize
_FLOAT: Final = np.dtype(np.float64)
# Arrays, because numpy would convert a plain number anew for every chunk.
_LOWEST: Final = np.array(-32768.0)
_HIGHEST: Final = np.array(32767.0)


def _low_pass() -> _Floats:
    """The filter's impulse response, not yet scaled."""
    offsets = np.arange(_TAPS) - _TAPS // 2
    return np.kaiser(_TAPS, _KAISER_BETA) * np.sinc(offsets / _RATIO)


def _unit_gain(kernel: _Floats) -> _Floats:
    """Scale each column to a sum of exactly 1 in whole units of `_TAP_UNIT`.

    So a steady level comes out as exactly that level, with no tone of 8 kHz laid on it by unequal columns.
    """
    units = np.rint(kernel / kernel.sum(axis=0) / _TAP_UNIT)
    largest = units.argmax(axis=0)
    units[largest, np.arange(units.shape[1])] += 1 / _TAP_UNIT - units.sum(axis=0)
    return units * _TAP_UNIT


def _side_by_side(kernel: _Floats, step: int) -> _Floats:
    """The banded matrix that makes the outputs of `_BLOCK_STEPS` steps from one window that covers them all."""
    window, outputs = kernel.shape
    banded = np.zeros((window + (_BLOCK_STEPS - 1) * step, _BLOCK_STEPS * outputs))
    for i in range(_BLOCK_STEPS):
        banded[i * step :, i * outputs :][:window, :outputs] = kernel
    return banded


@cache  # one for all calls: 17 KiB that nobody writes to
def _upwards() -> tuple[_Floats, _Floats]:
    kernel = _unit_gain(_low_pass().reshape(-1, _RATIO)[::-1])
    return kernel, _side_by_side(kernel, 1)


@cache
def _downwards() -> tuple[_Floats, _Floats]:
    kernel = _unit_gain(_low_pass().reshape(-1, 1)[::-1])
    return kernel, _side_by_side(kernel, _RATIO)


class _PolyphaseFir:
    """A filter that reads `step` samples for every column of `kernel` that it writes.

    kernel: one row for each sample of the window, the oldest first; one column for each output of a step. A window
    ends with the first sample of its step, so that a step is answered as soon as it begins.
    """

    def __init__(self, kernel: _Floats, matrix: _Floats, *, step: int) -> None:
        window, self._outputs = kernel.shape
        self._step = step
        self._matrix = matrix
        self._past = window - 1
        self.reset()

    def reset(self) -> None:
        """Forget all that was heard, as at the start of a call or after a barge-in: the past is silence again."""
        self._history = np.zeros(self._past)
        self._until_step = 0  # samples to come before the next step begins
        self._half_sample = b""

    def process(self, pcm: bytes) -> bytes:
        """Convert the next chunk, of any length. pcm: 16-bit little-endian mono, as is what comes back.

        Half a sample at the end waits for its other half. What is too loud is held at full scale.
        """
        if self._half_sample:
            pcm = self._half_sample + pcm
        count = len(pcm) // _PCM16.itemsize
        self._half_sample = pcm[count * _PCM16.itemsize :]

        first, stride, width = self._until_step, _BLOCK_STEPS * self._step, self._matrix.shape[0]
        steps = -((first - count) // self._step)  # those that begin within this chunk
        blocks = -(-steps // _BLOCK_STEPS)

        # The past, the chunk, and silence up to the end of the last block.
        samples = np.zeros(max(self._past + count, first + (blocks - 1) * stride + width))
        samples[: self._past] = self._history
        samples[self._past : self._past + count] = np.frombuffer(pcm, _PCM16, count)
        self._history = samples[count : count + self._past].copy()
        self._until_step = first + steps * self._step - count

        # as_strided makes the same view for five times the price. The copy is what lets BLAS take it.
        item = samples.itemsize
        windows = np.ndarray((blocks, width), _FLOAT, samples, first * item, (stride * item, item)).copy()
        output: _Floats = windows.dot(self._matrix).reshape(-1)[: steps * self._outputs]
        np.rint(output, out=output)
        np.minimum(output, _HIGHEST, out=output)
        np.maximum(output, _LOWEST, out=output)
        return output.astype(_PCM16).tobytes()


class Upsampler(_PolyphaseFir):
    """From the caller to the session: 8 kHz to 24 kHz. Each sample in is answered by three out, at once.

    One output of each three is the input itself, 14 samples later: the filter only adds what lies between.

    Nearly every chunk is one frame of 20 ms, fifty times a second for every call. For those all that numpy needs is
    laid out once, which halves what a frame costs; the steps are those of `process` above, and so are the bits.
    """

    def __init__(self) -> None:
        super().__init__(*_upwards(), step=1)
        past, width = self._past, self._matrix.shape[0]
        samples = np.zeros(past + _FRAME)
        item = samples.itemsize
        self._oldest, self._newest = samples[:past], samples[_FRAME:]
        self._incoming = samples[past:]
        blocks = _FRAME // _BLOCK_STEPS
        self._overlapping = np.ndarray((blocks, width), _FLOAT, samples, 0, (_BLOCK_STEPS * item, item))
        self._windows = np.empty((blocks, width))
        self._output = np.empty((blocks, _BLOCK_STEPS * self._outputs))
        self._rounded = np.empty((blocks, _BLOCK_STEPS * self._outputs), _PCM16)
        self._safe = 32767 / np.abs(self._matrix).sum(axis=0).max()  # what is no louder cannot come out too loud
        self._loudest = 0  # of the frame before, which the filter still looks at

    def process(self, pcm: bytes) -> bytes:
        """Convert the next chunk, of any length. pcm: 16-bit little-endian mono, as is what comes back."""
        if len(pcm) != _FRAME_BYTES or self._half_sample:
            return super().process(pcm)
        if self._history is not self._oldest:
            self._oldest[:] = self._history
            self._history, self._loudest = self._oldest, _PCM16_LOUDEST
        self._incoming[:] = np.frombuffer(pcm, _PCM16)
        self._windows[:] = self._overlapping
        output = np.dot(self._windows, self._matrix, out=self._output)
        self._oldest[:] = self._newest
        np.rint(output, out=output)
        loudest = audioop.max(pcm, _PCM16.itemsize)
        if max(loudest, self._loudest) > self._safe:
            np.minimum(output, _HIGHEST, out=output)
            np.maximum(output, _LOWEST, out=output)
        self._loudest = loudest
        self._rounded[:] = output
        return self._rounded.tobytes()


class Downsampler(_PolyphaseFir):
    """From the session to the caller: 24 kHz to 8 kHz.

    The first sample in, and every third after it, is answered by one out, at once: n samples since the start or the
    last `reset` have given n / 3 samples, rounded up.
    """

    def __init__(self) -> None:
        super().__init__(*_downwards(), step=_RATIO)
