// What a screen reader is to say. Changes that follow each other closely become one.

const CLOSELY = 350; // ms

export class Announcer {
  #element;
  #join;
  #parts = [];
  #timer = 0;

  /**
   * @param {HTMLElement} element with aria-live
   * @param {(parts: string[]) => string} [join] makes one sentence of what came closely together; the last wins
   */
  constructor(element, join = (parts) => parts.at(-1)) {
    this.#element = element;
    this.#join = join;
  }

  /** @param {string} part */
  say(part) {
    this.#parts.push(part);
    this.#element.textContent = ""; // so that the same words are said again
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#element.textContent = this.#join(this.#parts);
      this.#parts = [];
    }, CLOSELY);
  }
}
