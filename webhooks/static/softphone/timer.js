// How long the call takes.

import { lengthOf } from "../call_words.js";

const TICK = 250; // ms

export class CallTimer {
  #element;
  #now;
  #began = null; // ms
  #ticks = 0;

  /**
   * @param {HTMLElement} element
   * @param {() => number} [now] milliseconds, never going back
   */
  constructor(element, now = () => performance.now()) {
    this.#element = element;
    this.#now = now;
  }

  /** Shows zero, for a call that has not begun. */
  reset() {
    this.stop();
    this.#element.textContent = "0:00";
  }

  /** Begins at zero. */
  start() {
    this.stop();
    this.#began = this.#now();
    this.#ticks = setInterval(() => this.#show(), TICK);
    this.#show();
  }

  /** Stays at where it is. */
  stop() {
    if (this.#ticks) this.#show();
    clearInterval(this.#ticks);
    this.#ticks = 0;
  }

  #show() {
    const text = lengthOf((this.#now() - this.#began) / 1000);
    if (this.#element.textContent !== text) this.#element.textContent = text;
  }
}
