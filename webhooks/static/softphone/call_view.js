// The buttons of a call, its state in words and colour, and where the keyboard's focus goes.

import { WORDS } from "./states.js";

/** Events: `call`, `hang-up`; `mute`, detail {on}. */
export class CallView extends EventTarget {
  #badge;
  #call;
  #mute;
  #hangUp;
  #announcer;

  /**
   * @param {Record<"badge"|"call"|"mute"|"hangUp", HTMLElement>} elements the badge, and three buttons
   * @param {import("./announcer.js").Announcer} announcer
   */
  constructor({ badge, call, mute, hangUp }, announcer) {
    super();
    this.#badge = badge;
    this.#call = call;
    this.#mute = mute;
    this.#hangUp = hangUp;
    this.#announcer = announcer;
    call.disabled = false; // until now nobody would have heard it
    call.addEventListener("click", () => this.dispatchEvent(new CustomEvent("call")));
    hangUp.addEventListener("click", () => this.dispatchEvent(new CustomEvent("hang-up")));
    mute.addEventListener("click", () => {
      const on = mute.getAttribute("aria-pressed") !== "true";
      mute.setAttribute("aria-pressed", String(on));
      this.dispatchEvent(new CustomEvent("mute", { detail: { on } }));
    });
  }

  /** @param {string} state a key of WORDS */
  state(state) {
    if (this.#badge.dataset.state === state) return;
    this.#badge.dataset.state = state;
    this.#badge.textContent = WORDS[state];
    this.#announcer.say(WORDS[state]);
  }

  /** @param {boolean} busy whether there is a call, even one that is only being made */
  busy(busy) {
    const [next, last] = busy ? [this.#hangUp, this.#call] : [this.#call, this.#hangUp];
    // The focus moves on only from where it would be lost: not from somebody who reads or filters.
    const orphan = [document.body, last, this.#mute].includes(document.activeElement) || !busy && onAKey();
    last.disabled = true;
    next.disabled = false;
    if (orphan) next.focus({ preventScroll: true });
    if (!busy) this.open(false);
  }

  /** @param {boolean} open whether there is a line to mute */
  open(open) {
    this.#mute.disabled = !open;
    if (!open) this.#mute.setAttribute("aria-pressed", "false");
  }
}

function onAKey() {
  return document.activeElement instanceof HTMLElement && document.activeElement.dataset.digit !== undefined;
}
