/**
 * In the audio thread: plays what the bot sends, at the rate of the context.
 *
 * Takes `{media}` (bytes of mu-law), `{mark}` (a name), `{clear: true}` and `{end: true}`. Posts, each by itself:
 * - `{marks}`: names, those before which everything was played; `{cleared}`: names, those that a clear gave back
 * - `{sound}`: when on the context's clock, in seconds, sound began after a pause or a clear
 * - `{level, queued}`, twenty times a second: root mean square since the last, 0 to 1; seconds that wait
 * - `{hole, target}`: seconds by which sound was late in mid-speech, and that from now on wait before they are played
 * - `{full: true}`: ten minutes wait, what came was thrown away
 */

import { PlayoutBuffer, RATE } from "./playout_buffer.js";
import { Resampler } from "./resampler.js";

const QUANTUM = 128;
const PAUSE = 0.3; // seconds; a shorter one is within speech
const AUDIBLE = 200 / 32768; // -44 dB: above the noise of the code, below any speech
const REPORT_EVERY = 0.05; // seconds

class Playout extends AudioWorkletProcessor {
  #resampler;
  #buffer;
  #block;
  #clearing = false;
  #quiet = Infinity; // samples since one could be heard
  #energy = 0;
  #measured = 0; // samples in it
  #running = true;

  constructor() {
    super();
    const most = Math.ceil((QUANTUM * RATE) / sampleRate) + 1;
    this.#resampler = new Resampler(RATE, sampleRate, most);
    this.#buffer = new PlayoutBuffer(Math.ceil(this.#resampler.delay));
    this.#block = new Float32Array(most);
    this.port.onmessage = ({ data }) => this.#take(data);
  }

  #take(message) {
    if (message.media) {
      if (!this.#buffer.push(message.media)) this.port.postMessage({ full: true });
      const hole = this.#buffer.takeHole();
      if (hole > 0) this.port.postMessage({ hole: hole / RATE, target: this.#buffer.target / RATE });
    } else if (message.mark !== undefined) {
      this.#buffer.mark(message.mark);
      this.#give(this.#buffer.due());
    } else if (message.clear) {
      this.port.postMessage({ cleared: this.#buffer.clear() });
      this.#clearing = true;
    } else if (message.end) {
      this.#running = false;
    }
  }

  process(_inputs, [[output, ...others]]) {
    const count = this.#resampler.needed(output.length);
    if (this.#clearing) this.#fadeOut(output, count);
    else this.#play(output, count);
    for (const other of others) other.set(output);
    this.#observe(output);
    if (this.#clearing) this.#quiet = Infinity; // what comes next is new
    this.#clearing = false;
    return this.#running;
  }

  #play(output, count) {
    this.#buffer.pull(this.#block, count);
    this.#resampler.process(this.#block, count, output);
    this.#give(this.#buffer.due());
  }

  /** After a clear: the 3 ms that the filter still holds, faded, and then silence, so that there is no click. */
  #fadeOut(output, count) {
    this.#block.fill(0);
    this.#resampler.process(this.#block, count, output);
    output.forEach((sample, i) => {
      output[i] = sample * (1 - (i + 1) / output.length);
    });
    this.#resampler.reset();
  }

  #give(marks) {
    if (marks.length > 0) this.port.postMessage({ marks });
  }

  #observe(output) {
    for (let i = 0; i < output.length; i += 1) {
      const sample = output[i];
      this.#energy += sample * sample;
      if (Math.abs(sample) > AUDIBLE) {
        if (this.#quiet >= PAUSE * sampleRate) this.port.postMessage({ sound: currentTime + i / sampleRate });
        this.#quiet = 0;
      } else {
        this.#quiet += 1;
      }
    }
    this.#measured += output.length;
    if (this.#measured >= REPORT_EVERY * sampleRate) {
      const level = Math.sqrt(this.#energy / this.#measured);
      this.port.postMessage({ level, queued: this.#buffer.queued / RATE });
      this.#energy = 0;
      this.#measured = 0;
    }
  }
}

registerProcessor("playout", Playout);
