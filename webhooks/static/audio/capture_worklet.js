/**
 * In the audio thread: from the microphone, at the rate of the context, to frames of 20 ms as Media Streams has them.
 *
 * Posts `{frame, level, at}`: 160 bytes of mu-law at 8000 Hz; their root mean square, 0 to 1; and when on the
 * context's clock, in seconds, the last of them was at the microphone's end of the graph. Frames follow one another
 * without a gap, also where no input is connected. Any message to it ends it.
 */

import { rms } from "./level.js";
import { encodeFloat } from "./mulaw.js";
import { Resampler } from "./resampler.js";

const RATE = 8000;
const FRAME = 160;
const QUANTUM = 128; // at most; https://webaudio.github.io/web-audio-api/#render-quantum-size

class Capture extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE, QUANTUM);
  #delay = this.#resampler.delay / sampleRate; // seconds
  #silence = new Float32Array(QUANTUM);
  #resampled = new Float32Array(Math.ceil((QUANTUM * RATE) / sampleRate) + 1);
  #frame = new Float32Array(FRAME);
  #filled = 0;
  #running = true;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.#running = false;
    };
  }

  process([input]) {
    const samples = input[0] ?? this.#silence;
    const count = this.#resampler.process(samples, samples.length, this.#resampled);
    for (let i = 0; i < count; i += 1) {
      this.#frame[this.#filled] = this.#resampled[i];
      this.#filled += 1;
      if (this.#filled === FRAME) this.#post(currentTime + (i + 1) / RATE - this.#delay);
    }
    return this.#running;
  }

  #post(at) {
    this.#filled = 0;
    const frame = Uint8Array.from(this.#frame, encodeFloat);
    this.port.postMessage({ frame, level: rms(this.#frame), at }, [frame.buffer]);
  }
}

registerProcessor("capture", Capture);
