"""What a page really played, and what its microphone heard: tapped in its audio graph, both on one clock.

One recorder with two inputs stands beside the page's graph: on the first is whatever the page connects to
`AudioContext.destination`, on the second the stream that `getUserMedia` gave. It changes nothing of what is played.
The inputs share their samples' numbers, so times on both can be compared to the sample.

The recorder is a worklet, since the older ScriptProcessorNode skips samples while the page is busy. The bot's policy
lets in no code but its own, so for a page that is listened to the policy is switched off; it holds in all others.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page

RATE = 8000
"""Samples a second of what is returned: a phone's."""

type Sound = NDArray[np.float64]

TAP = """
(() => {
  const RECORDER = `registerProcessor("tap", class extends AudioWorkletProcessor {
    constructor() { super(); this.begin(); }
    begin() { this.filled = 0; this.block = [new Float32Array(4096), new Float32Array(4096)]; }
    process(inputs) {
      this.block.forEach((channel, number) => inputs[number][0] && channel.set(inputs[number][0], this.filled));
      this.filled += 128;
      if (this.filled === 4096) {
        this.port.postMessage(this.block);
        this.begin();
      }
      return true;
    }
  });`;
  const recorder = URL.createObjectURL(new Blob([RECORDER], { type: "text/javascript" }));
  const connect = AudioNode.prototype.connect;
  const taps = new Map(); // for each context
  const streams = [];

  function tapOf(context) {
    if (!taps.has(context)) {
      const tap = { blocks: [], heard: new Set(), inputs: [new GainNode(context), new GainNode(context)] };
      taps.set(context, tap);
      context.audioWorklet.addModule(recorder).then(() => {
        const options = { numberOfInputs: 2, channelCount: 1, channelCountMode: "explicit" };
        const node = new AudioWorkletNode(context, "tap", options);
        node.port.onmessage = ({ data }) => tap.blocks.push(data);
        tap.inputs.forEach((input, number) => connect.call(input, node, 0, number));
        connect.call(node, context.destination); // it plays silence; without this it would not run
      });
    }
    return taps.get(context);
  }

  function listen(context, tap, stream) {
    if (context.state === "closed" || tap.heard.has(stream)) return;
    tap.heard.add(stream);
    connect.call(new MediaStreamAudioSourceNode(context, { mediaStream: stream }), tap.inputs[1]);
  }

  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode && this.context instanceof AudioContext) {
      const tap = tapOf(this.context);
      connect.call(this, tap.inputs[0]);
      for (const stream of streams) listen(this.context, tap, stream);
    }
    return connect.call(this, target, ...more);
  };

  const Native = window.AudioContext;
  window.AudioContext = class AudioContext extends Native {
    constructor(...options) {
      super(...options);
      tapOf(this); // early, so that the recorder is there when the first sound is
    }
  };

  const devices = navigator.mediaDevices;
  if (devices) {
    const ask = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      const stream = await ask(constraints);
      streams.push(stream);
      for (const [context, tap] of taps) listen(context, tap, stream);
      return stream;
    };
  }

  function text(samples) {
    const whole = Int16Array.from(samples, (sample) => 32767 * Math.max(-1, Math.min(1, sample)));
    const bytes = new Uint8Array(whole.buffer);
    let binary = "";
    for (let at = 0; at < bytes.length; at += 4096) binary += String.fromCharCode(...bytes.subarray(at, at + 4096));
    return btoa(binary);
  }
  window.tapOfTheTests = (known) => {
    const [context, tap] = [...taps].at(-1) ?? [];
    if (!context) return null;
    const fresh = tap.blocks.slice(known[taps.size] ?? 0);
    return { number: taps.size, rate: context.sampleRate, blocks: fresh.map((block) => block.map(text)) };
  };
})();
"""


@dataclass(frozen=True)
class Heard:
    """One audio context's life: 8 kHz samples from -1 to 1, both beginning at one moment."""

    played: Sound
    microphone: Sound


class Listening:
    """Listens to one page that was opened with `TAP`. What was fetched is kept, so asking often costs little."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._blocks: dict[int, list[tuple[str, str]]] = {}

    async def heard(self) -> Heard:
        """What was played and heard in the newest audio context, but for the last tenth of a second.

        Fails where there is none, before the first call.
        """
        known = {number: len(blocks) for number, blocks in self._blocks.items()}
        newest: dict[str, Any] | None = await self._page.evaluate("(known) => tapOfTheTests(known)", known)
        assert newest is not None, "the page plays nothing"
        blocks = self._blocks.setdefault(newest["number"], [])
        blocks += newest["blocks"]
        if not blocks:
            return Heard(np.zeros(0), np.zeros(0))
        # In a thread: the bot that is listened to runs in this event loop, and its sound is not to wait for this.
        return await asyncio.to_thread(_joined, tuple(blocks), float(newest["rate"]))


def _joined(blocks: Sequence[tuple[str, str]], rate: float) -> Heard:
    played, microphone = (
        np.concatenate([_samples(text) for text in channel]) for channel in zip(*blocks, strict=True)
    )
    return Heard(at_phone_rate(played, rate), at_phone_rate(microphone, rate))


def _samples(text: str) -> Sound:
    return np.frombuffer(base64.b64decode(text), dtype="<i2") / 32768


def at_phone_rate(sound: Sound, rate: float) -> Sound:
    """The whole of a recording at 8 kHz, everything above 4 kHz left out."""
    length = round(len(sound) * RATE / rate)
    if length == len(sound) or not length:
        return sound
    spectrum = np.fft.rfft(sound)
    kept = np.zeros(length // 2 + 1, dtype=complex)
    count = min(len(kept), len(spectrum))
    kept[:count] = spectrum[:count]
    return np.asarray(np.fft.irfft(kept, length) * (length / len(sound)))


def pcm16(pcm: bytes) -> Sound:
    """16-bit little-endian samples as numbers from -1 to 1."""
    return np.frombuffer(pcm, dtype="<i2") / 32768


def found(expected: Sound, sound: Sound) -> tuple[float, float]:
    """Where in `sound` is `expected`, and how alike are they? Both at 8 kHz.

    Returns the highest normalised cross-correlation, from -1 to 1, and the seconds at which it begins.
    """
    if len(sound) < len(expected) or not expected.any():
        return 0.0, 0.0
    size = len(sound) + len(expected)
    product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(expected, size)), size)
    product = product[: len(sound) - len(expected) + 1]
    energy = np.concatenate([[0.0], np.cumsum(sound**2)])
    energy = energy[len(expected) :] - energy[: -len(expected)]
    floor = 1e-6 * float(np.sum(expected**2))  # where there is silence, nothing is alike
    alike = product / np.sqrt(np.maximum(energy, floor) * np.sum(expected**2))
    at = int(np.argmax(alike))
    return float(alike[at]), at / RATE


def first_sound(sound: Sound, after: float = 0.0, level: float = 0.01) -> float | None:
    """When `sound` first exceeds `level` (of 1; 0.01 is -40 dB) after so many seconds; None: never."""
    start = int(after * RATE)
    loud = np.flatnonzero(np.abs(sound[start:]) > level)
    return (start + int(loud[0])) / RATE if loud.size else None


def silent_from(sound: Sound, after: float, gap: float = 0.25, level: float = 0.01) -> float | None:
    """From when on, not before `after`, nothing louder than `level` is in `sound` for `gap` seconds; None: never."""
    start = int(after * RATE)
    loud = start + np.flatnonzero(np.abs(sound[start:]) > level)
    last = start
    for position in [*loud.tolist(), len(sound)]:
        if position - last >= gap * RATE:
            return last / RATE
        last = position
    return None
