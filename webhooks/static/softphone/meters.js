// How loud one side is. The bar moves with every value; the figure for assistive technology rarely.

const RARELY = 500; // ms

export class Meter {
  #element;
  #told = -Infinity; // ms: the first value is told at once

  /** @param {HTMLElement} element role=meter, 0..100 */
  constructor(element) {
    this.#element = element;
  }

  /** @param {number} level 0..1 on a perceptual scale */
  set(level) {
    const share = Math.min(1, Math.max(0, level || 0));
    this.#element.style.setProperty("--level", share.toFixed(3));
    const now = performance.now();
    if (now - this.#told < RARELY && share > 0) return;
    this.#told = now;
    this.#element.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }
}
