"""What it costs to bring a chunk of audio from one rate to the other: `python -m benchmarks.resampler`.

Bytes in, bytes out, on one core; the 20 ms rows are paid for fifty times a second for every call, each way.
"""

from __future__ import annotations

import os
import platform
from statistics import median
from time import perf_counter, process_time

import numpy as np

from bot.audio import Downsampler, Upsampler

REPEATS = 15
AUDIO_SECONDS = 20.0  # of audio in each repeat
CHUNKS_MS = (20, 200, 500)
WAYS = ((Upsampler, 8000, "8 -> 24 kHz"), (Downsampler, 24000, "24 -> 8 kHz"))


def measure(resampler: Upsampler | Downsampler, chunk: bytes, times: int) -> tuple[float, float]:
    """Seconds on the wall's clock and on the processor's for one chunk, over `times` chunks."""
    wall, cpu = perf_counter(), process_time()
    for _ in range(times):
        resampler.process(chunk)
    return (perf_counter() - wall) / times, (process_time() - cpu) / times


def main() -> None:
    """Print the conditions and one row for each way and length of chunk."""
    print(f"Resampler: {REPEATS} repeats of {AUDIO_SECONDS:.0f} s of noise; microseconds for each chunk")
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, numpy {np.__version__}"
    )
    print(f"{'way':12} {'chunk':>7} {'min':>8} {'median':>8} {'max':>8} {'cpu':>8}")
    noise = np.random.default_rng(1)
    for kind, rate, way in WAYS:
        for milliseconds in CHUNKS_MS:
            chunk = noise.integers(-20000, 20000, rate * milliseconds // 1000).astype("<i2").tobytes()
            times = round(AUDIO_SECONDS * 1000 / milliseconds)
            resampler = kind()
            measure(resampler, chunk, times)  # warm the caches
            rows = [measure(resampler, chunk, times) for _ in range(REPEATS)]
            wall = [1e6 * row[0] for row in rows]
            cpu = median(1e6 * row[1] for row in rows)
            print(f"{way:12} {milliseconds:4} ms {min(wall):8.1f} {median(wall):8.1f} {max(wall):8.1f} {cpu:8.1f}")


if __name__ == "__main__":
    main()
