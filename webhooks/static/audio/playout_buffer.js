/**
 * What the bot has sent and the person has not yet heard: Twilio's play-out buffer, played by this page. Pure: its
 * only clock is the number of samples that were pulled. Sound is mu-law at 8000 Hz, one byte a sample.
 *
 * As at Twilio, sound is played in the order received; a mark comes back when all that was queued before it has been
 * played, at once where nothing is queued; a clear empties the buffer and gives back every pending mark; what would
 * make more than ten minutes is thrown away (warning 31931).
 *
 * The network does not deliver evenly, so sound waits before it is played:
 *
 * - Playing begins when the *target* is there, 80 ms to begin with, or when nothing more came for that long.
 * - Sound that comes within half a second after the buffer ran dry was late: a hole in mid-speech. The target grows by
 *   as much as it was late, by 20 ms at least and to 400 ms at most, and playing begins anew with that.
 * - Each 10 s of sound without a hole lower it by 20 ms, to 80 ms at least.
 *
 * The bot sends an answer many times faster than it is spoken, so even the highest target is there after 40 ms: it
 * costs time only where the network needs it.
 */

import { FLOATS } from "./mulaw.js";

export const RATE = 8000;
export const LOWEST_TARGET = 0.08 * RATE;
export const HIGHEST_TARGET = 0.4 * RATE;
export const LONGEST = 600 * RATE;

const SMALLEST_RISE = 0.02 * RATE;
const FALL = 0.02 * RATE;
const FALL_EVERY = 10 * RATE;
const LATE = 0.5 * RATE;
const FADING = 0.85; // from sample to sample once there is none: inaudible after 5 ms, without a click

export class PlayoutBuffer {
  #lag;
  #chunks = []; // of bytes, the first partly played
  #head = 0; // bytes of it that were
  #received = 0;
  #played = 0;
  #now = 0; // samples pulled
  #playing = false;
  #arrived = 0; // when sound came last
  #ranDry = -Infinity; // when playing stopped for want of sound
  #heard = -Infinity; // when the last sound was pulled
  #calm = 0; // samples played since the last hole
  #target = LOWEST_TARGET;
  #waiting = []; // marks behind sound that is queued: {name, position}
  #leaving = []; // marks behind sound that is on its way out: {name, due}
  #last = 0;
  #hole = 0;

  /** @param {number} lag for how many samples sound stays in the filter behind this buffer; marks wait that long */
  constructor(lag = 0) {
    this.#lag = lag;
  }

  /** Samples that wait to be played. */
  get queued() {
    return this.#received - this.#played;
  }

  /** Samples that have to be there before playing begins. */
  get target() {
    return this.#target;
  }

  /**
   * @param {Uint8Array} bytes a `media` message of any length
   * @returns {boolean} false: there would be more than ten minutes, and it was thrown away
   */
  push(bytes) {
    if (this.queued + bytes.length > LONGEST) return false;
    if (bytes.length === 0) return true;
    if (!this.#playing && this.#now - this.#ranDry < LATE) this.#widen(this.#now - this.#ranDry);
    this.#ranDry = -Infinity;
    this.#chunks.push(bytes);
    this.#received += bytes.length;
    this.#arrived = this.#now;
    return true;
  }

  /** @param {string} name is given back by `due` when all that is queued now has been played */
  mark(name) {
    if (this.queued > 0) this.#waiting.push({ name, position: this.#received });
    else this.#leaving.push({ name, due: Math.max(this.#now, this.#heard + this.#lag) });
  }

  /** @returns {string[]} the marks before which everything has been played; each is given back once */
  due() {
    const names = [];
    while (this.#leaving.length > 0 && this.#leaving[0].due <= this.#now) names.push(this.#leaving.shift().name);
    return names;
  }

  /** @returns {string[]} every pending mark, in order; nothing is queued any more */
  clear() {
    const names = [...this.#leaving, ...this.#waiting].map(({ name }) => name);
    this.#leaving = [];
    this.#waiting = [];
    this.#chunks = [];
    this.#head = 0;
    this.#played = this.#received;
    this.#playing = false;
    this.#ranDry = -Infinity;
    this.#heard = -Infinity;
    this.#last = 0;
    return names;
  }

  /**
   * Take what is to be played now; silence where there is nothing.
   * @param {Float32Array} output written from its beginning
   * @param {number} count samples to take
   */
  pull(output, count) {
    if (!this.#playing && this.queued > 0) {
      this.#playing = this.queued >= this.#target || this.#now - this.#arrived >= this.#target;
    }
    const sounding = this.#playing ? Math.min(count, this.queued) : 0;
    this.#copy(output, sounding);
    this.#release(sounding);
    for (let i = sounding; i < count; i += 1) {
      this.#last = Math.abs(this.#last) < 1e-4 ? 0 : this.#last * FADING;
      output[i] = this.#last;
    }
    if (sounding > 0) this.#heard = this.#now + sounding;
    if (this.#playing && sounding < count) {
      this.#playing = false;
      this.#ranDry = this.#heard;
    }
    this.#now += count;
  }

  /** @returns {number} samples of silence that the last hole in mid-speech had; 0 where there was none since asked */
  takeHole() {
    const hole = this.#hole;
    this.#hole = 0;
    return hole;
  }

  #widen(late) {
    this.#target = Math.min(HIGHEST_TARGET, this.#target + Math.max(SMALLEST_RISE, late));
    this.#hole = late;
    this.#calm = 0;
  }

  #copy(output, count) {
    for (let done = 0; done < count; ) {
      const chunk = this.#chunks[0];
      const length = Math.min(count - done, chunk.length - this.#head);
      for (let i = 0; i < length; i += 1) output[done + i] = FLOATS[chunk[this.#head + i]];
      done += length;
      this.#head += length;
      if (this.#head === chunk.length) {
        this.#chunks.shift();
        this.#head = 0;
      }
    }
    if (count === 0) return;
    this.#last = output[count - 1];
    this.#calm += count;
    if (this.#calm >= FALL_EVERY) {
      this.#calm = 0;
      this.#target = Math.max(LOWEST_TARGET, this.#target - FALL);
    }
  }

  /** Have the marks within the next `count` samples leave as their sound does. */
  #release(count) {
    const before = this.#played;
    this.#played += count;
    while (this.#waiting.length > 0 && this.#waiting[0].position <= this.#played) {
      const { name, position } = this.#waiting.shift();
      this.#leaving.push({ name, due: this.#now + (position - before) + this.#lag });
    }
  }
}
