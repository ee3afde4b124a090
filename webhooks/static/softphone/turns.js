// How long each answer took, from the caller's last word to its first sound.

const MOST = 100; // answers that are kept
const SCALE = 2; // seconds that fill the bar, where none took longer

export class AnswerTimes {
  #seconds = [];
  #count = 0; // since the call began
  #empty;
  #filled;
  #list;
  #figures = {};

  /** @param {HTMLElement} root the card of the page */
  constructor(root) {
    this.#empty = root.querySelector(".empty");
    this.#filled = root.querySelector(".turns");
    this.#list = root.querySelector(".turns-list");
    for (const figure of root.querySelectorAll("[data-figure]")) this.#figures[figure.dataset.figure] = figure;
  }

  /** @param {string} words where the times are measured */
  measured(words) {
    this.#figures.source.textContent = words;
  }

  /** @param {number} seconds */
  add(seconds) {
    this.#count += 1;
    this.#seconds.push(seconds);
    const item = document.createElement("li");
    item.className = "turns-item";
    const bar = document.createElement("span");
    bar.className = "turns-bar";
    item.append(span("turns-number", `Answer ${this.#count}`), bar, span("figures", inWords(seconds)));
    this.#list.prepend(item);
    if (this.#seconds.length > MOST) {
      this.#seconds.shift();
      this.#list.lastElementChild.remove();
    }
    this.#show();
  }

  /** For another call. */
  clear() {
    this.#seconds = [];
    this.#count = 0;
    this.#list.replaceChildren();
    this.#show();
  }

  #show() {
    const none = this.#seconds.length === 0;
    this.#empty.hidden = !none;
    this.#filled.hidden = none;
    if (none) return;
    this.#figures.last.textContent = inWords(this.#seconds.at(-1));
    this.#figures.median.textContent = inWords(median(this.#seconds));
    const scale = Math.max(SCALE, ...this.#seconds);
    const newestFirst = this.#seconds.toReversed();
    for (const [place, item] of [...this.#list.children].entries()) {
      item.style.setProperty("--share", (newestFirst[place] / scale).toFixed(3));
    }
  }
}

/** @param {number[]} values at least one */
export function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function inWords(seconds) {
  return `${seconds.toFixed(2)} s`;
}

function span(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}
