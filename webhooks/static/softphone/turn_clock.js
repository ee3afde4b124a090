/**
 * How long a person waits for an answer: from their last sound to the first sound of it. Pure; all times are seconds on
 * one clock, the AudioContext's.
 *
 * A frame is loud where it exceeds the room's noise by 12 dB, and -50 dB in any case. The noise is the quietest frame
 * of the last three seconds: speech has dips between its syllables, noise has none. Four more loud frames than quiet
 * ones, 80 ms, make it speech: a click or a key does not.
 */

const ABOVE_NOISE = 4; // 12 dB
const LOUD_AT_LEAST = 0.0032; // -50 dB
const NOISE_FRAMES = 150;
const SPEECH_FRAMES = 4;
const LONGEST_RUN = 10;
const LONGEST_TURN = 20; // seconds; what comes later is no answer

export class TurnClock {
  #levels = []; // of the last three seconds
  #run = 0;
  #lastSound = null; // of speech that was not yet answered

  /**
   * @param {number} level root mean square of a frame of the microphone, 0 to 1
   * @param {number} at when its last sample was taken
   */
  caller(level, at) {
    this.#levels.push(level);
    if (this.#levels.length > NOISE_FRAMES) this.#levels.shift();
    const loud = level > Math.max(LOUD_AT_LEAST, Math.min(...this.#levels) * ABOVE_NOISE);
    this.#run = loud ? Math.min(LONGEST_RUN, this.#run + 1) : Math.max(0, this.#run - 1);
    if (loud && this.#run >= SPEECH_FRAMES) this.#lastSound = at;
  }

  /**
   * @param {number} at when a first sound after a pause was played
   * @returns {number | null} seconds since the caller's last sound; null: nobody had said anything
   */
  answer(at) {
    const since = this.#lastSound === null ? null : at - this.#lastSound;
    this.#lastSound = null;
    return since !== null && since > 0 && since <= LONGEST_TURN ? since : null;
  }
}
