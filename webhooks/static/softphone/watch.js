/**
 * Watches over a running call: what must go on and does not. Pure; times are seconds on a clock that goes on while the
 * computer sleeps (Date.now), so that a sleep shows as a gap.
 */

const SLEPT = "The computer was asleep, and the call was ended. Call again.";
const NO_FRAMES =
  "The browser has stopped this page's sound, perhaps for another call or program. End that one, then call again.";
const NO_ANSWER = "The bot took the call and sent no sound. Call again; where it stays, look into the bot's log.";
const STUCK =
  "The network has carried nothing for too long, and the call was ended. Check the connection, then call again.";

/** How long each may take before the call is ended, in seconds. */
export const PATIENCE = Object.freeze({ sleep: 5, frames: 3, answer: 20, stuck: 10 });

export class Watch {
  #patience;
  #began;
  #ticked;
  #frame;
  #heard = false;
  #stuckSince = null;

  /**
   * @param {number} now
   * @param {typeof PATIENCE} [patience]
   */
  constructor(now, patience = PATIENCE) {
    this.#began = this.#ticked = this.#frame = now;
    this.#patience = patience;
  }

  /** A frame came from the microphone. @returns {string} what is wrong, or nothing */
  frame(now) {
    const slept = now - this.#frame > this.#patience.sleep;
    this.#frame = now;
    return slept ? SLEPT : "";
  }

  /** Something came from the bot. */
  heard() {
    this.#heard = true;
  }

  /** @param {boolean} stuck whether more than a second of sound waits for the network */
  network(stuck, now) {
    this.#stuckSince = stuck ? (this.#stuckSince ?? now) : null;
  }

  /**
   * To be called each second. A late tick alone is no sleep: browsers slow the timers of pages in the background, and
   * the sound goes on.
   * @returns {string} what is wrong, or nothing
   */
  tick(now) {
    const late = now - this.#ticked > this.#patience.sleep;
    this.#ticked = now;
    if (late && now - this.#frame > this.#patience.sleep) return SLEPT;
    if (now - this.#frame > this.#patience.frames) return NO_FRAMES;
    if (!this.#heard && now - this.#began > this.#patience.answer) return NO_ANSWER;
    if (this.#stuckSince !== null && now - this.#stuckSince > this.#patience.stuck) return STUCK;
    return "";
  }
}
