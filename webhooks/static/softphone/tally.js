/** What happens many times a second, summed up for the event log. Pure. */

import { counted } from "../call_words.js";

const BYTES_PER_SECOND = 8000;
const FRAMES_PER_SECOND = 50;

export class Tally {
  #bytes = 0;
  #messages = 0;
  #marks = 0;
  #lastMark = "";
  #left = 0;
  #odd = 0;
  #full = false;

  /** @param {number} bytes of mu-law that came in one message */
  media(bytes) {
    this.#bytes += bytes;
    this.#messages += 1;
  }

  /** @param {string[]} names of marks given back because all before them was played */
  marks(names) {
    this.#marks += names.length;
    this.#lastMark = names.at(-1) ?? this.#lastMark;
  }

  /** A frame was left out, because the network is stuck. */
  leftOut() {
    this.#left += 1;
  }

  /** A message was not understood. */
  odd() {
    this.#odd += 1;
  }

  /** Sound was thrown away, because ten minutes of it wait already. */
  full() {
    this.#full = true;
  }

  /**
   * @param {number} queued seconds that wait to be played
   * @returns {{kind: string, text: string}[]} what there is to say since the last time
   */
  take(queued) {
    const notes = [];
    const say = (kind, text) => notes.push({ kind, text });
    if (this.#messages > 0) {
      const came = (this.#bytes / BYTES_PER_SECOND).toFixed(2);
      const messages = counted(this.#messages, "message");
      say("media", `${came} s of sound came in ${messages}; ${queued.toFixed(2)} s wait to be played`);
    }
    if (this.#marks > 0) {
      say("mark", `${counted(this.#marks, "mark")} given back as played, the last is ${this.#lastMark}`);
    }
    if (this.#left > 0) {
      const left = (this.#left / FRAMES_PER_SECOND).toFixed(2);
      say("trouble", `the network is stuck: ${left} s of the microphone left out`);
    }
    if (this.#odd > 0) say("trouble", `${counted(this.#odd, "message")} of the bot not understood`);
    if (this.#full) say("trouble", "more than ten minutes wait to be played; what came was thrown away");
    this.#bytes = this.#messages = this.#marks = this.#left = this.#odd = 0;
    this.#full = false;
    return notes;
  }
}
