// Says gently that the line is open, once in a call, where nobody has said anything for a while.

const AFTER = 3000; // ms of a ready line with nobody speaking
const OPEN = "The line is open. Say something, for instance: “When are you open?”";
const MUTED = "The line is open, and you are muted. Unmute to be heard.";

export class SilenceHint {
  #show;
  #timer = 0;
  #said = false;
  #shown = false;
  #muted = false;
  #ready = false;

  /** @param {(sentence: string) => void} show empty: take it away */
  constructor(show) {
    this.#show = show;
  }

  /** For another call. */
  reset() {
    this.#said = this.#muted = false;
    this.state("");
  }

  /** @param {string} state as it is shown */
  state(state) {
    const ready = state === "ready";
    if (ready === this.#ready) return;
    this.#ready = ready;
    clearTimeout(this.#timer);
    if (ready && !this.#said) this.#timer = setTimeout(() => this.#tell(), AFTER);
    if (!ready) this.#hide();
  }

  /** @param {boolean} on */
  muted(on) {
    this.#muted = on;
    if (this.#shown) this.#tell();
  }

  #tell() {
    this.#said = this.#shown = true;
    this.#show(this.#muted ? MUTED : OPEN);
  }

  #hide() {
    if (!this.#shown) return;
    this.#shown = false;
    this.#show("");
  }
}
