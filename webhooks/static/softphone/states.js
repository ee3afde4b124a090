// The state of the call as it is shown: the page knows about the line, the server about the conversation on it.

import { STATES } from "../call_words.js";

/** What people read for each state; the keys are the values of data-state in style.css. */
export const WORDS = Object.freeze({ idle: "No call", asking: "Asking for the microphone", ...STATES });

/** Puts both together. Pure: give it what comes, read `shown`. */
export class CallState {
  #line = "idle";
  #lineMessage = "";
  #told = null; // {state, message} of the server's last StateChanged
  #wanted = false; // the person hung up

  /** @param {"asking"|"connecting"|"open"|"ended"|"error"} state of the line; message: a sentence for the person */
  line(state, message = "") {
    this.#line = state;
    this.#lineMessage = message;
  }

  /** @param {{state: string, message?: string}} report a StateChanged of the server */
  report({ state, message = "" }) {
    this.#told = { state, message };
  }

  /** The person hung up: what comes of that is no error. */
  hungUp() {
    this.#wanted = true;
  }

  /** The call is over, or there was none. */
  get over() {
    return this.#line === "idle" || this.#line === "ended" || this.#line === "error";
  }

  /** The line is open: digits and mute have something to act on. */
  get open() {
    return this.#line === "open";
  }

  /** @returns {{state: keyof WORDS, message: string}} message: a sentence, may be empty */
  get shown() {
    switch (this.#line) {
      case "open":
        // Until the server says more, the assistant is still being reached.
        return this.#told && WORDS[this.#told.state] ? this.#told : { state: "connecting", message: "" };
      case "ended":
        if (this.#told?.state === "error" && !this.#wanted) {
          return { state: "error", message: this.#lineMessage || this.#told.message };
        }
        return { state: "ended", message: this.#lineMessage };
      default:
        return { state: this.#line, message: this.#lineMessage };
    }
  }
}
