// Twelve keys, on screen and on the keyboard.

const DIGITS = "0123456789*#";
const LIT = 160; // ms that a key looks pressed
const MOST = 16; // digits that stay to be read

/** Event `digit`, detail {digit}: a key was pressed while the keypad is on. */
export class Keypad extends EventTarget {
  #keys = new Map();
  #readout;
  #on = false;

  /**
   * @param {HTMLElement} group holds the keys, each with data-digit
   * @param {HTMLElement} readout shows the last digits
   */
  constructor(group, readout) {
    super();
    this.#readout = readout;
    for (const key of group.querySelectorAll("[data-digit]")) {
      this.#keys.set(key.dataset.digit, key);
      key.addEventListener("click", () => this.#press(key.dataset.digit));
    }
    document.addEventListener("keydown", (event) => this.#typed(event));
  }

  /** @param {boolean} on whether there is a call that hears the keys */
  enable(on) {
    this.#on = on;
    for (const key of this.#keys.values()) key.disabled = !on;
  }

  /** Forgets what was pressed, for another call. */
  clear() {
    this.#readout.textContent = "";
  }

  #typed(event) {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!this.#on || event.key.length !== 1 || !DIGITS.includes(event.key) || takesText(event.target)) return;
    event.preventDefault();
    this.#press(event.key);
  }

  #press(digit) {
    if (!this.#on) return;
    const key = this.#keys.get(digit);
    key.dataset.pressed = "";
    setTimeout(() => delete key.dataset.pressed, LIT);
    this.#readout.textContent = (this.#readout.textContent + digit).slice(-MOST);
    this.dispatchEvent(new CustomEvent("digit", { detail: { digit } }));
  }
}

function takesText(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
